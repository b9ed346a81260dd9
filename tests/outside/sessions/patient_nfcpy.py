"""nfcpy with patience: its 50 and 100 ms are for silicon, our chip is a thread among other work."""

import nfc.clf.transport

PATIENCE_MS = 20_000


def lengthen():
    """Let nfcpy wait longer for the chip; a frame that comes ends the wait.

    A card's silence is a frame, too: the chip says so. nfcpy reads nothing else from the line.
    """
    read = nfc.clf.transport.TTY.read
    nfc.clf.transport.TTY.read = lambda line, timeout: read(line, max(timeout, PATIENCE_MS))
