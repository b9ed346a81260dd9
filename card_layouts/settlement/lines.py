"""A settlement line: one event that could earn, without anything that tells the card.

A line of an INTENT or CASH_SALE holds the entry's payload with the card's fields blanked, so that
the engine prices it again from the line alone; that of a TICKET says who carried which product.
Seconds are kept only as far as a price asks for them. Left out of the board's image.
Source: SPEC_SETTLEMENT.md section 1; decisions D14, D25; W-148.
"""

from __future__ import annotations

from typing import NamedTuple

from card_layouts.cards.card_layout import G
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.codec.bits import Layout, table
from card_layouts.errors import LayoutError
from card_layouts.records import entries
from card_layouts.records.entries_service import CASH_SALE, TICKET
from card_layouts.records.entries_tap import INTENT

LINE_LAYOUT = 1
FACTS_BYTES = 96

# What a line tells of. Numbers are never used twice.
EARNING = (entries.INTENT, entries.CASH_SALE, entries.TICKET)  # types of slots that get lines
RIDE = 1  # an INTENT or TICKET that came since the batch before
SALE = 2  # a CASH_SALE, likewise
LATER = 3  # a slot of an earlier batch: became posted, or was taken back
UNREAD = 4  # a slot that says it is one of these and that is kept only as evidence
OTHER = 5  # revenue no slot tells of: sold at counters, moved by a module of the ledger
FORGED = 6  # a slot that has no number: a later block than its number's sealed it
KIND_NAMES = ("", "ride", "sale", "later", "unread", "other", "forged")

# What had become of it when the batch was closed.
OPEN, POSTED, VOIDED, FORK, LAPSED, REFUSED = 0, 1, 2, 3, 4, 5
STATE_NAMES = ("open", "posted", "voided", "fork", "lapsed", "refused")
SIGNS = (0, 1, -1)  # by LINE.sign: nothing, earned, taken back

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
LINE = Layout("LINE", 120, table(
    "layout", 4,
    "kind", 4,
    "state", 4,
    "sign", 2,
    "free", 2,
    "type", 6,
    "epoch", 6,
    "device", 20,
    "free", 2,
    "seq", 30,
    "free", 6,
    "leg_epoch", 6,
    "leg_device", 20,
    "free", 2,
    "leg_seq", 30,
    "digest", 48,
    "facts", 768,
))

# The facts of an OTHER line.
REVENUE = Layout("REVENUE", 96, table(
    "posting", 64,
    "authority", 8,
    "operator", 16,
    "minus", 1,
    "free", 7,
    "cents", 64,
    "rule", 64,
    "product", 10,
    "free", 6,
    "tariff", 16,
    "day", 16,
    "billed", 24,
    "payer", 8,
    "free", 464,
))
# fmt: on

LINE_BYTES = LINE.size
_BITS = 768
_SECONDS = (1 << 30) - 1

Slot = tuple[int, int, int]  # device, epoch, seq
NO_SLOT: Slot = (0, 0, 0)
NO_DIGEST = bytes(6)


class Line(NamedTuple):
    """One line; `leg` is the slot of the journey's leg before this one, NO_SLOT without one."""

    kind: int
    state: int
    sign: int  # -1, 0, 1
    type: int  # of the entry; 0 for OTHER
    device: int
    epoch: int
    seq: int
    leg: Slot
    facts: bytes  # 96 B
    digest: bytes = NO_DIGEST  # FORGED: which of the slots with this number: `digest_of`

    @property
    def slot(self) -> Slot:
        return self.device, self.epoch, self.seq


def encode_line(line: Line) -> bytes:
    """Return the 120 bytes of a line; the same as LINE.pack (a test compares), much faster."""
    leg_device, leg_epoch, leg_seq = line.leg
    head = (
        LINE_LAYOUT << 188
        | line.kind << 184
        | line.state << 180
        | (line.sign % 3) << 178
        | line.type << 170
        | line.epoch << 164
        | line.device << 144
        | line.seq << 112
        | leg_epoch << 100
        | leg_device << 80
        | leg_seq << 48
        | int.from_bytes(line.digest, "big")
    )
    return head.to_bytes(24, "big") + line.facts


def decode_line(data: bytes) -> Line:
    """Return the line of 120 bytes. Raises: LayoutError for what no ledger would have written."""
    if len(data) != LINE_BYTES:
        raise LayoutError("line: %d bytes, wanted %d" % (len(data), LINE_BYTES))
    head = int.from_bytes(data[:24], "big")
    sign = head >> 178 & 3
    line = Line(
        head >> 184 & 15,
        head >> 180 & 15,
        SIGNS[sign] if sign < 3 else 3,
        head >> 170 & 63,
        head >> 144 & 0xFFFFF,
        head >> 164 & 63,
        head >> 112 & _SECONDS,
        (head >> 80 & 0xFFFFF, head >> 100 & 63, head >> 48 & _SECONDS),
        bytes(data[24:]),
        bytes(data[18:24]),
    )
    known = RIDE <= line.kind <= FORGED and line.state < len(STATE_NAMES) and sign < 3
    known = known and (line.kind == FORGED or line.digest == NO_DIGEST)
    if not known or encode_line(line) != data:
        raise LayoutError("line: layout, kind, state or sign that nobody writes, or free bits set")
    return line


