"""Entries from a board: what can be checked without any key, then into the outbox in groups.

The edge sees the clear header, the CRC and the unkeyed chain H. A slot that is not this device's,
is damaged or breaks the chain is refused with a named error and kept as evidence; the journal on
the board keeps it too. Source: decisions.md D13, D16; threats T10, T11.
"""

from collections.abc import Sequence

from card_layouts.errors import LayoutError
from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.slot import SLOT_HEADER, SLOT_MAGIC, check_crc
from edge_agent.outbox import SlotDiffers
from edge_agent.ports import Clock
from edge_agent.store import Store

# One commit for so many slots: the board forgets nothing before the ledger's acknowledgement, so
# nothing is at risk in between, and an SD card is written a twentieth as often.
GROUP_SLOTS = 140


class IntakeRefused(LayoutError):
    """The board's journal does not fit what it says or what is stored. `why` goes with it."""

    why = "refused"

    def __init__(self, message: str, seq: int, slot: bytes = b"") -> None:
        super().__init__(message)
        self.seq = seq
        self.slot = slot


class SlotForeign(IntakeRefused):
    """The slot names another device or epoch."""

    why = "foreign"


class SlotDamaged(IntakeRefused):
    """The slot's magic or CRC is wrong."""

    why = "damaged"


class SlotOutOfOrder(IntakeRefused):
    """The slot's seq is not the next one."""

    why = "out of order"


class ChainBroken(IntakeRefused):
    """The chain value before the slots is not the one stored here."""

    why = "chain broken"


class SlotsConflict(IntakeRefused):
    """A seq is stored already with other bytes."""

    why = "conflict"


def check_slots(
    device: int, epoch: int, first_seq: int, h_before: bytes, slots: Sequence[bytes]
) -> bytes:
    """Check consecutive slots of a device and return the chain value after them.

    Raises: SlotForeign, SlotDamaged, SlotOutOfOrder.
    """
    chain = h_before
    for index, slot in enumerate(slots):
        seq = first_seq + index
        place = f"device {device} seq {seq}"
        if slot[0] != SLOT_MAGIC or not check_crc(slot):
            raise SlotDamaged(f"{place}: magic or CRC wrong", seq, slot)
        header = SLOT_HEADER.unpack(slot)
        if header["device"] != device or header["epoch"] != epoch:
            raise SlotForeign(
                f"{place}: slot of device {header['device']} epoch {header['epoch']},"
                f" wanted epoch {epoch}",
                seq,
                slot,
            )
        if header["seq"] != seq:
            raise SlotOutOfOrder(f"{place}: slot has seq {header['seq']}", seq, slot)
        chain = chain_next(chain, slot)
    return chain


class Intake:
    """One device's entries during one dock session."""

    def __init__(self, store: Store, clock: Clock, device: int, epoch: int) -> None:
        self._store = store
        self._clock = clock
        self.device = device
        self.epoch = epoch
        self.stored = 0
        self._held: list[bytes] = []
        self._held_first = 0
        self._held_h = b""
        self._chain: bytes | None = None
        self.next_seq = 1

    @property
    def holds(self) -> bool:
        """Say whether slots wait for the next commit."""
        return bool(self._held)

    def begin(self, first_kept: int, acked_on_device: int) -> int:
        """Decide where to pull from and return that seq.

        On from what is stored here; entries the device holds an acknowledgement for went
        another way. After a ledger was restored, back to what it lacks and we deleted.
        """
        self.flush()
        head = self._store.outbox.head(self.device, self.epoch)
        if head is None:
            return self._from(max(first_kept, acked_on_device + 1))
        missing = self._lost_by_ledger(first_kept)
        if missing:
            return self._from(missing)
        if acked_on_device > head.seq:
            return self._from(acked_on_device + 1)
        self.next_seq = head.seq + 1
        self._chain = head.H
        return self.next_seq

    def take(self, first_seq: int, h_before: bytes, slots: Sequence[bytes]) -> None:
        """Check an answer to a pull and hold its slots until `flush`.

        Raises: IntakeRefused (the slots are in quarantine), StoreRefused.
        """
        if not slots:
            return
        try:
            self._take(first_seq, h_before, slots)
        except IntakeRefused as refused:
            evidence = refused.slot or b"".join(slots)
            now = self._clock.utc_seconds()
            self._store.evidence.quarantine(
                self.device, self.epoch, refused.seq, refused.why, evidence, now
            )
            raise

    def flush(self) -> None:
        """Store what is held, in one commit. Raises: SlotsConflict, StoreRefused."""
        if not self._held:
            return
        now = self._clock.utc_seconds()
        held, self._held = self._held, []
        try:
            self._store.outbox.add(
                self.device, self.epoch, self._held_first, self._held_h, held, now
            )
        except SlotDiffers as differs:
            self._store.evidence.quarantine(
                self.device, self.epoch, differs.seq, SlotsConflict.why, differs.slot, now
            )
            raise SlotsConflict(str(differs), differs.seq, differs.slot) from differs
        self.stored += len(held)

    def drop(self) -> None:
        """Forget what is held and not stored; the board's journal still has it."""
        self._held = []

    def _take(self, first_seq: int, h_before: bytes, slots: Sequence[bytes]) -> None:
        place = f"device {self.device} seq {first_seq}"
        if first_seq < self.next_seq:
            raise SlotOutOfOrder(f"{place}: asked from {self.next_seq} on", first_seq)
        if first_seq > self.next_seq:
            self._note_gap(first_seq)
        if first_seq == 1 and h_before != chain_start(self.device, self.epoch):
            raise ChainBroken(f"{place}: the chain does not start as it must", first_seq)
        if self._chain is not None and h_before != self._chain:
            raise ChainBroken(f"{place}: the chain before it is not the stored one", first_seq)
        after = check_slots(self.device, self.epoch, first_seq, h_before, slots)
        if not self._held:
            self._held_first, self._held_h = first_seq, h_before
        self._held.extend(slots)
        self._chain = after
        self.next_seq = first_seq + len(slots)
        if len(self._held) >= GROUP_SLOTS:
            self.flush()

    def _note_gap(self, first_seq: int) -> None:
        self.flush()
        self._store.evidence.note_gap(
            self.device, self.epoch, self.next_seq, first_seq - 1, self._clock.utc_seconds()
        )
        self._from(first_seq)

    def _from(self, seq: int) -> int:
        self.next_seq = seq
        self._chain = self._store.outbox.chain_at(self.device, self.epoch, seq - 1)
        return seq

    def _lost_by_ledger(self, first_kept: int) -> int:
        mark = self._store.marks.of(self.device, self.epoch)
        oldest = self._store.outbox.oldest(self.device, self.epoch)
        if mark is None or oldest is None or mark.acked_seq + 1 >= oldest:
            return 0
        wanted = max(mark.acked_seq + 1, first_kept)
        return wanted if wanted < oldest else 0
