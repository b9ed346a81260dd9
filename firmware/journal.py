"""The board's journal: sealed, chained entries in a ring of raw flash.

An entry is durable when `append` returns and is forgotten only after a verified
acknowledgement. A cut at any program or erase leaves a ring that mounts with every
entry that was durable; a torn slot is skipped and its seq used again in the next one.
What is written is read back: an operation that did not take is done again elsewhere, and
a block that does not take it is passed over. What `mount` finds: journal_mount.py.
Each block has its own key; the old one is zeroed when the next header is durable, so a
stolen board cannot forge what happened before. Knows entries' intents and lease use,
nothing of cards or links.
Source: decisions.md D13, D15, D16; card-bits.md section 3; trust.md 4.2, 6.2.
"""

from card_layouts.crypto.kdf import next_block_key
from card_layouts.errors import LayoutError
from card_layouts.records.chain import chain_next
from card_layouts.records.slot import (
    INTENT_ROWS,
    PAYLOAD_BYTES,
    SLOT_HEADER,
    SLOT_MAGIC,
    SLOTS_PER_BLOCK,
    Sealer,
)
from firmware.journal_block import TRIES, slot_holds
from firmware.journal_errors import AcknowledgementRefused, IntentsFull, JournalFull
from firmware.journal_mount import MountedJournal
from firmware.journal_provision import provision

ADMIT_SLOTS = 16  # free slots a tap needs before it may begin: D15


class Journal(MountedJournal):
    """The journal as the programs around it use it."""

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
        self._wipe(place)  # its seq is used again
        return False

    def _find_room(self):
        """Go to the next slot that no cut has touched."""
        self._leave_out()
        if self._index == SLOTS_PER_BLOCK:
            self._change_block()

    def _change_block(self):
        """Open the next block: erased, header durable and read back, then the old key dies."""
        while not self._open_next():
            self._next += 1  # it does not hold its header: passed over until its next turn
        self._blocks.zero_keys(self._ordinal)
        self._wipe_torn(self._ordinal, self.head_seq + 1)
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
                    if self._cursor[1] != ordinal or seq >= self._cursor_end:
                        self._cursor_end = self._end_of(ordinal)
                    self._cursor = (seq, ordinal, index)
                    return True
                index += 1
            ordinal, index = ordinal + 1, 0
        return False

    def _end_of(self, ordinal):
        """Return the first seq that is past a block, whatever a torn slot says that took no 00."""
        return self.head_seq + 1 if ordinal == self._ordinal else self._first_seq_of(ordinal + 1)

    def _start_of(self, seq):
        """Return (ordinal, index) where a search for seq begins: behind the one read last."""
        if (
            self._cursor[0] == seq - 1
            and self._cursor[1] >= self._oldest
            and seq < self._cursor_end
        ):
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
