"""What the journal finds in its flash when the board is switched on.

What a cut may have left half written reads well today and not tomorrow: nothing is used
until it is sure, one way or the other. Cells that a cut program was to clear are made sure
by the same program; cells that a cut wiping (00 over a torn slot) was to clear are not,
for the entry needs them as they were. So the slot behind a torn one gets 00 first: an entry
with 00 behind it may have been half wiped, and is copied to where nothing was. And no slot is
begun before the one ahead of it is surely not blank: a mount needs to leave out only the first.
Source: decisions.md D13; trust.md T16; DECISIONS.md 41.
"""

from card_layouts.errors import LayoutError, SealError
from card_layouts.records.chain import chain_next
from card_layouts.records.slot import (
    SLOT_BYTES,
    SLOT_HEADER,
    SLOTS_PER_BLOCK,
    Sealer,
)
from firmware.journal_block import BLANK_SLOT, TRIES, Blocks, slot_holds
from firmware.journal_counters import CARRIED, Counters

ZEROS = bytes(SLOT_BYTES)
LEFT_OUT = ZEROS[:-16] + BLANK_SLOT[-16:]  # of the end no more is said than that it is not 00
ROOM_TO_WIPE = 8  # slots: 00 behind what is torn, one left out and a copy; each cut costs one more


def is_void(slot):
    """True if these 128 bytes are a slot that was left out, or wiped (ZEROS)."""
    return slot[:-16] == LEFT_OUT[:-16]


