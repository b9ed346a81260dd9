"""The tourist ticket on an Ultralight C: how it is read, tapped, voided and settled.

The counter in page 41 is the truth: of the two slots the one whose MAC fits the counter is valid,
and that is always slot A for an even count, slot B for an odd one. A tap writes the other slot for
counter + 1 and then adds 1, so power may fail anywhere: before the increment the old slot is valid,
after it the new one. Nothing is read back in the same presentation (the increment may show only
after it): the ACK is the commit, a lost ACK is unknown until the ticket comes again. "Again" needs
the field off in between: without it the counter may still show its old value.

Conversations over an open ultralight_c.Session, and pure decisions. The caller makes its journal
entry durable between `stage` and `commit`. Source: card.md section 6; SPEC.md section 5.
"""

from card_layouts.cards.ulc_layout import (
    PAGE_COUNTER,
    PAGE_OTP,
    PAGE_SLOT_A,
    PAGE_SLOT_B,
    ULC_HEADER,
    ULC_SLOT,
    check_ulc_slot,
    seal_ulc_slot,
)
from card_layouts.cards.ultralight_c import ACK, WRITE, counter_of
from card_layouts.cards.zones import zones_covers
from card_layouts.crypto.an10922 import diversify
from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED, OUTCOME_ORPHAN

TICKET_LAYOUT = 1
PAGE_LAST_READ = 38  # pages 38..41: the end of slot B and the counter in one READ
COUNTER_SOLD = 1
COUNTER_MAX = 0xFFFF
VOID = 0x80  # OTP bit 0; bits 1..8, one for each reissue, come after it
REISSUES_MAX = 8
DAY_S = 86400
START_UNIT_S = 300
LAST_MAX = (1 << 17) - 1

# Why a ticket does not open a gate; 0 means it does.
USABLE, VOIDED, USED_UP, TOO_LATE, EXPIRED, WRONG_ZONE = 0, 1, 2, 3, 4, 5
REFUSAL_NAMES = ("usable", "void", "used up", "not started in time", "expired", "wrong zone")


def ticket_keys(master, uid):
    """Return (3DES key, key of the slot MACs), 16 bytes each, of the ticket `uid` (7 bytes)."""
    return diversify(master, bytes(uid) + b"ULC\1"), diversify(master, bytes(uid) + b"ULC\2")


class Ticket:
    """A ticket as read. `header`, `slot`: fields; `slot_bytes` valid, `other_bytes` the other."""

    def __init__(self, uid, otp, header_bytes, counter, slot, slot_bytes, other_bytes):
        self.uid = uid
        self.otp = otp
        self.header_bytes = header_bytes
        self.header = ULC_HEADER.unpack(header_bytes)
        self.counter = counter
        self.slot = slot
        self.slot_bytes = slot_bytes
        self.other_bytes = other_bytes

    @property
    def void(self):
        """Whether the ticket was taken back."""
        return bool(self.otp[0] & VOID)

    @property
    def started_s(self):
        """Second of the first tap, rounded down to 5 minutes; 0 while there was none."""
        return self.slot["start"] * START_UNIT_S

    @property
    def last_s(self):
        """Second of the last tap, whole minutes after `started_s`; 0 while there was none."""
        return self.started_s + self.slot["last"] * 60 if self.slot["start"] else 0


def read_ticket(session, uid, k_slot):
    """Return the Ticket: 3 exchanges, after `authenticate` or on a ticket that anybody may read.

    Raises: SealError if no slot fits the counter, LayoutError if the ticket was not sold.
    """
    head = yield from session.read(PAGE_OTP)
    slots = yield from session.read(PAGE_SLOT_A)
    rest = yield from session.read(PAGE_LAST_READ)
    return open_ticket(uid, k_slot, head, slots + rest)


def check_ticket(session, uid, keys, rnd_a, triple_des):
    """Return the Ticket, its key proved: 5 exchanges. `keys` from `ticket_keys`."""
    yield from session.authenticate(keys[0], rnd_a, triple_des)
    return (yield from read_ticket(session, uid, keys[1]))


def open_ticket(uid, k_slot, head, tail):
    """Return the Ticket in pages 3..6 (`head`, 16 B) and 34..41 (`tail`, 32 B); errors as above."""
    header = head[4:16]
    if ULC_HEADER.get(header, "layout") != TICKET_LAYOUT:
        found = ULC_HEADER.get(header, "layout")
        raise LayoutError("ULC_HEADER.layout: found %d, wanted %d" % (found, TICKET_LAYOUT))
    counter = counter_of(tail[28:32])
    if counter < COUNTER_SOLD:
        raise LayoutError("ticket.counter: found 0, the ticket was not sold")
    at = 12 * (counter & 1)
    valid, other = tail[at : at + 12], tail[12 - at : 24 - at]
    values = check_ulc_slot(valid, k_slot, uid, header, counter)
    if values["n"] != counter & 31:
        raise SealError("ULC_SLOT.n: found %d for counter %d" % (values["n"], counter))
    return Ticket(bytes(uid), head[0:4], header, counter, values, valid, other)


