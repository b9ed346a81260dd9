"""Bit tables: named fields of a fixed-size record, packed and read without any wide integer.

A table is ONE flat tuple: name, width, name, width ... because it lives on the heap of a small
board; bit 0 is the most significant bit of byte 0. A field of at most 30 bits is an unsigned
integer, a wider one is a byte string that starts on a byte boundary. The names `free` (writers put
0) and `spare` (writers put all ones: erased flash) are gaps that readers ignore.

Must not know: what any field means. Source: SPEC.md section 1.
"""

import sys

from card_layouts.errors import LayoutError, RangeError

if sys.implementation.name != "micropython":
    from card_layouts.codec.bits_cpython import Plan
else:
    Plan = None  # type: ignore[assignment,misc]

INT_BITS_MAX = 30
_STEP_BITS = 22  # behind 7 bits of a begun byte they stay in a board's small integers


def put_bits(buf, bit, width, value):
    """Write the unsigned `value` into `width` bits of `buf` from bit number `bit`.

    Shape: buf is a bytearray; 1 <= width <= 30; the value must already fit. Allocates nothing.
    """
    index = bit >> 3
    room = 8 - (bit & 7)
    while width > 0:
        take = room if room < width else width
        width -= take
        low = room - take
        ones = (1 << take) - 1
        # Masked before it is shifted: a value of 30 bits must not leave the small integers.
        buf[index] = (buf[index] & ~(ones << low) & 255) | ((value >> width & ones) << low)
        index += 1
        room = 8


def get_bits(data, bit, width):
    """Return the unsigned integer in `width` <= 30 bits of `data` from bit number `bit`.

    No intermediate is wider than the result, so nothing leaves the small integers of a board.
    """
    index = bit >> 3
    room = 8 - (bit & 7)
    value = 0
    while width > 0:
        take = room if room < width else width
        width -= take
        value = (value << take) | ((data[index] >> (room - take)) & ((1 << take) - 1))
        index += 1
        room = 8
    return value


def table(*fields):
    """Return name, width, name, width ... as the flat tuple a Layout takes.

    A call, because the compiler would store a constant tuple with a string object for each name;
    names that are arguments are interned: tables share them and finding one compares addresses.
    """
    return fields


