"""The bare journal: what was durable when, in lists beside it, and a look at the flash afterwards.

The lists know only what `append` returned: nothing of blocks, slots or keys. Source: T16, D13, I9.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

from card_layouts.cards.card_layout import KIND_DEBIT, G
from card_layouts.crypto.kdf import block_key, device_key
from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.manifest import LEASE
from card_layouts.records.chain import chain_next
from card_layouts.records.entries import CONFIG, INTENT, OUTCOME, REFUSAL
from card_layouts.records.entries_device import CONFIG as CONFIG_LAYOUT
from card_layouts.records.entries_device import CONFIG_SWITCHED
from card_layouts.records.entries_tap import OUTCOME as OUTCOME_LAYOUT
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from card_layouts.records.slot import SLOT_HEADER, SLOTS_PER_BLOCK, Sealer, block_ordinal, slot_at
from firmware.journal import Journal
from firmware.journal_block import JournalDamaged, slot_holds
from firmware.journal_errors import JournalFull
from simulator.cuts.stage import DOUBLED, LOST, MOUNT, STUCK, WRONG, Complaint, Stage
from simulator.flash import BLOCK_BYTES, Flash
from simulator.worlds.tap_world import ratcheted

DEVICE, EPOCH, BLOCKS = 4711, 2, 4
K_FIRST = block_key(device_key(b"root" * 8, DEVICE, EPOCH))
Row = tuple[int, bytes]  # type and payload of an entry


class Kept(NamedTuple):
    """What outlasts a cut."""

    flash: Flash
    durable: list[Row]
    flight: Row | None
    acked: int
    done: int


def new_flash() -> Flash:
    """Return a part with an empty journal in blocks 1 to 4."""
    flash = Flash(BLOCK_BYTES * (BLOCKS + 1))
    Journal.provision(flash, 1, BLOCKS, DEVICE, EPOCH, K_FIRST)
    return flash


def intent(number: int, cents: int = 250) -> Row:
    """Return the announcing entry of card `number`."""
    record = bytearray(G.pack({"kind": KIND_DEBIT, "n": number, "amount": cents}))
    record[0:7] = b"\x04" + number.to_bytes(6, "big")
    return INTENT, bytes(record) + bytes(96 - len(record))


def outcome(of: int, committed: bool = True) -> Row:
    """Return what ended entry `of`."""
    result = OUTCOME_COMMITTED if committed else OUTCOME_ABORTED
    return OUTCOME, OUTCOME_LAYOUT.pack({"of": of, "outcome": result, "time": of})


def lease(number: int) -> Row:
    """Return the entry that says a lease was switched to."""
    values = {"role": LEASE, "result": CONFIG_SWITCHED, "new": number}
    return CONFIG, CONFIG_LAYOUT.pack(values)


def other(number: int) -> Row:
    """Return an entry that opens and ends nothing."""
    return REFUSAL, number.to_bytes(96, "big")


class JournalStage(Stage):
    """A journal on its flash; `play` is its life up to here, `steps` what is cut.

    Both are called with the stage, and use `append`, `acknowledge` and `journal`.
    """

    def __init__(
        self, play: Callable[["JournalStage"], None], steps: Callable[["JournalStage"], None]
    ) -> None:
        super().__init__()
        self.steps = steps
        self.durable: list[Row] = []
        self.flight: Row | None = None  # given to `append`, which has not returned
        self.acked = self.done = 0
        self.back(_lived(play))
        self.mount()
        self.flash.restart_count()

    # What the world does --------------------------------------------------------------

    def mount(self) -> None:
        """Switch on. What was in flight is durable now, or it never was."""
        self.journal = Journal(self.flash, 1, BLOCKS)
        try:
            self.journal.mount()
        except JournalDamaged as error:
            self.told.append((MOUNT, str(error)))
            raise
        head, count = self.journal.head_seq, len(self.durable)
        if self.flight is not None and head == count + 1:
            self.durable.append(self.flight)
        elif head != count:
            self.told.append((LOST, f"{count} entries were durable, the journal has {head}"))
        self.flight = None

    def append(self, row: Row) -> int:
        """Append an entry; it is durable when this returns."""
        self.flight = row
        seq: int = self.journal.append(*row)
        self.flight = None
        self.durable.append(row)
        return seq

    def acknowledge(self, seq: int) -> None:
        """Take the ledger's acknowledgement of everything up to `seq`."""
        values = {"device": DEVICE, "epoch": EPOCH, "seq": seq, "incarnation": 1, "time": 0}
        values["H"] = self.journal.chain_at(seq)
        self.acked = max(self.acked, seq)
        self.journal.acknowledge(values)

    # Stage ----------------------------------------------------------------------------

    def act(self) -> None:
        self.steps(self)

    def recover(self) -> None:
        """Mount, prepare, go on: a tap, and at the second try as well."""
        self.mount()
        self.journal.idle()
        try:
            seq = self.append(intent(900))
            self.append(outcome(seq))
        except JournalFull:
            self.flight = None  # nothing was claimed

    def judge(self) -> list[Complaint]:
        """Mount and compare; write on over a block change; mount and compare again."""
        self.flash.cut_at()
        self.flash.fault_at()
        self.mount()
        found = self._compare()
        head = self.journal.head_seq
        if head:
            self.acknowledge(head)
        try:
            for number in range(SLOTS_PER_BLOCK + 2):
                self.append(other(number))
                self.journal.idle()
        except JournalFull as error:
            found.append((STUCK, str(error)))
            self.flight = None
        self.mount()
        return found + self._compare() + self.told

    def keep(self) -> Kept:
        return Kept(self.flash.clone(), list(self.durable), self.flight, self.acked, self.done)

    def back(self, kept: Kept) -> None:
        self.flash = kept.flash.clone()
        self.durable, self.flight = list(kept.durable), kept.flight
        self.acked, self.done = kept.acked, kept.done

    # Looks ----------------------------------------------------------------------------

    def _compare(self) -> list[Complaint]:
        """Read back everything unacknowledged, with the ledger's keys and the edge's chain."""
        journal, found = self.journal, []
        slot = bytearray(128)
        first = max(self.acked + 1, journal.first_kept_seq)
        if journal.first_kept_seq > self.acked + 1:
            found.append((LOST, f"kept from {journal.first_kept_seq}, acknowledged {self.acked}"))
        chain = journal.chain_at(first - 1)
        for seq in range(first, journal.head_seq + 1):
            if not journal.read_slot(seq, slot):
                found.append((LOST, f"entry {seq} cannot be read"))
                continue
            chain = None if chain is None else chain_next(chain, slot)
            wanted = self.durable[seq - 1] if seq <= len(self.durable) else None
            if opened(bytes(slot)) != wanted:
                found.append((LOST, f"entry {seq} is another"))
        if chain != journal.H:
            found.append((WRONG, "the chain of the slots is not the journal's H"))
        self.committed += journal.head_seq - first + 1
        return found + self._open() + twice(self.flash)

    def _open(self) -> list[Complaint]:
        """Compare open intents, and that a lease was not used more than was counted."""
        wanted: list[int] = []
        number = taps = 0
        for seq, (kind, payload) in enumerate(self.durable, 1):
            if kind == INTENT:
                wanted.append(seq)
                taps += 1
            elif kind == OUTCOME:
                of = OUTCOME_LAYOUT.get(payload, "of")
                wanted = [one for one in wanted if one != of]
                taps -= OUTCOME_LAYOUT.get(payload, "outcome") == OUTCOME_ABORTED
            elif kind == CONFIG:
                number, taps = CONFIG_LAYOUT.get(payload, "new"), 0
        found = []
        if [row[2] for row in self.journal.open_intents] != wanted:
            found.append((WRONG, f"open {self.journal.open_intents}, wanted {wanted}"))
        values = self.journal.counters.values
        if values["lease"] != number or values["lease_taps"] < taps:
            counted = f"lease {values['lease']}, {values['lease_taps']} taps"
            found.append((WRONG, f"{counted}; it was lease {number}, {taps} taps"))
        return found


