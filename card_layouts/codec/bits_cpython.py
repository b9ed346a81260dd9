"""A bit table where memory is no concern: the ledger's side, CPython only.

One wide integer for the whole record and one shift a field: several times faster than going
byte by byte, and never on a board (its romfs image leaves `*_cpython.py` out).
"""


class Plan:
    """Shifts, masks and slices of one Layout, worked out at its first use."""

    def __init__(self, layout) -> None:
        total = layout.size * 8
        rows = [row for row in layout.rows() if row[2] not in ("free", "spare")]
        self.size = layout.size
        self.integers = [
            (name, total - bit - width, (1 << width) - 1)
            for bit, width, name in rows
            if width <= 30
        ]
        # As `Layout._place` says it: bit and width in one number.
        self.places = {name: bit << 12 | width for bit, width, name in reversed(rows)}
        self.strings = [
            (name, bit // 8, (bit + width) // 8) for bit, width, name in rows if width > 30
        ]
        self.written = [(name, total - bit - width, width) for bit, width, name in rows]
        self.spare = sum(
            ((1 << width) - 1) << total - bit - width
            for bit, width, name in layout.rows()
            if name == "spare"
        )

    def unpack(self, data, at: int) -> dict:
        """Return {name: value} of the record that starts at byte `at` of `data`."""
        record = bytes(data[at : at + self.size])
        whole = int.from_bytes(record, "big")
        values = {name: whole >> shift & mask for name, shift, mask in self.integers}
        for name, start, end in self.strings:
            values[name] = record[start:end]
        return values

    def pack(self, values, check) -> tuple[bytes, int]:
        """Return the record, and how many of `values` it has; check(name, width, value) raises."""
        whole, used = self.spare, 0
        for name, shift, width in self.written:
            if name in values:
                value = values[name]
                used += 1
                check(name, width, value)
                whole |= (int.from_bytes(value, "big") if width > 30 else value) << shift
        return whole.to_bytes(self.size, "big"), used
