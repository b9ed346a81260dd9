"""The tap of a tourist ticket (Ultralight C): paid beforehand, so only its validity is asked.

    AUTH -> READ -> SETTLE own open entry -> barred? shown just now? -> DECIDE -> STAGE
         -> TICKET durable -> COMMIT (count + 1) -> OUTCOME -> answer

The same rules and answers as for a card (tap.py). Two things differ: the ACK is the commit, for the
new count shows only after the field was off; and a ticket cannot be blocked, only be void for ever.
Zones are those of the ticket's own authority, days are 24 hours from the first tap.
Source: card.md section 6; SPEC.md TICKET; trust.md 4.2.
"""

from card_layouts.answers import ACCEPTED, ACCEPTED_SETTLED, ALREADY_SHOWN, HOLD_AGAIN, TAP_AGAIN
from card_layouts.cards import tourist_ticket
from card_layouts.cards.conversation import CardLost, CardStatusError
from card_layouts.cards.ultralight_c import ACK, RANDOM_BYTES, NakError, Session
from card_layouts.cards.zones import zones_first
from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.crypto.triple_des import TripleDes
from card_layouts.errors import RangeError
from card_layouts.fares.inputs import T_SECONDS
from card_layouts.packages.hotlist_layout import HOT_KILL, HOT_NONE
from card_layouts.records.entries import TICKET as TICKET_TYPE
from card_layouts.records.entries_service import TICKET
from card_layouts.records.entries_tap import (
    OUTCOME_COMMITTED,
    PHASE_AUTH,
    PHASE_DECIDE,
    PHASE_READ,
    PHASE_STAGE,
    REASON_CARD_EXPIRED,
    REASON_CLOCK_UNSET,
    REASON_COUNTER_END,
    REASON_JOURNAL_FULL,
    REASON_KILLED,
    REASON_LISTED,
    REASON_NO_PRODUCT,
    REASON_NOT_GENUINE,
    REASON_TARIFF,
    STOP_NONE,
    TRIP_NONE,
)
from firmware.card_writer import AUTH, COMMITTED, DECIDE, NOT_SENT, READ, STAGE
from firmware.tap_card import Refused
from firmware.tap_decide import degraded, place_in, where

GRACE_S = 10  # a re-tap here so soon is the same tap, or somebody behind the passenger
SETTLED_S = 60 + GRACE_S  # a ticket keeps whole minutes
PAGES_WRITTEN = 3

# By the numbers of tourist_ticket: usable, void, used up, not started in time, expired, wrong zone.
REASONS = (
    0,
    REASON_KILLED,
    REASON_COUNTER_END,
    REASON_CARD_EXPIRED,
    REASON_CARD_EXPIRED,
    REASON_NO_PRODUCT,
)
PLACE = ("line", "operator", "shift", "terminal", "authority")


class TicketSession(Session):
    """The card's commands, and the increment as what CardWriter commits."""

    status = ACK

    def prepare_commit(self):
        """Nothing is computed beforehand: the increment is five constants."""

    def commit(self):
        """Return the conversation of the commit; it ends with True if the ACK came."""
        return tourist_ticket.commit(self)


