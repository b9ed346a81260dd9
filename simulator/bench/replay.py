"""Taps under MicroPython against recorded answers: what valgrind counts the instructions of.

Usage: micropython bench_replay.py RECORDING TAPS. The recording is a file of blobs, each behind its
24-bit length: tariff, hotlist, then for each tap the UID, command and answer in turn, and an empty
blob. A command that differs from the recorded one ends the run: the two sides must do the same.
"""

import sys

from simulator.bench.board import BLOCKS, BenchBoard

BLOCK_BYTES = 4096


class MemoryFlash:
    """NOR flash as the firmware sees it, without faults."""

    size = BLOCKS * BLOCK_BYTES
    block_bytes = BLOCK_BYTES

    def __init__(self):
        self._image = bytearray(b"\xff" * self.size)

    def read(self, offset, buf):
        buf[:] = memoryview(self._image)[offset : offset + len(buf)]

    def program(self, offset, data):
        self._image[offset : offset + len(data)] = data

    def erase(self, offset):
        self._image[offset : offset + BLOCK_BYTES] = b"\xff" * BLOCK_BYTES


class Recording:
    """The blobs of the file, read as they are wanted."""

    def __init__(self, path):
        self._file = open(path, "rb")

    def blob(self):
        head = self._file.read(3)
        return self._file.read(head[0] << 16 | head[1] << 8 | head[2])

    def exchange(self, frame, length):
        wanted = self.blob()
        if frame[:length] != wanted:
            raise ValueError(f"sent {bytes(frame[:length]).hex()}, recorded {wanted.hex()}")
        answer = self.blob()
        frame[: len(answer)] = answer
        return len(answer)


def main(path, taps):
    recording = Recording(path)
    board = BenchBoard(MemoryFlash(), recording.blob(), recording.blob())
    for _ in range(taps):
        board.present(recording.blob(), recording.exchange)
        if recording.blob():
            raise ValueError("the tap ended before its recording")
    print(board.journal.head_seq)


main(sys.argv[1], int(sys.argv[2]))
