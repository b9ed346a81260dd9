"""The header pages of the journal's ring of 4 KiB blocks on raw NOR flash.

A block is one 256-byte header page and 30 slots. Block `ordinal` lies at place
ordinal % block_count of the ring, so a page that names another place is not a header.
Knows pages, copies of the key and blank flash; knows nothing of entries.
Source: decisions.md D13; card-bits.md section 3, BLOCK_HEADER.
"""

from binascii import crc32

from card_layouts.records.block_page import (
    CRC_AT,
    KEYS_AT,
    KEYS_BYTES,
    block_page_key,
    pack_block_page,
)
from card_layouts.records.slot import (
    BLOCK_BYTES,
    BLOCK_HEADER,
    BLOCK_LAYOUT,
    BLOCK_MAGIC,
    HEADER_PAGE,
    INTENT_ROWS,
    SLOT_BYTES,
    SLOT_HEADER,
    SLOT_MAGIC,
    check_crc,
    slot_at,
)

BLANK_SLOT = b"\xff" * SLOT_BYTES
BLANK_PAGE = b"\xff" * HEADER_PAGE
TRIES = 2  # of an operation that reported done and did not take; then the block is passed over


class JournalDamaged(Exception):
    """The flash holds no header page with a usable key: a person must look."""


class Blocks:
    """Header pages of one ring; `page` holds the page read or written last."""

    def __init__(self, flash, first_block, block_count):
        if block_count < 2:
            raise JournalDamaged(f"journal ring: {block_count} blocks, wanted at least 2")
        self._flash = flash
        self._start = first_block * BLOCK_BYTES
        self.count = block_count
        self.page = bytearray(HEADER_PAGE)
        self._check = bytearray(HEADER_PAGE)

    def place(self, ordinal):
        """Return the flash offset of a block."""
        return self._start + (ordinal % self.count) * BLOCK_BYTES

    def slot_place(self, ordinal, index):
        """Return the flash offset of slot `index` of a block."""
        return self.place(ordinal) + slot_at(index)

    def newest(self):
        """Load the newest block that has a usable key; return its ordinal.

        A page that was cut while it was programmed may look whole in its first part and
        lack the keys: then the block before it still has its own, and goes on. It may also
        read whole now and not the next time: it counts once it is programmed again.
        """
        found = []
        for index in range(self.count):
            ordinal = self._ordinal_at(index)
            if ordinal >= 0 and self.key() is not None:
                found.append(ordinal)
        for ordinal in sorted(found, reverse=True):
            if self.load(ordinal) and self.key() is not None and self._program_page(ordinal):
                return ordinal
        raise JournalDamaged("journal: no header page with a key in the ring")

    def _ordinal_at(self, index):
        self._flash.read(self._start + index * BLOCK_BYTES, self.page)
        if not self._page_is_header():
            return -1
        ordinal = self.get("ordinal")
        return ordinal if ordinal % self.count == index else -1

    def load(self, ordinal):
        """Read the header page of a block; True if it is this block's and whole."""
        self._flash.read(self.place(ordinal), self.page)
        return self._page_is_header() and self.get("ordinal") == ordinal

    def _page_is_header(self):
        page = self.page
        if page[0] << 8 | page[1] != BLOCK_MAGIC or page[2] != BLOCK_LAYOUT:
            return False
        return page[CRC_AT:KEYS_AT] == crc32(page[:CRC_AT]).to_bytes(4, "big")

    def get(self, name):
        """Return one field of the page read last."""
        return BLOCK_HEADER.get(self.page, name)

    def key(self):
        """Return K_block from the page read last, or None when both copies are gone."""
        return block_page_key(self.page)

    def intents(self):
        """Return the open intents of the page read last: rows (uid, n, seq)."""
        rows = []
        for row in range(INTENT_ROWS):
            uid = self.get(f"intent_uid{row}")
            if uid != bytes(7):
                rows.append((uid, self.get(f"intent_n{row}"), self.get(f"intent_seq{row}")))
        return rows

    def write_header(self, values, key):
        """Program the header page of block values["ordinal"] and read it back; True if it holds."""
        self.page[:] = pack_block_page(values, key)
        return self._program_page(values["ordinal"])

    def _program_page(self, ordinal):
        """Program `page` as the header of a block; True if it reads back."""
        place = self.place(ordinal)
        self._flash.program(place, self.page)
        self._flash.read(place, self._check)
        return self._check == self.page

    def is_torn(self, ordinal):
        """True if a page lies where a block will lie, and is not whole or not an older one's."""
        self._flash.read(self.place(ordinal), self.page)
        is_older = self._page_is_header() and self.get("ordinal") < ordinal
        return self.page != BLANK_PAGE and not is_older

    def zero_keys(self, ordinal):
        """Program 00 over the keys of a block, if it is still there; once more if they stay."""
        for _ in range(TRIES):
            if self.load(ordinal):
                self._flash.program(self.place(ordinal) + KEYS_AT, bytes(KEYS_BYTES))
            if not self.load(ordinal) or not self.has_keys():
                return

    def has_keys(self):
        """Return True if the page read last still has bits of its block's key."""
        return self.page[KEYS_AT : KEYS_AT + KEYS_BYTES] != bytes(KEYS_BYTES)

    def is_blank(self, ordinal):
        """Return True if every byte of the block is FF."""
        place = self.place(ordinal)
        for at in range(place, place + BLOCK_BYTES, HEADER_PAGE):
            self._flash.read(at, self._check)
            if self._check != BLANK_PAGE:
                return False
        return True

    def erase(self, ordinal):
        """Erase the place where a block will lie, twice if need be; True if it is blank then.

        Blank is not enough to leave it out: an erase that was cut may read blank now and not
        later.
        """
        for _ in range(TRIES):
            self._flash.erase(self.place(ordinal))
            if self.is_blank(ordinal):
                return True
        return False

    def wear_of_place(self, ordinal):
        """Return the erase count written by the block now lying at this place, or -1."""
        self._flash.read(self.place(ordinal), self.page)
        return self.get("wear") if self._page_is_header() else -1


def slot_holds(slot, seq):
    """True if these 128 bytes are a whole slot of entry `seq`."""
    return slot[0] == SLOT_MAGIC and SLOT_HEADER.get(slot, "seq") == seq and check_crc(slot)
