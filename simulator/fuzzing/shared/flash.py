"""A NOR flash in memory that keeps the rules of cells and forgets nothing. Shared dialect."""

BLOCK_BYTES = 4096


class MemoryFlash:
    """The Flash port over `blocks` blocks; `restore(image)` puts a content, the rest is blank."""

    block_bytes = BLOCK_BYTES

    def __init__(self, blocks):
        self.size = blocks * BLOCK_BYTES
        self._blank = b"\xff" * BLOCK_BYTES
        self._cells = bytearray(self._blank * blocks)
        self.changed = False  # since the last restore

    def restore(self, image):
        """Put `image` at the start and make all behind it blank, in place."""
        cells = self._cells
        at = min(len(image), self.size)
        cells[:at] = image[:at]
        while at < self.size:
            end = min((at // BLOCK_BYTES + 1) * BLOCK_BYTES, self.size)
            cells[at:end] = self._blank[: end - at]
            at = end
        self.changed = False

    def read(self, offset, buf):
        """Fill buf. An address outside the part is our own mistake."""
        assert 0 <= offset and offset + len(buf) <= self.size, (offset, len(buf))
        buf[:] = memoryview(self._cells)[offset : offset + len(buf)]

    def program(self, offset, data):
        """Clear bits: what is 0 stays so, whatever is written over it."""
        assert 0 <= offset and offset + len(data) <= self.size, (offset, len(data))
        size = len(data)
        left = int.from_bytes(self._cells[offset : offset + size], "big")
        left &= int.from_bytes(data, "big")
        self._cells[offset : offset + size] = left.to_bytes(size, "big")
        self.changed = True

    def erase(self, offset):
        """Set one block to ones."""
        assert offset % BLOCK_BYTES == 0 and 0 <= offset < self.size, offset
        self._cells[offset : offset + BLOCK_BYTES] = self._blank
        self.changed = True