@cache
def _lived(play: Callable[[JournalStage], None]) -> Kept:
    stage = object.__new__(JournalStage)
    Stage.__init__(stage)
    stage.durable, stage.flight, stage.acked, stage.done = [], None, 0, 0
    stage.flash = new_flash()
    stage.mount()
    play(stage)
    return stage.keep()


@lru_cache(maxsize=512)
def _sealer(ordinal: int) -> Sealer:
    return Sealer(ratcheted(K_FIRST, ordinal))


@lru_cache(maxsize=4096)
def opened(slot: bytes) -> Row | None:
    """Return type and payload of a sealed slot as the ledger opens it, None if it is not sound."""
    header = SLOT_HEADER.unpack(slot)
    try:
        payload = _sealer(block_ordinal(header["seq"], header["block"])).open_seal(slot)
    except (LayoutError, SealError):
        return None
    return header["type"], bytes(payload)


def twice(flash: Flash, first_block: int = 1, blocks: int = BLOCKS) -> list[Complaint]:
    """Return the seqs of which the ring holds two whole slots with different bytes."""
    seen: dict[int, bytes] = {}
    found: list[Complaint] = []
    for block in range(first_block, first_block + blocks):
        for index in range(SLOTS_PER_BLOCK):
            at = block * BLOCK_BYTES + slot_at(index)
            slot = bytes(flash.image[at : at + 128])
            if slot[0] == 0xFF or slot[0] == 0:
                continue
            seq: Any = SLOT_HEADER.get(slot, "seq")
            if slot_holds(slot, seq) and seen.setdefault(seq, slot) != slot:
                found.append((DOUBLED, f"entry {seq} stands twice"))
    return found