def digest_of(slot_hash: bytes) -> bytes:
    """Return what a FORGED line says of its slot, from SHA-256 of header and ciphertext."""
    return slot_hash[: len(NO_DIGEST)]


def order_of(line: Line) -> tuple[bool, int, int, int, int, bytes, bytes]:
    """Return where a line stands among those of its batch: no two stand at one place.

    What is forged goes before what has its number now.
    """
    rank = 0 if line.kind == FORGED else line.kind
    return (line.kind == OTHER, *line.slot, rank, line.digest, b"" if line.type else line.facts)


# Blanking ---------------------------------------------------------------------------------

# Who tapped, on which card, at which counter: no part of a price.
_CARD = ("uid", "h", "was_time", "was_line", "shift")
_BODY = ("n", "b", "a", "time", "D", "L")


def _kept(layout: Layout, names: list[tuple[int, int]]) -> int:
    mask = (1 << layout.size * 8) - 1
    for bit, width in names:
        mask &= ~(((1 << width) - 1) << (_BITS - bit - width))
    return mask


_KEPT = _kept(INTENT, [INTENT.find(name) for name in _CARD] + [G.find(name) for name in _BODY])
_TIME = _BITS - sum(G.find("time"))
_WAS_TIME = _BITS - sum(INTENT.find("was_time"))
_WAS_ZONE = _BITS - sum(INTENT.find("was_start_zone"))
_SALE_KEPT = _kept(CASH_SALE, [CASH_SALE.find(name) for name in ("clerk", "shift", "time")])
_SALE_TIME = _BITS - sum(CASH_SALE.find("time"))
_HEADER_AT = TICKET.find("header")[0]
_OF_TICKET = [
    TICKET.find(name)
    for name in ("uid", "was_slot", "new_slot", "counter", "writes", "time", "shift")
] + [
    (_HEADER_AT + bit, width)
    for name in ("layout", "days", "group", "zones", "sold", "channel", "activate_by", "price")
    for bit, width in (ULC_HEADER.find(name),)
]
_TICKET_KEPT = _kept(TICKET, _OF_TICKET)
_TICKET_TIME = _BITS - sum(TICKET.find("time"))


def blank_intent(payload: bytes) -> bytes:
    """Return an INTENT's payload without what tells the card; blanking twice changes nothing."""
    whole = int.from_bytes(payload, "big")
    seconds = whole >> _TIME & _SECONDS
    cut = seconds % 60
    kept = whole & _KEPT
    if whole >> _WAS_ZONE & 63:
        # A journey is open: how long ago it was touched counts by the second (pass-back), and both
        # times by the minute. So both move back by as much as leaves each in its minute.
        was = whole >> _WAS_TIME & _SECONDS
        cut = min(cut, was % 60)
        kept |= (was - cut) << _WAS_TIME
    return (kept | (seconds - cut) << _TIME).to_bytes(FACTS_BYTES, "big")


def blank_sale(payload: bytes) -> bytes:
    """Return a CASH_SALE's payload without clerk and shift, its time floored to the minute."""
    whole = int.from_bytes(payload, "big")
    seconds = whole >> _SALE_TIME & _SECONDS
    kept = whole & _SALE_KEPT | (seconds - seconds % 60) << _SALE_TIME
    return kept.to_bytes(FACTS_BYTES, "big")


def blank_ticket(payload: bytes) -> bytes:
    """Return a TICKET's payload without what tells the ticket, its time floored to the minute.

    Of the ticket's header authority and product stay.
    """
    whole = int.from_bytes(payload, "big")
    seconds = whole >> _TICKET_TIME & _SECONDS
    kept = whole & _TICKET_KEPT | (seconds - seconds % 60) << _TICKET_TIME
    return kept.to_bytes(FACTS_BYTES, "big")


def revenue_facts(
    posting: int, authority: int, operator: int, cents: int, rule: str,
    product: int = 0, tariff: int = 0, day: int = 0, billed: int = 0, payer: int = 0,
) -> bytes:  # fmt: skip
    """Return the facts of an OTHER line: one posting on a REV account that no slot tells of.

    `product`, `tariff` and `day` say what was sold, where the books know it: tax needs them.
    `billed` cents are owed beside by payer number `payer` of that tariff.
    """
    return bytes(
        REVENUE.pack(
            {
                "posting": posting.to_bytes(8, "big"),
                "authority": authority,
                "operator": operator,
                "minus": int(cents < 0),
                "cents": abs(cents).to_bytes(8, "big"),
                "rule": rule.encode("ascii").ljust(8, b"\0")[:8],
                "product": product,
                "tariff": tariff,
                "day": day,
                "billed": billed,
                "payer": payer,
            }
        )
    )


def blank(kind: int, payload: bytes) -> bytes:
    """Return the payload of an entry of this type as a line holds it."""
    if kind == entries.INTENT:
        return blank_intent(payload)
    return blank_sale(payload) if kind == entries.CASH_SALE else blank_ticket(payload)


def is_blank(line: Line) -> bool:
    """Return whether the facts hold nothing that a line may not hold."""
    return line.type not in EARNING or blank(line.type, line.facts) == line.facts
