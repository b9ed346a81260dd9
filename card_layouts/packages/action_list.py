"""The action list as a device reads it in place: which lines wait for a card, in a few reads.

A file is a head (48 bytes), an index of bucket starts (2 bytes each, one more than there are
buckets) and the lines of actions.py, bucket after bucket. A card's bucket comes from
SHA-256(salt | UID), as in the hotlist. Head and lines are sealed under K_act of `generation`; the
index is not: whoever changes it can hide a line and forge none.
Must not know: where the bytes lie, what a line does. Source: D9; SPEC.md ACTION_LIST.
"""

from card_layouts.codec.bits import Layout, table
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import next_action_key, same, seal_keys
from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.hotlist import EXACT, place

MAGIC = 0x5441
LAYOUT = 1
HEAD_BYTES = 48
LINE_BYTES = 96
INDEX_BYTES = 2
LINES_MAX = 16_384
LINES_PER_CARD_MAX = 8
BUCKET_LINES_MAX = 16
MACED_BYTES = 32
UID_BYTES = 7
GENERATIONS = 256
RATCHETS_MAX = 31  # a list this many generations ahead of the lease can still be opened

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
ACTION_LIST = Layout("ACTION_LIST", 48, table(
    "magic", 16,
    "layout", 4,
    "free", 4,
    "authority", 8,
    "free", 2,
    "version", 30,
    "free", 2,
    "count", 30,
    "generation", 8,
    "free", 8,
    "buckets", 16,
    "salt", 64,
    "free", 64,
    "mac", 128,
))
# fmt: on


class ActionList:
    """One list behind `read(offset, n) -> bytes`, `head` its fields; `k_act` opens its lines."""

    def __init__(self, read, head, k_act=b""):
        self.k_act = k_act
        self.version = head["version"]
        self.generation = head["generation"]
        self._read = read
        self._count = head["count"]
        self._buckets = head["buckets"]
        self._salt = head["salt"]
        self._lines_at = lines_at(head)

    def find(self, uid):
        """Return (number of the first, how many) of a card's lines; they stand in order of k.

        Shape: one read of 4 bytes, and one of 7 for each line of the bucket, 1 on average.
        Raises: LayoutError when the index is damaged.
        """
        bucket, wanted = place(self._salt, uid, self._buckets, EXACT)
        index = self._read(HEAD_BYTES + INDEX_BYTES * bucket, 2 * INDEX_BYTES)
        first = index[0] << 8 | index[1]
        behind = index[2] << 8 | index[3]
        if not first <= behind <= self._count or behind - first > BUCKET_LINES_MAX:
            raise LayoutError(f"actions.bucket {bucket}: lines {first} to {behind}")
        start = found = 0
        for number in range(first, behind):
            if self._read(self._lines_at + LINE_BYTES * number, UID_BYTES) == wanted:
                start = start if found else number
                found += 1
            elif found:
                break  # a card's lines stand together: what comes is another's
        return start, found

    def line(self, number):
        """Return the 96 bytes of a line, sealed as they are."""
        return self._read(self._lines_at + LINE_BYTES * number, LINE_BYTES)


def open_action_list(read, k_act, generation):
    """Return the ActionList behind `read`, opened as `open_head` does."""
    head, k_act = open_head(read, k_act, generation)
    return ActionList(read, head, k_act)


def open_head(read, k_act, generation):
    """Return (fields of the head, K_act of this list), from the K_act of a lease of `generation`.

    Raises: LayoutError for a head this device does not know; SealError when the key does not reach
    the list's generation, or the head's MAC is wrong under it.
    """
    head = _head(read)
    steps = (head["generation"] - generation) % GENERATIONS
    if steps > RATCHETS_MAX:
        raise SealError(f"actions.generation: {head['generation']}, the lease has {generation}")
    for _ in range(steps):
        k_act = next_action_key(k_act)
    if not same(head["mac"], cmac(seal_keys(k_act)[1], read(0, MACED_BYTES))):
        raise SealError("actions.mac: wrong under K_act")
    return head, k_act


def check_action_list(read, size, version, authority):
    """Raise LayoutError unless a body of `size` bytes is a whole list of this version and area."""
    head = _head(read)
    wanted = lines_at(head) + LINE_BYTES * head["count"]
    if wanted != size:
        raise LayoutError(f"actions: {size} bytes, {wanted} wanted")
    if head["version"] != version:
        raise LayoutError(f"actions: version {head['version']}, manifest {version}")
    if head["authority"] != authority:
        raise LayoutError(f"actions: of {head['authority']}, this is {authority}")


def lines_at(head):
    """Return where the lines begin behind the index of a list with this head."""
    return HEAD_BYTES + INDEX_BYTES * (head["buckets"] + 1)


def _head(read):
    head = ACTION_LIST.unpack(read(0, HEAD_BYTES))
    if head["magic"] != MAGIC or head["layout"] != LAYOUT:
        raise LayoutError(
            f"actions.head: magic {head['magic']:x} layout {head['layout']}, "
            f"wanted {MAGIC:x} {LAYOUT}"
        )
    if head["buckets"] < 1 or head["count"] > LINES_MAX:
        raise LayoutError(f"actions.head: {head['count']} lines, {head['buckets']} buckets")
    return head
