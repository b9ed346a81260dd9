"""The Flash port over a file: NOR rules kept and asserted, every operation in the file on return.

A kill between two operations is a power cut: the kernel keeps what was written.
"""

BLOCK_BYTES = 4096
PAGE_BYTES = 256


class FileFlash:
    """A flash part whose cells are the bytes of a file."""

    block_bytes = BLOCK_BYTES

    def __init__(self, path):
        self._file = open(path, "r+b", buffering=0)
        self.size = self._file.seek(0, 2)
        self._page = bytearray(PAGE_BYTES)
        self._blank = b"\xff" * PAGE_BYTES

    def read(self, offset, buf):
        """Fill buf from offset."""
        assert 0 <= offset <= self.size - len(buf), (offset, len(buf))
        self._file.seek(offset)
        self._file.readinto(buf)

    def program(self, offset, data):
        """Clear bits, within one page."""
        size = len(data)
        assert 0 <= offset <= self.size - size, (offset, size)
        assert offset // PAGE_BYTES == (offset + size - 1) // PAGE_BYTES, (offset, size)
        page = self._page
        self._file.seek(offset)
        self._file.readinto(page, size)
        for at in range(size):
            assert not data[at] & ~page[at], "flash program %d: sets a bit" % (offset + at)
        self._file.seek(offset)
        self._file.write(data)

    def erase(self, offset):
        """Set one block to FF."""
        assert offset % BLOCK_BYTES == 0 and 0 <= offset < self.size, offset
        self._file.seek(offset)
        for _ in range(BLOCK_BYTES // PAGE_BYTES):
            self._file.write(self._blank)