class MountedJournal:
    """The half of Journal that finds its state in the flash, and its fields."""

    def __init__(self, flash, first_block, block_count):
        self._flash = flash
        self._blocks = Blocks(flash, first_block, block_count)
        self._slot = bytearray(SLOT_BYTES)
        self._check = bytearray(SLOT_BYTES)
        self._next_is_blank = False
        self._doubtful = False  # a cut may have begun to program the next slot: it is left out
        self.counters = Counters()
        self.torn = 0  # slots found or left torn since mount

    def mount(self):
        """Find the newest block, replay it, finish a block change that was cut.

        Raises: JournalDamaged when no header has a usable key.
        """
        blocks = self._blocks
        self._ordinal = blocks.newest()
        self._key = blocks.key()
        self._sealer = Sealer(self._key)
        self.device = blocks.get("device")
        self.epoch = blocks.get("epoch")
        self._first_seq = blocks.get("first_seq")
        self.wear = blocks.get("wear")
        self.acked_seq = blocks.get("acked_seq")
        self.incarnation = blocks.get("incarnation")
        self.H = blocks.get("H_start")
        self.counters.take({name: blocks.get(name) for name in CARRIED}, blocks.intents())
        self.head_seq = self._first_seq - 1
        self.torn = 0
        self._next = self._ordinal + 1
        self._next_is_blank = False
        self._doubtful = True
        self._cursor, self._cursor_end = (-1, -1, 0), 0
        self._replay()
        self._find_oldest()
        self._drop_pages()
        return self

    def _replay(self):
        """Apply the current block's entries; older ones are in its header."""
        self._index = self._used_slots()
        newest, torn, was_wiped = -1, [], False
        for index in range(self._index):
            self._flash.read(self._blocks.slot_place(self._ordinal, index), self._slot)
            if self._slot == ZEROS:
                was_wiped = True
            if is_void(self._slot):
                continue
            payload = self._opened()
            if payload is not None:
                self.head_seq += 1
                self.H = chain_next(self.H, self._slot)
                self.counters.apply(SLOT_HEADER.get(self._slot, "type"), payload, self.head_seq)
            elif newest < 0 or self._slot != self._check:  # else the newest entry's copy
                torn.append(index)
                continue
            newest, torn, was_wiped = index, [], False
            self._check[:] = self._slot
        self.torn += len(torn)
        self._slot[:] = self._check
        self._make_sure(newest, torn, was_wiped)

    def _used_slots(self):
        """Return how many slots of the current block were begun."""
        for index in range(SLOTS_PER_BLOCK - 1, -1, -1):
            self._flash.read(self._blocks.slot_place(self._ordinal, index), self._slot)
            if self._slot != BLANK_SLOT:
                return index + 1
        return 0

    def _opened(self):
        """Return the payload of the slot read last, or None if it is not the next entry."""
        try:
            payload = self._sealer.open_seal(self._slot)
        except (LayoutError, SealError):
            return None
        return payload if SLOT_HEADER.get(self._slot, "seq") == self.head_seq + 1 else None

    def _make_sure(self, newest, torn, was_wiped):
        """Wipe the torn slots at the end; make the newest entry, in `_slot`, read well for good."""
        room = SLOTS_PER_BLOCK - self._index
        if torn and (room == 0 or room < ROOM_TO_WIPE and not was_wiped):
            self._index = SLOTS_PER_BLOCK  # the next header says what they are
        elif torn:
            self._make_begun(self._index - 1)
            if self._mark():
                for index in torn:
                    self._wipe(self._blocks.slot_place(self._ordinal, index))
        if newest < 0:
            return
        place = self._blocks.slot_place(self._ordinal, newest)
        if was_wiped or not self._program_slot(place):
            if not self._copy_slot():
                self._program_slot(place)  # where it is, then: better than not at all

    def _copy_slot(self):
        """Program `_slot` once more where nothing was; False if the block has no room for that."""
        self._leave_out()
        while self._index < SLOTS_PER_BLOCK:
            place = self._blocks.slot_place(self._ordinal, self._index)
            self._index += 1
            if self._program_slot(place):
                return True
            self._wipe(place)
        return False

    def _make_begun(self, index):
        """Make the cells of a slot sure that read as cleared, so that no mount takes it for blank.

        What reads blank now, and did not before, is no entry: it may as well be 00.
        """
        place = self._blocks.slot_place(self._ordinal, index)
        self._flash.read(place, self._check)
        if self._check == BLANK_SLOT:
            self._wipe(place)
        else:
            self._flash.program(place, self._check)

    def _mark(self):
        """Give 00 to the first slot that takes it behind what is torn; False if none does."""
        self._doubtful = False
        while self._index < SLOTS_PER_BLOCK:
            self._index += 1
            if self._wipe(self._blocks.slot_place(self._ordinal, self._index - 1)):
                return True
        return False

    def _leave_out(self):
        """Give up the first slot after a mount: a cut may have begun to program it unseen."""
        if self._doubtful and self._index < SLOTS_PER_BLOCK:
            self._wipe(self._blocks.slot_place(self._ordinal, self._index), LEFT_OUT)
            self._index += 1
        self._doubtful = False

    def _wipe(self, place, mark=ZEROS):
        """Program a slot that must not read well some day, twice if need be; True if it holds."""
        for _ in range(TRIES):
            self._flash.program(place, mark)
            self._flash.read(place, self._check)
            if self._check == mark:
                return True
        return False

    def _program_slot(self, place):
        """Program the slot and read it back; True if it holds."""
        self._flash.program(place, self._slot)
        self._flash.read(place, self._check)
        return self._check == self._slot

    def _wipe_torn(self, ordinal, first_seq):
        """Give 00 to what is torn at the end of a block; True if it holds an entry before that.

        The next block begins with `first_seq`, the number of what is torn. As many slots are as
        cuts came one after another, and bits that are not sure may say anything.
        """
        for index in range(SLOTS_PER_BLOCK - 1, -1, -1):
            place = self._blocks.slot_place(ordinal, index)
            self._flash.read(place, self._check)
            if self._check == BLANK_SLOT or is_void(self._check):
                continue
            seq = SLOT_HEADER.get(self._check, "seq")
            if seq < first_seq and slot_holds(self._check, seq):
                return True
            if seq != first_seq - 1:  # else the newest entry itself, where no copy had room
                self._wipe(place)
        return False

    def _find_oldest(self):
        """Go back over the blocks that are still there; their keys must be gone."""
        oldest, is_torn = self._ordinal, True
        self._first_kept = self._first_seq
        for ordinal in range(self._ordinal - 1, self._ordinal - self._blocks.count, -1):
            if ordinal < 0 or not self._blocks.load(ordinal):
                continue  # nothing there, or a block that was passed over
            if self._page_fits(ordinal, self._first_kept) and self._reaches(ordinal, oldest):
                oldest = ordinal
                self._first_kept = self._blocks.get("first_seq")
            if is_torn:
                is_torn = not self._wipe_torn(ordinal, self._first_seq)
            if ordinal == self._ordinal - 1 or self._blocks.has_keys():
                self._blocks.zero_keys(ordinal)  # a cut may have left them half gone
        self._oldest = self._keep = oldest
        self._move_keep()

    def _drop_pages(self):
        """Erase later pages that a cut left torn: one might read well some day, and be the newest.

        Not 00: an erase that is cut leaves cells that the page's own program makes sure again.
        """
        for ordinal in range(self._ordinal + 1, self._oldest + self._blocks.count):
            if self._blocks.is_torn(ordinal):
                self._blocks.erase(ordinal)

    def _page_fits(self, ordinal, latest):
        """True if the page read last may begin where it says; a forger's has a right CRC, too."""
        least = self._first_seq - SLOTS_PER_BLOCK * (self._ordinal - ordinal)
        return least <= self._blocks.get("first_seq") <= latest

    def _reaches(self, ordinal, oldest):
        """True if nothing is gone between the block whose page was read last and block `oldest`.

        A dead block still reads well when the ones after it were acknowledged and erased.
        """
        if ordinal == oldest - 1 or self._blocks.get("first_seq") == self._first_kept:
            return True
        for between in range(oldest - 1, ordinal - 1, -1):
            for index in range(SLOTS_PER_BLOCK - 1, -1, -1):
                self._flash.read(self._blocks.slot_place(between, index), self._check)
                if slot_holds(self._check, self._first_kept - 1):
                    return True
        return False

    def _move_keep(self):
        """Set _keep to the oldest block with an unacknowledged entry (or the current one)."""
        while self._keep < self._ordinal:
            if self._first_seq_of(self._keep + 1) - 1 > self.acked_seq:
                return
            self._keep += 1

    def _first_seq_of(self, ordinal):
        """Return the first seq of a block; one that was passed over begins as the next does."""
        while ordinal < self._ordinal:
            if self._blocks.load(ordinal) and self._page_fits(ordinal, self._first_seq):
                return self._blocks.get("first_seq")
            ordinal += 1
        return self._first_seq
