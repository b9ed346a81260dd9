"""The board's journal: sealed, chained entries in a ring of raw flash.

An entry is durable when `append` returns and is forgotten only after a verified
acknowledgement. A cut at any program or erase leaves a ring that mounts with every
entry that was durable; a torn slot is skipped and its seq used again in the next one.
What is written is read back: an operation that did not take is done again elsewhere, and
a block that does not take it is passed over. What a cut may have left half written reads
well today and not tomorrow: `mount` makes the newest slot sure, one way or the other.
Each block has its own key; the old one is zeroed when the next header is durable, so a
stolen board cannot forge what happened before. Knows entries' intents and lease use,
nothing of cards or links.
Source: decisions.md D13, D15, D16; card-bits.md section 3; trust.md 4.2, 6.2.
"""

from card_layouts.crypto.kdf import next_block_key
from card_layouts.errors import LayoutError, SealError
from card_layouts.records.chain import chain_next
from card_layouts.records.slot import (
    INTENT_ROWS,
    PAYLOAD_BYTES,
    SLOT_BYTES,
    SLOT_HEADER,
    SLOT_MAGIC,
    SLOTS_PER_BLOCK,
    Sealer,
)
from firmware.journal_block import BLANK_SLOT, TRIES, Blocks, slot_holds
from firmware.journal_counters import CARRIED, Counters
from firmware.journal_errors import AcknowledgementRefused, IntentsFull, JournalFull
from firmware.journal_provision import provision

ADMIT_SLOTS = 16  # free slots a tap needs before it may begin: D15
ZEROS = bytes(SLOT_BYTES)


