"""Reads the few fields the ledger needs out of clear payloads, from the tables of card_layouts.

One wide integer and a shift a field: a whole `unpack` would cost more than posting the entry.
An INTENT, ACTION, BLOCK or ACCESS holds its card record at the record's own places (bytes 7..43),
so G's table reads both. Source: card-bits.md sections 2 and 3.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from card_layouts.cards.card_layout import P_SLOT, G
from card_layouts.codec.bits import Layout
from card_layouts.records import entries_device, entries_service, entries_tap
from card_layouts.records.entries import BODY_END, H_END, UID_END

Reader = Callable[[bytes], list[int]]
SEQ_LOW_MASK = (1 << 26) - 1
RECORD_BYTES = 44
NO_RECORD = bytes(RECORD_BYTES)


def reader(layout: Layout, names: Sequence[str], start: int, end: int) -> Reader:
    """Return a function that reads integer fields which lie within bytes start..end."""
    places = []
    for name in names:
        bit, width = layout.find(name)
        assert start * 8 <= bit and bit + width <= end * 8, (layout.name, name)
        places.append((end * 8 - bit - width, (1 << width) - 1))

    def read(payload: bytes) -> list[int]:
        whole = int.from_bytes(payload[start:end], "big")
        return [whole >> shift & mask for shift, mask in places]

    return read


read_body = reader(
    G, ("kind", "n", "b", "time", "amount", "D", "L", "authority", "a"), UID_END, BODY_END
)
read_prefix = reader(G, ("layout", "epoch", "device", "seq"), 0, UID_END)
read_record_a = reader(G, ("a",), 11, 16)
read_record_n = reader(G, ("n",), 7, 11)
read_operator = reader(entries_tap.INTENT, ("operator",), 72, 84)
read_action = reader(entries_service.ACTION, ("action",), 72, 88)
read_announced = reader(entries_service.ACTION, ("k", "version", "kind", "action"), 68, 80)
SLOT_BYTES_AT = 44  # ACTION: the row of P that is put on the card
read_right = reader(P_SLOT, ("authority_use", "product"), 0, 3)
read_config = reader(entries_device.CONFIG, ("time", "clock", "role", "result", "new"), 24, 37)
read_outcome = reader(entries_tap.OUTCOME, ("of", "outcome", "how"), 44, 49)
read_refusal_time = reader(entries_tap.REFUSAL, ("time",), 51, 59)
read_obs = reader(entries_tap.OBS, ("count",), 95, 96)
read_ticket = reader(
    entries_service.TICKET, ("counter", "time", "authority", "zone", "operator"), 43, 62
)
OBSERVED_AT = {  # where whole card records stand, by (first byte, past the last)
    "OUTCOME": (0, 44),
    "REFUSAL": (7, 51),
    "INSPECTION": (7, 51),
    "newer": (7, 51),
    "older": (51, 95),
}


class Body(NamedTuple):
    """What the ledger reads of a card record's body."""

    kind: int
    n: int
    b: int
    time: int
    amount: int
    d: int
    l: int  # noqa: E741 - the card's own letter: sum of loads
    authority: int
    a: int


def body_of(record: bytes) -> Body:
    """Return the body fields of a G record, or of a payload that holds one."""
    return Body(*read_body(record))


def first_of(device: int, epoch: int, seq: int, payload: bytes) -> bytes:
    """Return the first 36 bytes of the card record an entry announces.

    Same bytes as `records.entries.record_from` (a test compares), several times faster.
    """
    prefix = 1 << 53 | epoch << 46 | device << 26 | seq & SEQ_LOW_MASK
    return prefix.to_bytes(UID_END, "big") + payload[UID_END:BODY_END]


def h_of(record: bytes) -> bytes:
    return record[BODY_END:H_END]


def read_product(payload: bytes) -> list[int]:
    """Return (area of use, product in its numbers) of what an ACTION puts on the card."""
    return read_right(payload[SLOT_BYTES_AT:])


def slots_of_ticket(payload: bytes) -> tuple[bytes, bytes, bytes]:
    """Return header, slot found and slot written of a TICKET, 12 bytes each."""
    return payload[7:19], payload[19:31], payload[31:43]