class TicketTap:
    """One tap of a ticket at the validator whose `tap` (tap.py) has lists, lease and journal.

    Made for one tap and forgotten after it: what lasts is the other's.
    """

    def __init__(self, tap):
        self._tap = tap
        self._session = TicketSession(tap.frame)

    def run(self, uid):
        """Treat the ticket `uid` (7 bytes) as one tap; return its answer, as `Tap.run`."""
        tap = self._tap
        seen = tap.begin(bytes(uid))
        return (yield from tap.answered(seen, self._ticket(seen)))

    def _ticket(self, seen):
        tap = self._tap
        action, tap.listed = tap.lookup(seen.uid)
        ticket_key, k_slot = self._keys(seen.uid)
        yield from self._open(seen, ticket_key)
        tap.mark(AUTH)
        seen.phase = PHASE_READ
        ticket = yield from tourist_ticket.read_ticket(self._session, seen.uid, k_slot)
        seen.counter = ticket.counter
        tap.mark(READ)
        barred = _barred(ticket, action)
        pending = tap.journal.find_open(seen.uid)
        if pending is not None and self._settled(seen, ticket, pending, k_slot, barred):
            return ACCEPTED_SETTLED
        if barred:
            return (yield from self._enforce(seen, ticket, action, barred))
        if self._shown_now(seen, ticket.counter):
            return ALREADY_SHOWN
        return (yield from self._use(seen, ticket, k_slot))

    def _keys(self, uid):
        """Return both keys of a ticket. Raises: Refused on a device that takes no tickets."""
        try:
            return self._tap.keys.ticket_keys(self._tap.profile["key_version"], uid)
        except RangeError:
            raise Refused(REASON_NOT_GENUINE, journalled=False)

    def _open(self, seen, key):
        """Prove the key. A stranger's ticket has another one: nothing on it is worth a slot."""
        seen.phase = PHASE_AUTH
        try:
            random = self._tap.entropy.random_bytes(RANDOM_BYTES)
            yield from self._session.authenticate(key, random, TripleDes)
        except NakError:
            raise Refused(REASON_NOT_GENUINE, journalled=False)

    def _enforce(self, seen, ticket, action, reason):
        """Make a killed ticket void, once; refuse in any case."""
        if action == HOT_KILL and not ticket.void:
            seen.phase = PHASE_STAGE
            try:
                yield from tourist_ticket.void_ticket(self._session)
            except (CardLost, CardStatusError):
                pass  # the next tap anywhere tries again
        return self._tap.refuse(seen, reason)

    # Taps that were made already ------------------------------------------------------

    def _settled(self, seen, ticket, pending, k_slot, barred):
        """End our open entry; return whether it was this passenger's unfinished tap."""
        n, seq = pending
        result = tourist_ticket.settle(ticket, n, self._tap.journal.device, k_slot)
        just_now = seen.clock == CLOCK_UNSET or seen.time - ticket.last_s <= SETTLED_S
        last = result == OUTCOME_COMMITTED and ticket.counter == n
        let_through = last and just_now and not barred
        self._tap.end_open(seen, seq, result, let_through)
        if let_through:
            self._tap.show((seen.uid, n, seen.time))
        return let_through

    def _shown_now(self, seen, count):
        """Return whether green was shown for this very tap a moment ago: it opens nothing twice."""
        for row in self._tap.shown:
            if isinstance(row, tuple) and row[:2] == (seen.uid, count):
                if 0 <= seen.time - row[2] <= GRACE_S:
                    return True
        return False

    # The use --------------------------------------------------------------------------

    def _use(self, seen, ticket, k_slot):
        tap = self._tap
        seen.phase = PHASE_DECIDE
        zone = self._decide(seen, ticket)
        seq = tap.next_seq()
        slot = tourist_ticket.next_slot(ticket, k_slot, seen.time, tap.journal.device)
        payload = self._entry(seen, ticket, slot, zone)
        tap.mark(DECIDE)
        seen.phase = PHASE_STAGE
        yield from tourist_ticket.stage(self._session, ticket, slot)
        tap.mark(STAGE)
        cards = tap.session
        tap.session = self._session  # a commit speaks through it
        try:
            known = yield from tap.commit(seen, TICKET_TYPE, payload, seq, tap.gate_opened())
        finally:
            tap.session = cards
        if known == COMMITTED:
            tap.show((seen.uid, ticket.counter + 1, seen.time))
            return ACCEPTED
        return TAP_AGAIN if known == NOT_SENT else HOLD_AGAIN

    def _decide(self, seen, ticket):
        """Return the zone of this tap, one of the ticket's if it can be. Raises: Refused."""
        tap = self._tap
        if seen.clock == CLOCK_UNSET:
            raise Refused(REASON_CLOCK_UNSET)
        if tap.tariff is None:
            raise Refused(REASON_TARIFF)
        place = tap.pricing.tap
        where(place, tap.profile)
        place[T_SECONDS] = seen.time
        header = ticket.header
        reason, zones = place_in(tap.tariff, place, header["authority"])
        if reason:
            raise Refused(reason)
        tap.mode |= degraded(tap.tariff)
        zone = zones_first(zones & header["zones"] or zones)
        reason = REASONS[tourist_ticket.refusal(ticket, seen.time, zone)]
        reason = reason or tap.lease.allows(seen.time, seen.clock, 0, tap.journal)
        if not tap.journal.admits_tap():
            raise Refused(REASON_JOURNAL_FULL, journalled=False)
        if reason:
            raise Refused(reason)
        return zone

    def _entry(self, seen, ticket, slot, zone):
        tap = self._tap
        values = {
            "uid": seen.uid,
            "header": ticket.header_bytes,
            "was_slot": ticket.slot_bytes,
            "new_slot": slot,
            "counter": ticket.counter,
            "writes": PAGES_WRITTEN,  # written before the entry is: a torn one leaves no entry
            "time": seen.time,
            "clock": seen.clock,
            "zone": zone,
            "group": ticket.header["group"],
            "tariff": tap.tariff.version,
            "semantics": tap.tariff.semantics,
            "mode": tap.mode,
        }
        for name in PLACE:
            values[name] = tap.profile.get(name, 0)
        # A gate stands on no trip (-1), and a vehicle may not know its stop.
        values["trip"] = tap.profile.get("trip", -1) & TRIP_NONE
        values["stop"] = tap.profile.get("stop", -1) & STOP_NONE
        return TICKET.pack(values)


def _barred(ticket, action):
    """Return the reason why this ticket must not pass, or 0."""
    if ticket.void or action == HOT_KILL:
        return REASON_KILLED
    return REASON_LISTED if action != HOT_NONE else 0
