"""A counter's or machine's services: what was paid for gets onto the card, exactly once.

    AUTH(K1) -> READ -> SETTLE own open entry -> AUTH(K2) -> A = k - 1? -> STAGE -> ACTION durable
             -> COMMIT -> OUTCOME

The card's action counter A is the serialisation point: an order whose k the card has passed is
done, whoever did it. The terminal never authenticates again with work pending (D5): K1 only reads.
What is staged is the service's (station_services.py). Source: trust.md 4.5; card.md section 3.
"""

from collections import namedtuple

from card_layouts.answers import (
    ACTION_ORDER,
    HOLD_AGAIN,
    LOADED,
    LOADED_BEFORE,
    TAP_AGAIN,
)
from card_layouts.cards.card_layout import COUNTER_START, FILE_A, K2
from card_layouts.cards.transit_record import ACTION_MASK
from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.records.entries import ACTION as ACTION_TYPE
from card_layouts.records.entries_service import ACTION
from card_layouts.records.entries_tap import (
    GATE_NONE,
    OUTCOME_COMMITTED,
    PHASE_DECIDE,
    PHASE_STAGE,
    REASON_CARD_ERROR,
    REASON_CLOCK_UNSET,
    REASON_KILLED,
    REASON_LEASE,
    REASON_LIMIT,
)
from firmware.card_writer import AUTH, COMMITTED, DECIDE, NOT_SENT, READ, STAGE, CardWriter
from firmware.station_services import Load
from firmware.tap_card import Refused, open_card, read_card
from firmware.tap_entries import announce

BOUNDARY = 0xBE
COMMAND_CREDIT = 0x0C

# What was paid for: `action` 30 bits, the id of the sale's action at the ledger; `k` the card's
# action number, from 1; `version` of that k; `cents` of a load; `channel` a CHANNEL_... number.
Order = namedtuple("Order", ("action", "k", "version", "cents", "channel"))


class Station(CardWriter):
    """One sales device; `serve` carries out one order on one card. `lease` None: always allowed."""

    def __init__(self, profile, clock, entropy, journal, keys, lease, signals, window=None):
        super().__init__(profile, clock, entropy, journal, keys, signals, window)
        self.lease = lease

    def load(self, uid, order):
        """Load the cents of `order` onto the card `uid`, as `serve` does."""
        return (yield from self.serve(uid, order, Load()))

    def serve(self, uid, order, service):
        """Carry out `order` on the card `uid`; return LOADED, LOADED_BEFORE or why not.

        Shape: a conversation over `self.frame`, as `Tap.run`; `service` one of station_services.py.
        """
        seen = self.begin(bytes(uid))
        return (yield from self.answered(seen, self._serve(seen, order, service)))

    def _serve(self, seen, order, service):
        random_bytes = self.entropy.random_bytes
        yield from open_card(self.session, seen, self.profile, self.keys, random_bytes)
        self.mark(AUTH)
        yield from read_card(self.session, seen, False)
        self.mark(READ)
        pending = self.journal.find_open(seen.uid)
        if pending is not None:
            result = yield from self.settle(seen, pending, lambda seen: False)
            if result == OUTCOME_COMMITTED and seen.newest["a"] == order.k & ACTION_MASK:
                return LOADED
        self._check(seen, service)
        version = self.profile["key_version"]
        key = self.keys.card_key(K2, version, seen.uid)
        yield from self.session.authenticate(K2, key, random_bytes(16))
        done = COUNTER_START - (yield from self.session.get_value(FILE_A))
        if order.k <= done:
            return LOADED_BEFORE
        if order.k != done + 1:
            return ACTION_ORDER
        # Only now: a refund blocks the card, and whoever asks for it again is told that it is done.
        reason = service.refusal(seen)
        if reason:
            raise Refused(reason)
        yield from service.read(self.session)
        return (yield from self._commit_service(seen, order, service))

    def _check(self, seen, service):
        seen.phase = PHASE_DECIDE
        if seen.killed:
            raise Refused(REASON_KILLED)
        if seen.clock == CLOCK_UNSET:
            raise Refused(REASON_CLOCK_UNSET)
        lease = self.lease
        if lease is not None and not (
            lease.in_time(seen.time, seen.clock) and lease.may(service.right)
        ):
            raise Refused(REASON_LEASE)

    def _commit_service(self, seen, order, service):
        seq = self.next_seq()
        values = self.follow(seen, seq, service.kind, seen.b)
        own = service.fill(values, seen, order)
        record = self.chain(seen, values)
        payload = self._entry(seen.uid, record, order, service.act, own)
        self.mark(DECIDE)
        seen.phase = PHASE_STAGE
        yield from service.stage(self.session, record)
        self.mark(STAGE)
        known = yield from self.commit(seen, ACTION_TYPE, payload, seq, GATE_NONE)
        if known == COMMITTED:
            return LOADED
        return TAP_AGAIN if known == NOT_SENT else HOLD_AGAIN

    def _entry(self, uid, record, order, act, own):
        values = announce(uid, record)
        values.update(own)
        values["k"] = order.k
        values["version"] = order.version
        values["kind"] = act
        values["action"] = order.action
        values["channel"] = order.channel
        values["operator"] = self.profile.get("operator", 0)
        values["shift"] = self.profile.get("shift", 0)
        values["mode"] = self.mode
        return ACTION.pack(values)

    def reason_of(self, error):
        """A credit beyond the card's hard maximum is a limit, not a fault."""
        if error.command == COMMAND_CREDIT and error.status == BOUNDARY:
            return REASON_LIMIT
        return REASON_CARD_ERROR
