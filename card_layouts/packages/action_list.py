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
    """One list behind `read(offset, n) -> bytes`.

    Raises: LayoutError when the head is not one this device knows.
    """

    def __init__(self, read):
        self._head = read(0, ACTION_LIST.size)
        head = ACTION_LIST.unpack(self._head)
        if head["magic"] != MAGIC or head["layout"] != LAYOUT:
            raise LayoutError(
                f"actions.head: magic {head['magic']:x} layout {head['layout']}, "
                f"wanted {MAGIC:x} {LAYOUT}"
            )
        if head["buckets"] < 1 or head["count"] > LINES_MAX:
            raise LayoutError(f"actions.head: {head['count']} lines, {head['buckets']} buckets")
        self._read = read
        self.version = head["version"]
        self.authority = head["authority"]
        self.generation = head["generation"]
        self.count = head["count"]
        self._buckets = head["buckets"]
        self._salt = head["salt"]
        self._mac = head["mac"]
        self._lines_at = ACTION_LIST.size + INDEX_BYTES * (head["buckets"] + 1)
        self.size = self._lines_at + LINE_BYTES * head["count"]

    def open_seal(self, k_act, generation):
        """Return K_act of this list, from that of a lease of `generation`.

        Raises: SealError when the key does not reach the list, or the head's MAC is wrong.
        """
        steps = (self.generation - generation) % GENERATIONS
        if steps > RATCHETS_MAX:
            raise SealError(f"actions.generation: {self.generation}, the lease has {generation}")
        for _ in range(steps):
            k_act = next_action_key(k_act)
        if not same(self._mac, cmac(seal_keys(k_act)[1], bytes(self._head[:MACED_BYTES]))):
            raise SealError("actions.mac: wrong under K_act")
        return k_act

    def find(self, uid):
        """Return (number of the first, how many) of a card's lines; they stand in order of k.

        Shape: one read of 4 bytes, and one of 7 for each line of the bucket, 1 on average.
        Raises: LayoutError when the index is damaged.
        """
        bucket, wanted = place(self._salt, uid, self._buckets, EXACT)
        index = self._read(ACTION_LIST.size + INDEX_BYTES * bucket, 2 * INDEX_BYTES)
        first = index[0] << 8 | index[1]
        behind = index[2] << 8 | index[3]
        if not first <= behind <= self.count or behind - first > BUCKET_LINES_MAX:
            raise LayoutError(f"actions.bucket {bucket}: lines {first} to {behind}")
        start = found = 0
        for number in range(first, behind):
            if self._read(self._lines_at + LINE_BYTES * number, UID_BYTES) == wanted:
                start = start if found else number
                found += 1
        return start, found

    def line(self, number):
        """Return the 96 bytes of a line, sealed as they are."""
        return self._read(self._lines_at + LINE_BYTES * number, LINE_BYTES)


def check_action_list(read, size, version, authority):
    """Raise LayoutError unless a body of `size` bytes is a whole list of this version and area."""
    found = ActionList(read)
    if found.size != size:
        raise LayoutError(f"actions: {size} bytes, {found.size} wanted")
    if found.version != version:
        raise LayoutError(f"actions: version {found.version}, manifest {version}")
    if found.authority != authority:
        raise LayoutError(f"actions: of {found.authority}, this is {authority}")
