"""A short memory of equal rows on raw flash: the newest stay, the oldest block goes as a whole.

For what a device must remember over a power cut but the journal is no place for: which tickets were
accepted here, which orders were sold. A row is durable when `append` returns; a torn one is passed
over; one byte of it can be marked later. Rows and heads are read back: a block that does not take
its head is passed over. Knows nothing of what rows say.
Source: decisions.md D9 (replay list per device); trust.md T14, T16.
"""

from binascii import crc32

from card_layouts.codec.bits import Layout, table

PAGE_BYTES = 256
MAGIC = 0x5257
TAIL_BYTES = 3  # CRC 2, mark 1
TRIES = 2
# fmt: off
HEAD = Layout("ROWS_HEAD", 6, table(
    "magic", 16,
    "free", 2,
    "number", 30,
))
# fmt: on


class RowsWorn(Exception):
    """No block takes a row any more: a person must look."""


class FlashRows:
    """Rows of `row_bytes` (a divisor of 256, at least 16), TAIL_BYTES of them ours.

    The first row of a block says how many blocks were begun before it.
    """

    def __init__(self, flash, first_block, blocks, row_bytes):
        self._flash = flash
        self._first = first_block * flash.block_bytes
        self._blocks = blocks
        self._size = row_bytes
        self._page = bytearray(PAGE_BYTES)
        self._blank = b"\xff" * row_bytes
        self._number = 0  # of the block written to; 0 = none yet
        self._next = flash.block_bytes  # where in it the next row goes
        self._mount()

    def append(self, data):
        """Write a row; return its place, for `mark`. Shape: row_bytes - TAIL_BYTES of data.

        Raises: RowsWorn.
        """
        row = bytes(data) + crc32(data).to_bytes(4, "big")[2:] + b"\xff"
        assert len(row) == self._size, (len(row), self._size)
        for _ in range(TRIES * self._flash.block_bytes // self._size):
            if self._next >= self._flash.block_bytes:
                self.begin_block()
            place = self._block_at(self._number) + self._next
            self._next += self._size
            self._flash.program(place, row[:-1])
            if self._read(place) == row:
                return place
        raise RowsWorn("rows: no row is taken")

    def mark(self, place):
        """Mark the row at `place`, for ever."""
        self._flash.program(place + self._size - 1, b"\0")

    def is_full(self):
        """Return whether the next row begins a block, which takes an erase."""
        return self._next >= self._flash.block_bytes

    def prepare(self):
        """Begin a block before somebody waits for it; the next row tries again if none is taken."""
        try:
            self.begin_block()
        except RowsWorn:
            self._next = self._flash.block_bytes

    def begin_block(self):
        """Erase the oldest block and write to it from now on. Raises: RowsWorn."""
        for _ in range(TRIES * self._blocks):
            self._number += 1
            place = self._block_at(self._number)
            self._flash.erase(place)
            if self._used(place) != self._size or self._read(place) != self._blank:
                continue  # an old row would come back to life
            self._program_head(place, self._number)
            if self._number_at(place) == self._number:
                self._next = self._size
                return
        raise RowsWorn("rows: no block takes its head")

    def rows(self):
        """Yield (place, data, marked) of every whole row, the newest first."""
        for number in range(self._number, max(0, self._number - self._blocks), -1):
            if self._number_at(self._block_at(number)) == number:
                yield from self._rows_of(number)

    def oldest(self):
        """Yield the same of the block that `begin_block` would erase."""
        number = self._number + 1 - self._blocks
        if number > 0 and self._number_at(self._block_at(number)) == number:
            yield from self._rows_of(number)

    def _rows_of(self, number):
        start = self._block_at(number)
        size = self._size
        page = self._page
        for at in range(start + self._flash.block_bytes - PAGE_BYTES, start - 1, -PAGE_BYTES):
            self._flash.read(at, page)
            for i in range(PAGE_BYTES - size, -1, -size):
                if at + i > start and page[i : i + size] != self._blank:
                    data = bytes(page[i : i + size - TAIL_BYTES])
                    if page[i + size - TAIL_BYTES : i + size - 1] == _crc(data):
                        yield at + i, data, page[i + size - 1] != 0xFF
                        self._flash.read(at, page)  # whoever was told may have used the buffer

    def _mount(self):
        for block in range(self._blocks):
            number = self._number_at(self._first + block * self._flash.block_bytes)
            if number > self._number and self._block_at(number) == (
                self._first + block * self._flash.block_bytes
            ):
                self._number = number
        if self._number:
            place = self._block_at(self._number)
            self._next = self._used(place)
            if self._next == self._size:
                # A cut may have left its head half programmed, which reads well only today.
                self._program_head(place, self._number)

    def _used(self, start):
        """Return where the first row lies behind which all are blank."""
        for at in range(self._flash.block_bytes - PAGE_BYTES, -1, -PAGE_BYTES):
            self._flash.read(start + at, self._page)
            for i in range(PAGE_BYTES - self._size, -1, -self._size):
                if self._page[i : i + self._size] != self._blank:
                    return at + i + self._size
        return self._size

    def _block_at(self, number):
        return self._first + number % self._blocks * self._flash.block_bytes

    def _program_head(self, place, number):
        head = HEAD.pack({"magic": MAGIC, "number": number})
        self._flash.program(place, head + _crc(head))

    def _number_at(self, place):
        """Return a block's number, 0 if it has no whole head."""
        head = self._read(place)[: HEAD.size + 2]
        if head[HEAD.size :] != _crc(head[: HEAD.size]) or HEAD.get(head, "magic") != MAGIC:
            return 0
        return HEAD.get(head, "number")

    def _read(self, place):
        row = bytearray(self._size)
        self._flash.read(place, row)
        return row


def _crc(data):
    return crc32(data).to_bytes(4, "big")[2:]
