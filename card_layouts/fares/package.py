"""A tariff package's bytes, format 2: header, directory, sections, read in place.

What a tap asks of every time and is small and bounded (books, groups, windows, table heads, UTC
offsets, surcharges, acceptance, zone schemes, product numbers) is the resident block, copied to
RAM once at `mount`. Everything else stays in flash and is read record by record into buffers that
exist already. Nothing is decided here and nothing allocates after the constructor.

All numbers are little-endian. Every section starts at a multiple of 4; the file ends with
TAIL_BYTES zeros so that a read of a whole buffer never passes its end. The signature lies outside
(`packages/manifest.py`).

    header, 64 bytes
     0  magic b"TTAR" 4       4  format 1          5  semantics 1
     6  authority 1           7  section count 1   8  version 2
    10  valid_from 2         12  valid_to 2       14  calendar base day 2
    16  calendar stride 2    18  books 1          19  price columns 1
    20  currency 3           23  decimals 1       24  feed hash 8
    32  resident size 2      34  shift minutes 2  36  zeros
    directory, 8 bytes a section: id 1, record size 1, count 2, offset 4

Records are in `sections.py`. Source: decisions.md D26, D31; tariff-model.md section 4.
"""

import sys
from array import array

from card_layouts.codec.utf8 import decode_text
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import sections as s

MAGIC = b"TTAR"
FORMAT = 2
SEMANTICS = 1
HEADER_BYTES = 64
DIRECTORY_BYTES = 8
RESIDENT_MAX = 2048
TAIL_BYTES = 128
# What is raised inside a package whose sections contradict each other: nothing checks every number
# of it beforehand, for a signed one is right. Our own LayoutError and RangeError are ValueErrors.
BROKEN = (IndexError, ValueError, ArithmeticError, RuntimeError)


class Package:
    """One package behind `read_into(offset, buffer)`, which fills the whole buffer.

    `mount` may be called again for another version: the same RAM is used.
    """

    def __init__(self, read_into):
        self.read_into = read_into
        self.read_count = 0  # flash reads since the caller last set it to 0
        self.resident = bytearray(RESIDENT_MAX)
        none = [0] * (s.SECTION_MAX + 1)
        self._at = array("I", none)  # offset of each section in the file
        self._count = array("H", none)
        self._size = array("H", none)
        self.authority = self.version = self.semantics = self.shift = 0
        self.valid_from = self.valid_to = self.base_day = self.stride = 0
        self.book_count = self.columns = self._resident_first = 0

    def mount(self):
        """Read header, directory and resident block. Raises: LayoutError for what is no package."""
        # One buffer serves twice: header and directory are parsed, then the resident block comes.
        head = self.resident
        self.read_into(0, head)
        self.authority, self.version, self.semantics = read_header(head)
        self.valid_from = u16(head, 10)
        self.valid_to = u16(head, 12)
        self.base_day = u16(head, 14)
        self.stride = u16(head, 16)
        self.book_count = head[18]
        self.columns = head[19]
        self.shift = u16(head, 34)
        if head[7] > s.SECTIONS_MAX or not 1 <= self.columns <= s.COLUMNS_MAX:
            raise LayoutError("package: %d sections, %d columns" % (head[7], self.columns))
        size = u16(head, 32)
        if size > RESIDENT_MAX:
            raise LayoutError("package.resident: %d bytes, at most %d" % (size, RESIDENT_MAX))
        self._parse_directory(head, head[7])
        self._resident_first = HEADER_BYTES + DIRECTORY_BYTES * head[7]
        self.read_into(self._resident_first, head)

    def _parse_directory(self, rows, count):
        for section in range(s.SECTION_MAX + 1):
            self._count[section] = 0
        for i in range(count):
            at = HEADER_BYTES + DIRECTORY_BYTES * i
            section = rows[at]
            if not 1 <= section <= s.SECTION_MAX:
                continue  # a later section that this engine needs not know
            wanted = s.SIZES[section]
            if wanted and rows[at + 1] != wanted:
                raise LayoutError(
                    "package.section %d: records of %d bytes, wanted %d"
                    % (section, rows[at + 1], wanted)
                )
            self._size[section] = rows[at + 1]
            self._count[section] = u16(rows, at + 2)
            self._at[section] = u32(rows, at + 4)

    def count(self, section):
        """Return how many records a section has; 0 when the package lacks it."""
        return self._count[section]

    def resident_at(self, section):
        """Return where a resident section starts in `resident`."""
        return self._at[section] - self._resident_first if self._count[section] else 0

    def read(self, section, index, buffer):
        """Fill `buffer` from record `index` on. Raises: RangeError if there is no such record."""
        if not 0 <= index < self._count[section]:
            raise RangeError(
                "package.section %d: no record %d of %d" % (section, index, self._count[section])
            )
        self.read_count += 1
        self.read_into(self._at[section] + index * self._size[section], buffer)

    def read_inside(self, section, index, skip, buffer):
        """Fill `buffer` from byte `skip` of record `index` on. Raises: RangeError."""
        if not 0 <= index < self._count[section] or not 0 <= skip < self._size[section]:
            raise RangeError("package.section %d: no byte %d of record %d" % (section, skip, index))
        self.read_count += 1
        self.read_into(self._at[section] + index * self._size[section] + skip, buffer)

    def text(self, reference):
        """Return the text of a reference, for a screen: this one allocates.

        Raises: RangeError where no text is, LayoutError where it is not UTF-8.
        """
        found = bytearray()
        piece = bytearray(2)
        while reference < self._count[s.TEXTS]:
            self.read(s.TEXTS, reference, piece)
            for byte in piece:
                if not byte:
                    return decode_text(found)
                found.append(byte)
            reference += 1
        raise RangeError("package.texts: no text at %d" % reference)


def read_header(head):
    """Return (authority, version, semantics) of a header. Raises: LayoutError for another one."""
    if bytes(head[0:4]) != MAGIC:
        raise LayoutError("package.magic: found %r, wanted %r" % (bytes(head[0:4]), MAGIC))
    if head[4] != FORMAT:
        raise LayoutError("package.format: found %d, wanted %d" % (head[4], FORMAT))
    return head[6], u16(head, 8), head[5]


def u16(data, at):
    """Return the unsigned 16-bit number at byte `at`."""
    return data[at] | data[at + 1] << 8


def u24(data, at):
    """Return the unsigned 24-bit number at byte `at`."""
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16


def u32(data, at):
    """Return the unsigned 32-bit number at byte `at`."""
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24


def memory_reader(data):
    """Return a `read_into` over bytes in memory: for the ledger, the auditor and tests."""
    size_all = len(data)

    def read_into(offset, buffer):
        size = len(buffer)
        if offset + size > size_all:
            raise LayoutError("package: read of %d bytes at %d, cut short" % (size, offset))
        buffer[:] = data[offset : offset + size]

    def read_into_slowly(offset, buffer):
        # On MicroPython a slice would take memory from the heap, a loop takes none.
        if offset + len(buffer) > size_all:
            raise LayoutError("package: read at %d, cut short" % offset)
        for i in range(len(buffer)):
            buffer[i] = data[offset + i]

    return read_into_slowly if sys.implementation.name == "micropython" else read_into


def file_reader(file):
    """Return a `read_into` over an open binary file: as a flash partition reads, without heap."""

    def read_into(offset, buffer):
        file.seek(offset)
        if file.readinto(buffer) != len(buffer):
            raise LayoutError("package: read at %d, cut short" % offset)

    return read_into
