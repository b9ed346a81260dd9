"""A counter's or machine's services: what was paid for gets onto the card, exactly once.

    AUTH(K1) -> READ -> SETTLE own open entry -> AUTH(K2) -> A = k - 1? -> STAGE -> ACTION durable
             -> COMMIT -> OUTCOME

The card's action counter A is the serialisation point: an order whose k the card has passed is
over. Whether it was done is told by the record that action k left: another action may have had the
same number, one from the web list at a gate, say. Then the answer is NOT_LOADED, for sure, and the
clerk voids the sale. The terminal never authenticates again with work pending (D5): K1 only reads.
What a service does to the card is station_services.py, for validators with an action list as well.
Source: trust.md 4.5; card.md section 3.
"""

from card_layouts.answers import (
    ACTION_ORDER,
    ASK_LEDGER,
    HOLD_AGAIN,
    LOADED,
    LOADED_BEFORE,
    NOT_LOADED,
    TAP_AGAIN,
)
from card_layouts.cards.card_layout import (
    COUNTER_START,
    FILE_A,
    K2,
    KIND_ADJUST,
    KIND_LOAD,
    KIND_PRODUCT,
    KIND_REFUND,
    KIND_UNBLOCK,
    G,
)
from card_layouts.cards.transit_app import RECORDS_SEEN, read_record
from card_layouts.cards.transit_record import ACTION_MASK
from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.records.entries_tap import (
    OUTCOME_COMMITTED,
    PHASE_DECIDE,
    REASON_CLOCK_UNSET,
    REASON_KILLED,
    REASON_LEASE,
)
from firmware.card_writer import AUTH, COMMITTED, NOT_SENT, READ, CardWriter
from firmware.station_services import Load, Order, carry_out, reason_of
from firmware.tap_card import Refused, open_card, read_card

__all__ = ("Order", "Station")

ACTIONS = (KIND_LOAD, KIND_PRODUCT, KIND_UNBLOCK, KIND_ADJUST, KIND_REFUND)
WITH_CENTS = (KIND_LOAD, KIND_ADJUST)


class Station(CardWriter):
    """One sales device; `serve` carries out one order on one card. `lease` None: always allowed."""

    def __init__(self, profile, clock, entropy, journal, keys, lease, signals, window=None):
        super().__init__(profile, clock, entropy, journal, keys, signals, window)
        self.lease = lease

    def load(self, uid, order):
        """Load the cents of `order` onto the card `uid`, as `serve` does."""
        return (yield from self.serve(uid, order, Load()))

    def serve(self, uid, order, service, tried=()):
        """Carry out `order` on the card `uid`; return LOADED, LOADED_BEFORE or why not.

        Shape: a conversation over `self.frame`, as `Tap.run`; `service` one of station_services.py;
        `tried` are the devices that this order was ever given to, this one as well: what a clerk
        sold for cash was nowhere else. () = anywhere, for the ledger gave it its number.
        """
        seen = self.begin(bytes(uid))
        return (yield from self.answered(seen, self._serve(seen, order, service, tried)))

    def _serve(self, seen, order, service, tried):
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
        left = None
        if (seen.newest["a"] - order.k) & ACTION_MASK <= ACTION_MASK // 2:
            left = yield from self._record_of(seen, order.k)
        yield from service.survey(self.session, seen)
        version = self.profile["key_version"]
        key = self.keys.card_key(K2, version, seen.uid)
        yield from self.session.authenticate(K2, key, random_bytes(16))
        done = COUNTER_START - (yield from self.session.get_value(FILE_A))
        if order.k <= done:
            return _what_was_done(left, order, service, tried)
        if order.k != done + 1:
            return ACTION_ORDER
        # Only now: a refund blocks the card, and whoever asks for it again is told that it is done.
        reason = service.refusal(seen)
        if reason:
            raise Refused(reason)
        known = yield from carry_out(self, seen, order, service, {})
        if known == COMMITTED:
            return LOADED
        return TAP_AGAIN if known == NOT_SENT else HOLD_AGAIN

    def _record_of(self, seen, k):
        """Return the record that the card's action `k` left, None if it is too old to be seen.

        Shape: a conversation under K1, an exchange for each newer record.
        """
        record = seen.newest
        for back in range(1, RECORDS_SEEN + 1):
            if record["a"] == k & ACTION_MASK and record["kind"] in ACTIONS:
                return record
            if back == RECORDS_SEEN or back >= seen.n:
                return None
            record = G.unpack((yield from read_record(self.session, back)))
        return None

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

    def reason_of(self, error):
        """A credit beyond the card's hard maximum is a limit, not a fault."""
        return reason_of(error)


def _what_was_done(left, order, service, tried):
    """Return whether the record `left` by the order's number is the order's own."""
    if left is None:
        return ASK_LEDGER
    ours = left["kind"] == service.kind and (not tried or left["device"] in tried)
    if ours and left["kind"] in WITH_CENTS:
        ours = left["amount"] == order.cents
    return LOADED_BEFORE if ours else NOT_LOADED
