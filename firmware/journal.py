"""The board's journal: sealed, chained entries in a ring of raw flash.

An entry is durable when `append` returns and is forgotten only after a verified
acknowledgement. A cut at any program or erase leaves a ring that mounts with every
entry that was durable; a torn slot is skipped and its seq used again in the next one.
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
from firmware.journal_block import BLANK_SLOT, Blocks, JournalDamaged, slot_holds
from firmware.journal_counters import CARRIED, Counters
from firmware.journal_provision import provision

ADMIT_SLOTS = 16  # free slots a tap needs before it may begin: D15


class JournalFull(Exception):
    """No slot is free and no block may be erased: the tap is refused, nothing is forgotten."""


class IntentsFull(JournalFull):
    """Eight intents are open: close one (OUTCOME orphan, abandoned) before the next."""


class AcknowledgementRefused(Exception):
    """A well-sealed acknowledgement that is not about this journal's bytes.

    `why` is "foreign" (another device or epoch), "early" (entries that do not exist yet)
    or "different" (another chain than ours).
    """

    def __init__(self, why, message):
        super().__init__(message)
        self.why = why


class Journal:
    def __init__(self, flash, first_block, block_count):
        self._flash = flash
        self._blocks = Blocks(flash, first_block, block_count)
        self._slot = bytearray(SLOT_BYTES)
        self._check = bytearray(SLOT_BYTES)
        self._next_is_blank = False
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
        blocks = self._blocks.count - (self._ordinal - self._keep + 1)
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
        self._next_is_blank = False
        self._cursor = (-1, 0, 0)
        self._replay()
        blocks.zero_keys(self._ordinal - 1)
        self._find_oldest()
        return self

    def _replay(self):
        """Apply the current block's entries; older ones are in its header."""
        self._index = 0
        for index in range(SLOTS_PER_BLOCK):
            self._flash.read(self._blocks.slot_place(self._ordinal, index), self._slot)
            if self._slot == BLANK_SLOT:
                continue
            self._index = index + 1
            try:
                payload = self._sealer.open_seal(self._slot)
            except (LayoutError, SealError):
                self.torn += 1
                continue
            if SLOT_HEADER.get(self._slot, "seq") != self.head_seq + 1:
                self.torn += 1
                continue
            self.head_seq += 1
            self.H = chain_next(self.H, self._slot)
            self.counters.apply(SLOT_HEADER.get(self._slot, "type"), payload, self.head_seq)

    def _find_oldest(self):
        oldest = self._ordinal
        self._first_kept = self._first_seq
        while oldest > 0 and self._ordinal - oldest + 1 < self._blocks.count:
            if not self._blocks.load(oldest - 1):
                break
            oldest -= 1
            self._first_kept = self._blocks.get("first_seq")
        self._oldest = self._keep = oldest
        self._move_keep()

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
        if self._index == SLOTS_PER_BLOCK:
            self._change_block()
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
        self._flash.program(place, slot)
        self._flash.read(place, self._check)
        return self._check == slot

    def _change_block(self):
        """Open the next block: erased, header durable and read back, then the old key dies."""
        ordinal = self._ordinal + 1
        if not self._may_reuse(ordinal):
            raise JournalFull(f"journal: {self.head_seq - self.acked_seq} entries unacknowledged")
        self._erase_ahead()
        key = next_block_key(self._key)
        if not self._blocks.write_header(self._header_values(ordinal), key):
            self._next_is_blank = False
            self._erase_ahead()
            if not self._blocks.write_header(self._header_values(ordinal), key):
                raise JournalDamaged(f"journal: block {ordinal} does not hold its header")
        self._blocks.zero_keys(self._ordinal)
        self._key = key
        self._sealer = Sealer(key)
        self._ordinal = ordinal
        self._first_seq = self.head_seq + 1
        self._index = 0
        self.wear = self._next_wear
        self._next_is_blank = False
        self.counters.new_block()

    def _header_values(self, ordinal):
        values = self.counters.header_values()
        values["epoch"] = self.epoch
        values["device"] = self.device
        values["ordinal"] = ordinal
        values["first_seq"] = self.head_seq + 1
        values["acked_seq"] = self.acked_seq
        values["incarnation"] = self.incarnation
        values["wear"] = self._next_wear
        values["H_start"] = self.H
        return values

    # Erase ahead ----------------------------------------------------------------------

    def idle(self):
        """Prepare the next block if it may be reused, so that no tap waits for an erase."""
        if not self._next_is_blank and self._may_reuse(self._ordinal + 1):
            self._erase_ahead()

    def _may_reuse(self, ordinal):
        """True if the block that lies where `ordinal` would lie is fully acknowledged."""
        return ordinal - self._blocks.count < self._keep

    def _erase_ahead(self):
        """Make the next block blank; what a cut erase left behind is erased again."""
        if self._next_is_blank:
            return
        ordinal = self._ordinal + 1
        wear = self._blocks.wear_of_place(ordinal)
        if wear < 0:  # no header to read it from: a neighbour's count is near enough
            wear = self.wear
        if not self._blocks.is_blank(ordinal):
            gone = ordinal - self._blocks.count
            if gone >= self._oldest:
                self._oldest = gone + 1
                self._first_kept = self._first_seq_of(gone + 1)
            self._blocks.erase(ordinal)
            wear += 1
        self._next_wear = wear
        self._next_is_blank = True

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
        if ordinal >= self._ordinal:
            return self._first_seq
        return self._blocks.get("first_seq") if self._blocks.load(ordinal) else 0

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
