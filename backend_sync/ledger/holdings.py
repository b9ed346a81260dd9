"""What the ledger says is on one card: files S, P and T and the newest record, at a counter n.

A mirror made by the tables and functions that write the card itself. It starts from what the card's
batch was given, moves with ACTION entries (what was sold) and with repeated taps (what was used).
It holds no UID, no printed number and no day of issue. Source: decisions.md D11, D14, D32.
"""

from dataclasses import dataclass, field
from typing import Any

from card_layouts.cards.card_layout import (
    H_BYTES,
    KIND_ADJUST,
    KIND_BLOCK,
    KIND_KILL,
    KIND_LOAD,
    KIND_PRODUCT,
    KIND_REFUND,
    KIND_UNBLOCK,
    P_SLOT,
    P_SLOT_BYTES,
    P_SLOTS,
    T_ROW_BYTES,
    G,
    S,
    T,
)
from card_layouts.cards.directory import enter_right
from card_layouts.cards.personalise import empty_usage
from card_layouts.errors import LayoutError
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import USAGE, load_head, load_usage, usage_after
from card_layouts.fares.repeat import adopt_row
from card_layouts.records.entries_service import ACTION

Terms = tuple[tuple[int, int, int], ...]
RIGHTS_BYTES = P_SLOTS * P_SLOT_BYTES
NOT_SHARED = ("serial", "issued")  # what each card of a batch has of its own
# Of `doubt`: the T row of slot 1..4 is 1 << slot - 1; the counters of the purse are:
DOUBT_COUNTERS = 1 << P_SLOTS
LEAVES_FILES = (KIND_LOAD, KIND_REFUND, KIND_ADJUST, KIND_BLOCK, KIND_KILL)


@dataclass
class Holdings:
    """One card after its commit `n`. What is asked at every tap is unpacked once and kept."""

    n: int
    head: bytes  # S, 44 B, without serial and day of issue
    rights: bytes  # the four rows of P, 96 B
    usage: bytes  # T, 44 B
    h: bytes  # chain value of record n, 8 B
    record: bytes = b""  # its first 36 bytes; none for the issue record
    doubt: int = 0  # what a difference left unknown
    _known: list[int] | None = field(default=None, init=False, repr=False, compare=False)
    _terms: Terms | None = field(default=None, init=False, repr=False, compare=False)
    _newest: dict[str, int] | None = field(default=None, init=False, repr=False, compare=False)

    def known(self) -> list[int]:
        """Return the CARD list of a tap now, not to be changed; money and journey are empty."""
        if self._known is None:
            self._known = i.new_card()
            head = S.unpack(self.head)
            load_head(self._known, head)
            load_usage(self._known, head, T.unpack(self.usage))
        return self._known

    def terms(self) -> Terms:
        """Return (length, travel days, cents) of each slot as it was sold."""
        if self._terms is None:
            rows = [P_SLOT.unpack(self.rights, P_SLOT_BYTES * slot) for slot in range(P_SLOTS)]
            self._terms = tuple((r["length"], r["travel_days"], r["price"]) for r in rows)
        return self._terms

    def newest(self) -> dict[str, int] | None:
        """Return the fields of the newest record; None when only the issue record is there."""
        if self._newest is None and self.record:
            self._newest = G.unpack(self.record + bytes(H_BYTES))
        return self._newest

    def move(self, n: int, record: bytes, h: bytes, newest: dict[str, int] | None = None) -> None:
        """Stand at the commit `n`, whose record is known; `newest` its fields, if at hand."""
        self.n, self.record, self.h, self._newest = n, record, h, newest

    def act(self, kind: int, payload: bytes) -> bool:
        """Take a station's commit of this KIND; return False if nobody can say what it changed."""
        if kind in LEAVES_FILES:
            return True
        if kind not in (KIND_PRODUCT, KIND_UNBLOCK):
            return False
        action = ACTION.unpack(payload)
        head = S.unpack(self.head)
        if kind == KIND_UNBLOCK:
            head["u"] = action["u"]
        else:
            slot, right = action["slot"], action["slot_bytes"]
            if action["use_reset"] != 1 << slot:
                return False
            self.usage = _put(self.usage, T_ROW_BYTES * slot, enter_right(head, slot, right))
            self.rights = _put(self.rights, P_SLOT_BYTES * slot, right)
            self.doubt &= ~(1 << slot)
        self.head = S.pack(head)
        self._known = self._terms = None
        return True

    def use(self, decision: list[int]) -> None:
        """Write what a decision changes in file T."""
        if decision[i.D_T_WRITE]:
            self.usage = usage_after(decision, S.unpack(self.head), self.usage)
            self._known = None

    def adopt(self, slot: int, intent: dict[str, Any], day: int) -> None:
        """Believe the row of slot 1..4 that a validator read: the card itself said so."""
        card = i.new_card()
        adopt_row(card, slot, intent, day)
        usage, at, number = bytearray(self.usage), i.slot_at(slot - 1), str(slot - 1)
        T.put(usage, "t_k" + number, S.get(self.head, "d_k" + number))
        for place, name in USAGE:
            T.put(usage, name + number, card[at + place])
        self.usage, self._known = bytes(usage), None
        self.doubt &= ~(1 << slot - 1)

    def adopt_counters(self, intent: dict[str, Any], day: int) -> None:
        """Believe the sums of the purse's caps that a validator read."""
        usage = bytearray(self.usage)
        for name in ("cap_day", "cap_start"):
            T.put(usage, name, day)
        for name in ("day_sum", "period_sum"):
            T.put(usage, name, intent[name])
        self.usage, self._known = bytes(usage), None
        self.doubt &= ~DOUBT_COUNTERS


def issued(head: bytes, h0: bytes) -> Holdings:
    """Return a card as it leaves the issuing station, n = 0."""
    return Holdings(0, head, bytes(RIGHTS_BYTES), empty_usage(), h0)


def shared_head(head: bytes) -> bytes:
    """Return the S of a batch, 44 bytes. Raises: LayoutError if it is a single card's."""
    values = S.unpack(head)
    if len(head) != S.size or values["layout"] != 1:
        raise LayoutError(f"S: {len(head)} bytes of layout {values['layout']}, wanted 44 of 1")
    for name in NOT_SHARED:
        if values[name]:
            raise LayoutError(f"S.{name}: {values[name]}, wanted 0: a batch has none")
    return bytes(head)


def _put(whole: bytes, at: int, part: bytes) -> bytes:
    return whole[:at] + bytes(part) + whole[at + len(part) :]
