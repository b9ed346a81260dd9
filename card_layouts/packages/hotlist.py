"""The hotlist as a device reads it in place: at most two reads in the base, two in the overlay.

A file is a head (48 bytes), an index of bucket starts (3 bytes each, one more than there are
buckets) and the entries, bucket after bucket. A card's bucket and, in short entries, its
remainder come from SHA-256(salt | UID). The overlay is cumulative for its base: an entry with
action none takes a card off the list, and missed days need no chain of differences.
Must not know: where the bytes lie, who signed them. Source: D8; SPEC.md HOTLIST_7, HOTLIST_5.
"""

import hashlib

from card_layouts.codec.bits import Layout
from card_layouts.errors import LayoutError
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL, HOT_NONE

MAGIC = 0x544C
LAYOUT = 1
KIND_BASE = 0
KIND_OVERLAY = 1
EXACT = 7  # bytes of the whole UID: the only width at which a card may be killed
SHORT = 5
BUCKET_ENTRIES_MAX = 80
INDEX_BYTES = 3

HOTLIST_HEAD = Layout(
    "HOTLIST_HEAD",
    48,
    (
        # fmt: off
        "magic",
        16,
        "layout",
        4,
        "kind",
        4,
        "width",
        8,
        "free",
        2,
        "version",
        30,
        "free",
        2,
        "base",
        30,
        "free",
        2,
        "count",
        30,
        "free",
        2,
        "buckets",
        30,
        "authority",
        8,
        "free",
        24,
        "salt",
        64,
        "digest",
        128,
        # fmt: on
    ),
)


class HotlistFile:
    """One file, base or overlay, behind `read(offset, n) -> bytes`.

    Raises: LayoutError when the head is not one this device knows.
    """

    def __init__(self, read, kind):
        head = HOTLIST_HEAD.unpack(read(0, HOTLIST_HEAD.size))
        if head["magic"] != MAGIC or head["layout"] != LAYOUT or head["kind"] != kind:
            raise LayoutError(
                f"hotlist.head: magic {head['magic']:x} layout {head['layout']} kind "
                f"{head['kind']}, wanted {MAGIC:x} {LAYOUT} {kind}"
            )
        if head["width"] not in (EXACT, SHORT) or head["buckets"] < 1:
            raise LayoutError(f"hotlist.head: width {head['width']}, {head['buckets']} buckets")
        self._read = read
        self.version = head["version"]
        self.base = head["base"]
        self.count = head["count"]
        self.authority = head["authority"]
        self.width = head["width"]
        self.digest = head["digest"]
        self._buckets = head["buckets"]
        self._salt = head["salt"]
        self._entries_at = HOTLIST_HEAD.size + INDEX_BYTES * (head["buckets"] + 1)

    def find(self, uid):
        """Return (action, g) of a card's entry, or None. Raises: LayoutError if damaged."""
        bucket, wanted = place(self._salt, uid, self._buckets, self.width)
        index = self._read(HOTLIST_HEAD.size + INDEX_BYTES * bucket, 2 * INDEX_BYTES)
        first = index[0] << 16 | index[1] << 8 | index[2]
        behind = index[3] << 16 | index[4] << 8 | index[5]
        if not first <= behind <= self.count or behind - first > BUCKET_ENTRIES_MAX:
            raise LayoutError(f"hotlist.bucket {bucket}: entries {first} to {behind}")
        if first == behind:
            return None
        size = self.width + 1
        entries = self._read(self._entries_at + size * first, size * (behind - first))
        at = 0
        while at < len(entries):
            if entries[at : at + self.width] == wanted:
                last = entries[at + self.width]
                action = last & 3
                # Five bytes may, once in a long while, name a stranger: never kill on them.
                if action == HOT_KILL and self.width != EXACT:
                    action = HOT_BLOCK
                return action, last >> 2
            at += size
        return None


class Hotlist:
    """The list in force: a base and, or None, the newest overlay made for it."""

    def __init__(self, read_base, read_overlay=None):
        self.base = HotlistFile(read_base, KIND_BASE)
        self.overlay = None
        if read_overlay is not None:
            overlay = HotlistFile(read_overlay, KIND_OVERLAY)
            if overlay.base != self.base.version or overlay.digest != self.base.digest:
                raise LayoutError(
                    f"hotlist.overlay: made for base {overlay.base}, found {self.base.version}"
                )
            self.overlay = overlay

    @property
    def version(self):
        """Version of the base."""
        return self.base.version

    @property
    def overlay_version(self):
        """Version of the overlay, 0 = none."""
        return self.overlay.version if self.overlay is not None else 0

    def lookup(self, uid):
        """Return (action, g) for a 7-byte UID; (HOT_NONE, 0) when it is not listed.

        Shape: at most two reads in the overlay and two in the base.
        Raises: LayoutError when the bytes are damaged.
        """
        if self.overlay is not None:
            found = self.overlay.find(uid)
            if found is not None:
                return found
        found = self.base.find(uid)
        return (HOT_NONE, 0) if found is None else found


def place(salt, uid, buckets, width):
    """Return (bucket, remainder bytes) of a UID; the remainder is the UID itself if exact."""
    digest = hashlib.sha256(salt + uid).digest()
    bucket = (digest[0] << 16 | digest[1] << 8 | digest[2]) % buckets
    return bucket, bytes(uid) if width == EXACT else digest[3 : 3 + SHORT]