class Journal:
    def __init__(self, flash, first_block, block_count):
        self._flash = flash
        self._blocks = Blocks(flash, first_block, block_count)
        self._slot = bytearray(SLOT_BYTES)
        self._check = bytearray(SLOT_BYTES)
        self._next_is_blank = False
        self._doubtful = False  # a cut may have begun to program the next slot: it is left out
        self.counters = Counters()
        self.torn = 0  # slots found or left torn since mount

    @staticmethod
    def provision(flash, first_block, block_count, device, epoch, key_block0, first_seq=1):
        """Make an empty journal; see journal_provision.py."""
        provision(flash, first_block, block_count, device, epoch, key_block0, first_seq)

    # Attributes for the programs around it -------------------------------------------

    @property
    def open_intents(self):
        """Rows (uid, n, seq) of intents without an outcome, oldest first, at most 8."""
        return self.counters.open_intents

    @property
    def first_kept_seq(self):
        """The oldest seq that may still be read back."""
        return self._first_kept

    def find_open(self, uid):
        """Return (n, seq) of this card's newest open intent, or None."""
        for row in reversed(self.counters.open_intents):
            if row[0] == uid:
                return row[1], row[2]
        return None

    def free_slots(self):
        """Return how many entries fit before something unacknowledged would be in the way."""
        blocks = self._blocks.count - (self._next - self._keep)
        return SLOTS_PER_BLOCK - self._index + SLOTS_PER_BLOCK * blocks

    def admits_tap(self):
        """Return True if a tap may begin: it always finds room for its entries."""
        return self.free_slots() >= ADMIT_SLOTS

    # Mount ----------------------------------------------------------------------------

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
        self._cursor = (-1, 0, 0)
        self._replay()
        self._find_oldest()
        self._doubtful = True
        return self

    def _replay(self):
        """Apply the current block's entries; older ones are in its header."""
        self._index = self._used_slots()
        for index in range(self._index):
            place = self._blocks.slot_place(self._ordinal, index)
            self._flash.read(place, self._slot)
            if self._slot == BLANK_SLOT or self._slot == ZEROS:
                continue  # left out, or found torn before
            payload = self._opened()
            if index == self._index - 1:
                payload = self._make_sure(place, payload)
            if payload is None:
                self.torn += 1
                continue
            self.head_seq += 1
            self.H = chain_next(self.H, self._slot)
            self.counters.apply(SLOT_HEADER.get(self._slot, "type"), payload, self.head_seq)

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

    def _make_sure(self, place, payload):
        """Program the newest slot again, or 00 over it if it is torn: a cut left it in doubt."""
        if payload is not None and self._program_slot(place):
            return payload
        self._flash.program(place, ZEROS)
        return None

    def _find_oldest(self):
        """Go back over the blocks that are still there; their keys must be gone."""
        oldest = self._ordinal
        self._first_kept = self._first_seq
        for ordinal in range(self._ordinal - 1, self._ordinal - self._blocks.count, -1):
            if ordinal < 0 or not self._blocks.load(ordinal):
                continue  # nothing there, or a block that was passed over
            if self._page_fits(ordinal, self._first_kept):
                oldest = ordinal
                self._first_kept = self._blocks.get("first_seq")
            if ordinal == self._ordinal - 1 or self._blocks.has_keys():
                self._blocks.zero_keys(ordinal)  # a cut may have left them half gone
        self._oldest = self._keep = oldest
        self._move_keep()

    def _page_fits(self, ordinal, latest):
        """True if the page read last may begin where it says; a forger's has a right CRC, too."""
        least = self._first_seq - SLOTS_PER_BLOCK * (self._ordinal - ordinal)
        return least <= self._blocks.get("first_seq") <= latest

    # Append ---------------------------------------------------------------------------

    def append(self, entry_type, payload, flags=0, layout=1):
        """Seal one entry into the next slot and return its seq; durable on return.

        Shape: payload is 96 bytes in clear.
        Raises: JournalFull (nothing was written), IntentsFull.
        """
        if len(payload) != PAYLOAD_BYTES:
            raise LayoutError(f"journal.append: {len(payload)} bytes, wanted {PAYLOAD_BYTES}")
        if self.counters.opens(entry_type) and len(self.open_intents) >= INTENT_ROWS:
            raise IntentsFull(f"journal: {INTENT_ROWS} intents are open")
        seq = self.head_seq + 1
        while not self._write_slot(entry_type, payload, flags, layout, seq):
            self.torn += 1  # a worn slot is skipped like a torn one, its seq used again
        self.head_seq = seq
        self.H = chain_next(self.H, self._slot)
        self.counters.apply(entry_type, payload, seq)
        return seq

    def _write_slot(self, entry_type, payload, flags, layout, seq):
        self._find_room()
        index = self._index
        slot = self._slot
        SLOT_HEADER.pack_into(
            slot,
            0,
            {
                "magic": SLOT_MAGIC,
                "type": entry_type,
                "layout": layout,
                "flags": flags,
                "epoch": self.epoch,
                "device": self.device,
                "seq": seq,
                "length": PAYLOAD_BYTES,
                "slot": index,
                "block": self._ordinal & 255,
            },
        )
        slot[12 : 12 + PAYLOAD_BYTES] = payload
        self._sealer.seal_into(slot)
        self._index = index + 1
        place = self._blocks.slot_place(self._ordinal, index)
        if self._program_slot(place):
            return True
        self._flash.program(place, ZEROS)  # it must not read well some day: its seq is used again
        return False

    def _find_room(self):
        """Go to the next slot that no cut has touched."""
        self._leave_out()
        if self._index == SLOTS_PER_BLOCK:
            self._change_block()

    def _leave_out(self):
        """Give up the first slot after a mount: a cut may have begun to program it unseen."""
        if self._doubtful and self._index < SLOTS_PER_BLOCK:
            self._flash.program(self._blocks.slot_place(self._ordinal, self._index), ZEROS)
            self._index += 1
        self._doubtful = False

    def _program_slot(self, place):
        """Program the slot and read it back; True if it holds."""
        self._flash.program(place, self._slot)
        self._flash.read(place, self._check)
        return self._check == self._slot

    def _change_block(self):
        """Open the next block: erased, header durable and read back, then the old key dies."""
        while not self._open_next():
            self._next += 1  # it does not hold its header: passed over until its next turn
        self._blocks.zero_keys(self._ordinal)
        self._ordinal = self._next
        self._next = self._ordinal + 1
        self._first_seq = self.head_seq + 1
        self._index = 0
        self.wear = self._next_wear
        self._next_is_blank = False
        self.counters.new_block()

    def _open_next(self):
        """Write the header of block `_next`; True if it holds. Raises: JournalFull."""
        for _ in range(TRIES):
            if not self._erase_ahead():
                waiting = self.head_seq - self.acked_seq
                raise JournalFull(f"journal: {waiting} entries unacknowledged")
            key = self._key
            for _ in range(self._next - self._ordinal):
                key = next_block_key(key)
            self._next_is_blank = False
            if self._blocks.write_header(self._header_values(self._next), key):
                self._key = key
                self._sealer = Sealer(key)
                return True
        self._blocks.zero_keys(self._next)
        return False

    def _header_values(self, ordinal):
        values = self.counters.header_values()
        values.update(device=self.device, epoch=self.epoch, ordinal=ordinal, H_start=self.H)
        values.update(first_seq=self.head_seq + 1, wear=self._next_wear)
        values.update(acked_seq=self.acked_seq, incarnation=self.incarnation)
        return values

    # Erase ahead ----------------------------------------------------------------------

    def idle(self):
        """Prepare the next slot and, if it may be reused, the next block: no tap waits for it."""
        self._leave_out()
        self._erase_ahead()

    def _may_reuse(self, ordinal):
        """True if the block that lies where `ordinal` would lie is fully acknowledged."""
        return ordinal - self._blocks.count < self._keep

    def _erase_ahead(self):
        """Erase block `_next`, or the one after it that takes it; True if there is one."""
        while not self._next_is_blank and self._may_reuse(self._next):
            wear = self._blocks.wear_of_place(self._next)
            if wear < 0:  # no header to read it from: a neighbour's count is near enough
                wear = self.wear
            gone = self._next - self._blocks.count
            if gone >= self._oldest:
                self._oldest = gone + 1
                self._first_kept = self._first_seq_of(gone + 1)
            self._next_wear = wear + 1
            if self._blocks.erase(self._next):
                self._next_is_blank = True
            else:
                self._next += 1
        return self._next_is_blank

    # Acknowledgement ------------------------------------------------------------------

    def acknowledge(self, ack):
        """Move the watermark by the values of an ACK whose MAC was checked; True if it moved.

        A higher incarnation with a lower seq means the ledger was restored: entries still
        kept are sent again. Older or repeated ones change nothing.
        Raises: AcknowledgementRefused when it names another device, entries that do not
        exist yet, or another chain than ours.
        """
        seq = ack["seq"]
        if ack["device"] != self.device or ack["epoch"] != self.epoch:
            raise AcknowledgementRefused(
                "foreign", f"acknowledgement: device {ack['device']} is not ours"
            )
        if seq > self.head_seq:
            raise AcknowledgementRefused("early", f"acknowledgement: seq {seq} of {self.head_seq}")
        newer = ack["incarnation"] > self.incarnation
        if ack["incarnation"] < self.incarnation or (seq <= self.acked_seq and not newer):
            return False
        chain = self.chain_at(seq)
        if chain is not None and chain != ack["H"]:
            raise AcknowledgementRefused(
                "different", f"acknowledgement: chain differs at seq {seq}"
            )
        self.incarnation = ack["incarnation"]
        self.acked_seq = max(seq, self._first_kept - 1)
        self.counters.raise_floor(ack["time"])
        self._keep = self._oldest
        self._move_keep()
        return True

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

    # Read back ------------------------------------------------------------------------

    def read_slot(self, seq, buf):
        """Copy the 128 sealed bytes of an entry into buf; False if it is not kept."""
        if not self._first_kept <= seq <= self.head_seq:
            return False
        ordinal, index = self._start_of(seq)
        while ordinal <= self._ordinal:
            while index < SLOTS_PER_BLOCK:
                self._flash.read(self._blocks.slot_place(ordinal, index), buf)
                if slot_holds(buf, seq):
                    self._cursor = (seq, ordinal, index)
                    return True
                index += 1
            ordinal, index = ordinal + 1, 0
        return False

    def _start_of(self, seq):
        """Return (ordinal, index) where a search for seq begins: behind the one read last."""
        if self._cursor[0] == seq - 1 and self._cursor[1] >= self._oldest:
            return self._cursor[1], self._cursor[2] + 1
        low, high = self._oldest, self._ordinal
        while low < high:
            middle = (low + high + 1) // 2
            if self._first_seq_of(middle) <= seq:
                low = middle
            else:
                high = middle - 1
        return low, seq - self._first_seq_of(low)

    def chain_at(self, seq):
        """Return the chain value H behind entry `seq`, or None if its block is gone."""
        if seq == self.head_seq:
            return self.H
        if not self._first_kept - 1 <= seq < self.head_seq:
            return None
        ordinal, _ = self._start_of(max(seq, self._first_kept))
        self._blocks.load(ordinal)
        H = self._blocks.get("H_start")
        at = self._blocks.get("first_seq")
        for index in range(SLOTS_PER_BLOCK):
            if at > seq:
                break
            self._flash.read(self._blocks.slot_place(ordinal, index), self._check)
            if slot_holds(self._check, at):
                H = chain_next(H, self._check)
                at += 1
        return H
