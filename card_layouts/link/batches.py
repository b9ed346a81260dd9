"""Batches from an edge to the ledger: runs of sealed slots in one deterministic CBOR message.

Shape: [1, edge, [[device, epoch, first_seq, H_before, [slot, ...]], ...]].  Slots are the raw
128 bytes of the journal; nothing is opened here.  Source: SPEC.md "Link"; decision D17.
"""

from card_layouts.codec import cbor
from card_layouts.errors import LayoutError, RangeError
from card_layouts.link.messages import is_edge_id

SCHEMA = 1
BATCH_BYTES_MAX = 65536
BATCH_SLOTS_MAX = 500
SLOT_BYTES = 128
DEVICE_MAX = (1 << 20) - 1
EPOCH_MAX = 63
SEQ_MAX = (1 << 30) - 1

# What CBOR adds, at most: see `batch_bytes_max`.
_HEAD_BYTES = 1 + 1 + 2 + 24 + 3
_RUN_BYTES = 1 + 5 + 2 + 5 + 34 + 3
_SLOT_BYTES = 2 + SLOT_BYTES


def encode_batch(edge: str, runs: list) -> bytes:
    """Return the bytes of one batch.

    Shape: a run is (device, epoch, first_seq, H_before 32 B, [slot 128 B, ...]) with consecutive
    seqs.  Raises: RangeError naming the place; at most 500 slots and 65,536 bytes.
    """
    rows = [list(run[:4]) + [list(run[4])] for run in runs]
    _check(edge, rows, RangeError)
    batch = cbor.encode([SCHEMA, edge, rows])
    if len(batch) > BATCH_BYTES_MAX:
        raise RangeError("batch: %d bytes, at most %d" % (len(batch), BATCH_BYTES_MAX))
    return batch


def decode_batch(batch: bytes) -> tuple:
    """Return (edge, runs) of a batch as `encode_batch` takes them.

    Raises: LayoutError naming the place, for anything `encode_batch` would not have written.
    """
    if len(batch) > BATCH_BYTES_MAX:
        raise LayoutError("batch: %d bytes, at most %d" % (len(batch), BATCH_BYTES_MAX))
    found = cbor.decode(batch)
    if not isinstance(found, list) or len(found) != 3:
        raise LayoutError("batch: wanted [schema, edge, runs]")
    schema, edge, rows = found
    if not _is_int(schema, 0, SEQ_MAX) or schema != SCHEMA:
        raise LayoutError("batch.schema: %r, wanted %d" % (schema, SCHEMA))
    _check(edge, rows, LayoutError)
    return edge, [tuple(row) for row in rows]


def batch_bytes_max(run_count: int, slot_count: int) -> int:
    """Return the most bytes that so many runs and slots can take."""
    return _HEAD_BYTES + run_count * _RUN_BYTES + slot_count * _SLOT_BYTES


def _check(edge, rows, error) -> None:
    if not isinstance(edge, str) or not is_edge_id(edge):
        raise error("batch.edge: %r, wanted 1..24 characters of a-z, 0-9 and '-'" % (edge,))
    if not isinstance(rows, list) or not rows:
        raise error("batch.runs: wanted at least one run")
    slot_count = 0
    for index in range(len(rows)):
        slot_count += _check_run("batch.runs[%d]" % index, rows[index], error)
    if slot_count > BATCH_SLOTS_MAX:
        raise error("batch: %d slots, at most %d" % (slot_count, BATCH_SLOTS_MAX))


def _check_run(place: str, row, error) -> int:
    if not isinstance(row, list) or len(row) != 5:
        raise error(place + ": wanted [device, epoch, first_seq, H_before, slots]")
    device, epoch, first_seq, h_before, slots = row
    if not _is_int(device, 0, DEVICE_MAX):
        raise error("%s.device: %r, wanted 0..%d" % (place, device, DEVICE_MAX))
    if not _is_int(epoch, 0, EPOCH_MAX):
        raise error("%s.epoch: %r, wanted 0..%d" % (place, epoch, EPOCH_MAX))
    if not _is_int(first_seq, 1, SEQ_MAX):
        raise error("%s.first_seq: %r, wanted 1..%d" % (place, first_seq, SEQ_MAX))
    if not isinstance(h_before, bytes) or len(h_before) != 32:
        raise error(place + ".H_before: wanted 32 bytes")
    if not isinstance(slots, list) or not slots:
        raise error(place + ".slots: wanted at least one slot")
    if first_seq + len(slots) - 1 > SEQ_MAX:
        raise error("%s: %d slots from %d pass the last seq" % (place, len(slots), first_seq))
    for slot in slots:
        if not isinstance(slot, bytes) or len(slot) != SLOT_BYTES:
            raise error("%s.slots: a slot that is not 128 bytes" % place)
    return len(slots)


def _is_int(value, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