def is_prepared(ticket, k_slot):
    """Return whether the other slot waits, whole, for a commit that did not come."""
    try:
        check_ulc_slot(
            ticket.other_bytes, k_slot, ticket.uid, ticket.header_bytes, ticket.counter + 1
        )
    except (SealError, RangeError, OverflowError):
        return False
    return True


def refusal(ticket, now_s, zone, until_s=None):
    """Return USABLE (0) or why the ticket does not open a gate in `zone` at second `now_s`.

    `until_s`: end of validity where the tariff counts service days; else `days` times 24 hours
    from the first tap. Days are UTC days here, days 0 (an event) ends with `activate_by`.
    """
    if ticket.void:
        return VOIDED
    if ticket.counter >= COUNTER_MAX:
        return USED_UP
    header = ticket.header
    if not ticket.slot["start"] or not header["days"]:
        if now_s >= (header["activate_by"] + 1) * DAY_S:
            return EXPIRED if ticket.slot["start"] else TOO_LATE
    elif now_s >= (until_s or ticket.started_s + header["days"] * DAY_S):
        return EXPIRED
    return USABLE if zones_covers(header["zones"], zone) else WRONG_ZONE


def next_slot(ticket, k_slot, now_s, device):
    """Return the 12 bytes of the slot a tap at second `now_s` writes: valid at counter + 1."""
    if ticket.counter >= COUNTER_MAX:
        raise RangeError("ticket.counter: %d, nothing can be added" % ticket.counter)
    start = ticket.slot["start"] or now_s // START_UNIT_S
    # A clock behind the one of the last tap must not turn the ticket's time back.
    last = max(now_s // 60 - start * (START_UNIT_S // 60), ticket.slot["last"])
    values = {"start": start, "last": min(last, LAST_MAX), "device": device}
    return seal_ulc_slot(values, k_slot, ticket.uid, ticket.header_bytes, ticket.counter + 1)


def slot_page(counter):
    """Return the first page of the slot that is valid at `counter`."""
    return PAGE_SLOT_B if counter & 1 else PAGE_SLOT_A


def stage(session, ticket, slot_bytes, written=None):
    """Write the stale slot: 3 exchanges; nothing counts yet. `written(pages)` after each page."""
    page = slot_page(ticket.counter + 1)
    for i in range(3):
        yield from session.write(page + i, slot_bytes[4 * i : 4 * i + 4])
        if written is not None:
            written(i + 1)


def commit(session):
    """Add 1 to the counter: 1 exchange; return True for the ACK. Allocates nothing.

    True: the tap is done. False, or the card lost in here: nobody knows; `settle` finds out when
    the ticket comes again.
    """
    frame = session.frame
    frame[0] = WRITE
    frame[1] = PAGE_COUNTER
    frame[2] = 1
    frame[3] = frame[4] = frame[5] = 0
    got = yield 6
    return got == 0 or (got == 1 and frame[0] == ACK)


def settle(ticket, n, device, k_slot):
    """Return what became of the tap that `device` staged for count `n`.

    OUTCOME_COMMITTED or OUTCOME_ABORTED as far as the ticket shows it; OUTCOME_ORPHAN when later
    taps have covered the traces and the ledger must tell. A device settles its open tap before it
    makes another, so the slot of count `n` says by its device alone whose it was.
    """
    if ticket.counter < n:
        return OUTCOME_ABORTED
    if ticket.counter == n:
        writer = ticket.slot["device"]
    else:
        if ticket.counter > n + 1:
            return OUTCOME_ORPHAN
        try:
            slot = check_ulc_slot(ticket.other_bytes, k_slot, ticket.uid, ticket.header_bytes, n)
        except SealError:
            return OUTCOME_ORPHAN  # the tap after these two may have been torn in it
        writer = slot["device"]
    return OUTCOME_COMMITTED if writer == device else OUTCOME_ABORTED


def void_ticket(session):
    """Take the ticket back for ever: 1 exchange, after `authenticate`."""
    yield from session.write(PAGE_OTP, bytes((VOID, 0, 0, 0)))


def note_reissue(session, number):
    """Mark the reissue `number`, 1..8, in the ticket it replaces or is: 1 exchange."""
    if not 1 <= number <= REISSUES_MAX:
        raise RangeError("ticket.reissue: %d is outside 1..8" % number)
    bits = 0x8000 >> number
    yield from session.write(PAGE_OTP, bytes((bits >> 8, bits & 0xFF, 0, 0)))


def reissues(ticket):
    """Return how many reissues are marked."""
    bits = (ticket.otp[0] << 8 | ticket.otp[1]) >> 7 & 0xFF
    count = 0
    while bits:
        count += bits & 1
        bits >>= 1
    return count


def fields_of(slot_bytes):
    """Return the fields of a slot without checking its MAC, for people to read."""
    return ULC_SLOT.unpack(slot_bytes)


assert PAGE_LAST_READ + 3 == PAGE_COUNTER
