"""The slots an edge carried, still sealed, as one file: what an auditor lays beside the lines.

Shape: any number of (length 4 B | batch) one after the other, batches as in link/batches.py. No
key opens here; type, device and seq of a slot stand in clear in its header.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 4; decisions D13, D17, D25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from card_layouts.errors import LayoutError
from card_layouts.link.batches import BATCH_BYTES_MAX, decode_batch, encode_batch

Run = tuple[int, int, int, bytes, list[bytes]]  # device, epoch, first seq, H before it, slots


def write_run(file: BinaryIO, edge: str, run: Run) -> None:
    """Append one run of at most 500 slots."""
    batch = encode_batch(edge, [run])
    file.write(len(batch).to_bytes(4, "big") + batch)


def read_runs(file: BinaryIO) -> Iterator[Run]:
    """Yield every run. Raises: LayoutError naming the byte at which the file stops making sense."""
    at = 0
    while head := file.read(4):
        size = int.from_bytes(head, "big")
        if len(head) != 4 or not 0 < size <= BATCH_BYTES_MAX:
            raise LayoutError("ciphertext: byte %d: no batch of 1..%d B" % (at, BATCH_BYTES_MAX))
        batch = file.read(size)
        try:
            _, runs = decode_batch(batch)
        except LayoutError as error:
            raise LayoutError("ciphertext: byte %d: %s" % (at, error)) from None
        yield from runs
        at += 4 + size


def slot_names(slot: bytes) -> tuple[int, int, int, int]:
    """Return (type, device, epoch, seq) of a sealed slot, from its clear header."""
    head = int.from_bytes(slot[:12], "big")
    return head >> 82 & 63, head >> 50 & 0xFFFFF, head >> 70 & 63, head >> 20 & 0x3FFFFFFF
