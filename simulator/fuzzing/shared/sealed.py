"""Readers of what comes sealed: acknowledgements, leases, actions, lists, envelopes, slots.

One key for all, which the seeds are sealed with. Shared dialect.
"""

from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.packages.ack import check_ack, split_ack_batch
from card_layouts.packages.action_list import BUCKET_LINES_MAX, check_action_list, open_action_list
from card_layouts.packages.actions import open_action
from card_layouts.packages.hotlist import Hotlist
from card_layouts.packages.lease import check_lease, unwrap_key
from card_layouts.packages.manifest import MANIFEST, open_envelope
from card_layouts.records.block_page import block_page_key, unpack_block_page
from card_layouts.records.slot import SLOT_HEADER, Sealer
from simulator.fuzzing.shared.parts import split_parts

KEY = b"sixteen fuzzed b"
UIDS = (b"\x04\x11\x22\x33\x44\x55\x66", b"\x04\x01\x02\x03\x04\x05\x06", bytes(7), b"\xff" * 7)
GENERATION = 3  # of the lease that an action list is opened with
READS_MAX = 5  # of one lookup: an index and a bucket in each of two files, and a head


def ack_of(setup):
    """Return what reads one acknowledgement."""
    return lambda case: check_ack(case, KEY)


def ack_batch_of(setup):
    """Return what cuts a batch of them; signatures are another target's."""
    return split_ack_batch


def lease_of(setup):
    """Return what reads a lease and the key in it."""

    def read(case):
        values = check_lease(case, KEY)
        return values, unwrap_key(KEY, values["K_act"])

    return read


def action_of(setup):
    """Return what opens a line of the action list."""
    return lambda case: open_action(case, KEY)


def action_list_of(setup):
    """Return what checks and opens an action list, looks four cards up and reads their lines."""

    def read(case):
        counts = [0, 0]
        reader = _reader(case, counts)
        found = open_action_list(reader, KEY, GENERATION)
        try:
            check_action_list(reader, len(case), found.version, 0)
            whole = True
        except LayoutError:
            whole = False
        answers = []
        for uid in UIDS:
            counts[0] = counts[1] = 0
            try:
                first, count = found.find(uid)
                lines = [bytes(found.line(first + n)) for n in range(count)]
                answers.append(lines)
            except LayoutError:
                answers.append(None)
            assert counts[0] <= 1 + 2 * BUCKET_LINES_MAX, counts
        return found.version, whole, answers

    return read


def envelope_of(setup):
    """Return what opens an envelope, its manifest read as well."""

    def read(case):
        manifest64, signatures = open_envelope(case, KEY)
        return MANIFEST.unpack(manifest64), signatures

    return read


def slot_of(setup):
    """Return what opens one slot of a journal."""
    sealer = Sealer(KEY)

    def read(case):
        payload = sealer.open_seal(case)
        return SLOT_HEADER.unpack(case), payload

    return read


def block_page_of(setup):
    """Return what reads the first page of a block."""
    return lambda case: (unpack_block_page(case), block_page_key(case))


def hotlist_of(setup):
    """Return what mounts a base and an overlay (two parts, or one) and looks four cards up."""

    def read(case):
        parts = split_parts(case)
        counts = [0, 0]
        readers = [_reader(part, counts) for part in parts[:2]] or [_reader(b"", counts)]
        found = Hotlist(readers[0], readers[1] if len(readers) > 1 else None)
        answers = []
        most = 0
        for uid in UIDS:
            counts[0] = counts[1] = 0
            try:
                answers.append(found.lookup(uid))
            except LayoutError:
                answers.append(None)
            assert counts[0] <= READS_MAX, counts
            most = max(most, counts[1])
        return found.version, found.overlay_version, answers, most, len(readers)

    return read


def _reader(body, counts):
    """Return `read` as a package in flash has it: nothing beyond its end. Counts reads, bytes."""

    def read(offset, n):
        if offset < 0 or n < 0 or offset + n > len(body):
            raise LayoutError(f"package: bytes {offset}..{offset + n} of {len(body)}")
        counts[0] += 1
        counts[1] += n
        return body[offset : offset + n]

    return read


BOTH = (LayoutError, SealError)
READERS = {
    "ack": (ack_of, BOTH),
    "ack-batch": (ack_batch_of, (LayoutError,)),
    "lease": (lease_of, BOTH),
    "action": (action_of, BOTH),
    "action-list": (action_list_of, BOTH),
    "envelope": (envelope_of, BOTH),
    "slot": (slot_of, BOTH),
    "block-page": (block_page_of, (LayoutError, RangeError)),
    "hotlist": (hotlist_of, (LayoutError,)),
}