class Layout:
    """A record of `size` bytes whose fields stand in the flat tuple `fields`."""

    def __init__(self, name, size_bytes, fields):
        self.name = name
        self.size = size_bytes
        self.fields = fields
        self._plan = None

    def find(self, name):
        """Return (bit, width) of the field `name`. Raises: RangeError for an unknown name."""
        place = self._place(name)
        return place >> 12, place & 4095

    def rows(self):
        """Yield (bit, width, name) of every field, gaps included, in the order of the bits."""
        bit = 0
        for i in range(0, len(self.fields), 2):
            yield bit, self.fields[i + 1], self.fields[i]
            bit += self.fields[i + 1]

    def pack(self, values):
        """Return the record as bytes; a missing field is 0 or zero bytes.

        Raises: RangeError for an unknown name, a value too wide or a string of another length.
        """
        buf = bytearray(self.size)
        self.pack_into(buf, 0, values)
        return bytes(buf)

    def pack_into(self, buf, at, values):
        """Write the whole record into `buf` from byte `at`; as `pack`, but allocates nothing."""
        if len(buf) < at + self.size:
            raise RangeError(
                "%s: %d bytes of room, %d wanted" % (self.name, len(buf) - at, self.size)
            )
        if Plan is not None:
            if self._plan is None:
                self._plan = Plan(self)
            buf[at : at + self.size], used = self._plan.pack(values, self._check)
        else:
            used = self._fill_in(buf, at, values)
        if used != len(values):
            self._refuse_unknown(values)

    def _fill_in(self, buf, at, values):
        """Write the record byte by byte; return how many of `values` it has."""
        fields = self.fields
        used = 0
        pending = 0  # the `held` < 8 bits of a byte that is begun and not yet written
        held = 0
        for i in range(0, len(fields), 2):
            name = fields[i]
            width = fields[i + 1]
            if name == "free":
                rest = held + width
                if rest >= 8:
                    buf[at] = pending << (8 - held)
                    at = _fill(buf, at + 1, (rest >> 3) - 1, 0)
                    pending = 0
                else:
                    pending <<= width
                held = rest & 7
                continue
            if name == "spare":
                at = _fill(buf, at, width >> 3, 255)
                continue
            value = 0
            if name in values:
                value = values[name]
                used += 1
                self._check(name, width, value)
            elif width > INT_BITS_MAX:
                at = _fill(buf, at, width >> 3, 0)
                continue
            if width > INT_BITS_MAX:
                for byte in range(width >> 3):
                    buf[at] = value[byte]  # type: ignore[index]
                    at += 1
                continue
            while width:
                take = width if width <= _STEP_BITS else width - _STEP_BITS
                width -= take
                pending = pending << take | value >> width & (1 << take) - 1
                held += take
                while held >= 8:
                    held -= 8
                    buf[at] = pending >> held
                    pending &= (1 << held) - 1
                    at += 1
        return used

    def unpack(self, data, at=0):
        """Return {name: value} of every field that is not a gap. Raises: LayoutError if short."""
        if len(data) < at + self.size:
            raise LayoutError("%s: %d bytes, %d wanted" % (self.name, len(data) - at, self.size))
        if Plan is not None:
            if self._plan is None:
                self._plan = Plan(self)
            return self._plan.unpack(data, at)
        values = {}
        bit = at << 3
        for i in range(0, len(self.fields), 2):
            name = self.fields[i]
            width = self.fields[i + 1]
            if name != "free" and name != "spare":
                values[name] = _read(data, bit, width)
            bit += width
        return values

    def get(self, data, name, at=0):
        """Return one field. Raises: RangeError for an unknown name, LayoutError if too short."""
        place = self._place(name)
        if len(data) < at + self.size:
            raise LayoutError("%s: %d bytes, %d wanted" % (self.name, len(data) - at, self.size))
        return _read(data, (at << 3) + (place >> 12), place & 4095)

    def put(self, buf, name, value, at=0):
        """Overwrite one field of a prepared buffer and nothing else; allocates nothing.

        Raises: RangeError for an unknown name or a value that does not fit.
        """
        place = self._place(name)
        self._write(buf, (at << 3) + (place >> 12), place & 4095, name, value)

    def _place(self, name):
        # Bit and width in one small integer: a tuple would cost an allocation in every put.
        if Plan is not None:
            if self._plan is None:
                self._plan = Plan(self)
            found = self._plan.places.get(name)
            if found is not None:
                return found
        fields = self.fields
        bit = 0
        if name != "free" and name != "spare":
            for i in range(0, len(fields), 2):
                if fields[i] == name:
                    return bit << 12 | fields[i + 1]
                bit += fields[i + 1]
        raise RangeError("%s: no field %s" % (self.name, name))

    def _write(self, buf, bit, width, name, value):
        self._check(name, width, value)
        if width > INT_BITS_MAX:
            start = bit >> 3
            for i in range(width >> 3):
                buf[start + i] = value[i]
        else:
            put_bits(buf, bit, width, value)

    def _check(self, name, width, value):
        if width > INT_BITS_MAX:
            if isinstance(value, int) or len(value) << 3 != width:
                found = "an integer" if isinstance(value, int) else "%d bytes" % len(value)
                raise RangeError(
                    "%s.%s: %s, %d bytes wanted" % (self.name, name, found, width >> 3)
                )
        elif not isinstance(value, int) or value < 0 or value >> width:
            raise RangeError("%s.%s: %s does not fit %d bits" % (self.name, name, value, width))

    def _refuse_unknown(self, values):
        for name in values:
            self._place(name)


def _read(data, bit, width):
    if width > INT_BITS_MAX:
        return bytes(data[bit >> 3 : (bit + width) >> 3])
    return get_bits(data, bit, width)


def _fill(buf, start, count, byte):
    """Fill `count` bytes; return where they end."""
    for i in range(start, start + count):
        buf[i] = byte
    return start + count
