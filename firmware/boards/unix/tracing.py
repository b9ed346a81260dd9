"""What `trace` tells the world: journal slots when they are durable, and the commit before it goes.

Only made when asked for: without it nothing of this costs anything.
"""

from card_layouts.records.slot import HEADER_PAGE, SLOT_BYTES, SLOT_HEADER

BLOCK_BYTES = 4096
COMMIT = 0xC7


class TracedFlash:
    """A Flash port that signals `flash OFFSET LENGTH TYPE SEQ` after each journal slot."""

    block_bytes = BLOCK_BYTES

    def __init__(self, flash, signals, first_block, block_count):
        self._flash = flash
        self._signals = signals
        self._begin = first_block * BLOCK_BYTES
        self._end = self._begin + block_count * BLOCK_BYTES
        self.size = flash.size
        self.read = flash.read
        self.erase = flash.erase

    def program(self, offset, data):
        """Program, then tell if it was a slot."""
        self._flash.program(offset, data)
        in_journal = self._begin <= offset < self._end
        if in_journal and offset % BLOCK_BYTES >= HEADER_PAGE and len(data) == SLOT_BYTES:
            entry_type, seq = SLOT_HEADER.get(data, "type"), SLOT_HEADER.get(data, "seq")
            self._signals.signal("flash", f"{offset} {len(data)} {entry_type} {seq}")


class TracedReader:
    """A Reader port that signals `sent C7` just before a commit goes to the UART."""

    def __init__(self, reader, signals):
        self._reader = reader
        self._signals = signals
        self._commit = b"sent %02X" % COMMIT  # ready made: the heap is locked then
        self.poll = reader.poll
        self.release = reader.release

    @property
    def iso_dep(self):
        """Whether the card found last speaks ISO-DEP."""
        return self._reader.iso_dep

    @property
    def sent(self):
        """Whether the last command was handed to the UART."""
        return self._reader.sent

    def exchange(self, frame, length):
        """Tell of a commit, then exchange."""
        if frame[0] == COMMIT:
            self._signals.signal_prepared(self._commit)
        return self._reader.exchange(frame, length)
