"""Two slots of raw flash for one role's package: the new one is written beside the old.

A slot is head (512 bytes) and body. The body is written and checked first; the head, with the
signed envelope and a CRC, is programmed last and is the switch: a cut leaves the old package
or the new one, never a mix. Before a slot is reused its head is overwritten with 00, so that
a cut erase cannot leave a head in front of a damaged body. `make_sure` is for the first look
after a cut: a head that reads well today and not tomorrow is programmed once more.
Knows flash and envelopes, not what a role means. Source: D8, D18; trust.md 6.5, T9.
"""

import hashlib
from binascii import crc32

from card_layouts.codec.bits import Layout
from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.manifest import MANIFEST, open_envelope

BLOCK_BYTES = 4096
PAGE_BYTES = 256
HEAD_BYTES = 512
MAGIC = 0x5450
LAYOUT = 1

SLOT_HEAD = Layout(
    "PACKAGE_HEAD",
    12,
    (
        # fmt: off
        "magic",
        16,
        "layout",
        8,
        "free",
        8,
        "envelope_bytes",
        16,
        "free",
        16,
        "free",
        2,
        "floor",
        30,
        # fmt: on
    ),
)


class Package:
    """A whole package in flash: its manifest (64 bytes) and `read(offset, n)` of its body."""

    def __init__(self, flash, place, manifest64, floor):
        self._flash = flash
        self._body_at = place + HEAD_BYTES
        self.place = place
        self.manifest64 = manifest64
        self.version = MANIFEST.get(manifest64, "version")
        self.size = MANIFEST.get(manifest64, "size")
        self.floor = floor

    def read_into(self, offset, buf):
        """Fill `buf` from the body; allocates nothing. Raises: LayoutError beyond its end."""
        if offset + len(buf) > self.size:
            raise LayoutError("package: bytes beyond %d" % self.size)
        self._flash.read(self._body_at + offset, buf)

    def read(self, offset, n):
        """Return n bytes of the body. Raises: LayoutError beyond its end."""
        if offset < 0 or n < 0 or offset + n > self.size:
            raise LayoutError(f"package: bytes {offset}..{offset + n} of {self.size}")
        buf = bytearray(n)
        self._flash.read(self._body_at + offset, buf)
        return bytes(buf)

    def in_force(self, now):
        """True once valid_from has come; an unset clock (-1) takes what there is."""
        return now < 0 or MANIFEST.get(self.manifest64, "valid_from") <= now

    def expired(self, now):
        """True when `now` (seconds, -1 = unset) is behind `expires` (0 = never)."""
        return 0 < MANIFEST.get(self.manifest64, "expires") <= now


class PackageSlots:
    """Slots A and B of one role: `blocks` flash blocks each, from `first_block` on."""

    def __init__(self, flash, first_block, blocks, role):
        self._flash = flash
        self._places = (first_block * BLOCK_BYTES, (first_block + blocks) * BLOCK_BYTES)
        self.role = role
        self.capacity = blocks * BLOCK_BYTES - HEAD_BYTES
        self.packages = []

    def mount(self, k_cfg):
        """Find the whole packages of this device; damaged or foreign slots count as empty."""
        self.packages = []
        for place in self._places:
            package = self._load(place, k_cfg)
            if package is not None:
                self.packages.append(package)
        # The slot written last has the higher version: a lower one is never accepted. Two alike
        # nobody wrote; the place decides, for MicroPython's sort is not stable.
        self.packages.sort(key=lambda package: (package.version, package.place))

    def _load(self, place, k_cfg):
        head = bytearray(HEAD_BYTES)
        self._flash.read(place, head)
        size = SLOT_HEAD.get(head, "envelope_bytes")
        end = SLOT_HEAD.size + size
        if SLOT_HEAD.get(head, "magic") != MAGIC or SLOT_HEAD.get(head, "layout") != LAYOUT:
            return None
        if end + 4 > HEAD_BYTES or head[end : end + 4] != _crc(head[:end]):
            return None
        try:
            manifest64, _ = open_envelope(bytes(head[SLOT_HEAD.size : end]), k_cfg)
        except (LayoutError, SealError):
            return None  # another device's, or keys were renewed: not ours to use
        package = Package(self._flash, place, manifest64, SLOT_HEAD.get(head, "floor"))
        ours = MANIFEST.get(manifest64, "role") == self.role and package.size <= self.capacity
        return package if ours else None

    def make_sure(self):
        """Program the newest package's head again: a cut may have left its bits in doubt."""
        package = self.newest()
        if package is not None:
            head = bytearray(HEAD_BYTES)
            self._flash.read(package.place, head)
            for at in (PAGE_BYTES, 0):
                self._flash.program(package.place + at, head[at : at + PAGE_BYTES])

    def newest(self):
        """Return the package with the highest version, in force or not yet, or None."""
        return self.packages[-1] if self.packages else None

    def active(self, now):
        """Return the newest package that is in force at `now`, or None."""
        for package in reversed(self.packages):
            if package.in_force(now):
                return package
        return None

    def floor(self):
        """Return the smallest version that may still be installed."""
        return max([package.floor for package in self.packages] + [0])

    def spare_place(self, now):
        """Return the slot to write next: never the one in use."""
        active = self.active(now)
        if active is None:
            return self._places[0]
        return self._places[1] if active.place == self._places[0] else self._places[0]


class SlotWriter:
    """Writes one body into a slot, in order, then switches. One at a time."""

    def __init__(self, flash, place, size):
        self._flash = flash
        self._place = place
        self.size = size
        self.offset = 0
        flash.program(place, bytes(PAGE_BYTES))
        flash.erase(place)

    def write(self, part):
        """Append bytes of the body; each block is erased when the body enters it."""
        at = 0
        while at < len(part):
            where = self._place + HEAD_BYTES + self.offset
            if where % BLOCK_BYTES == 0:
                self._flash.erase(where)
            room = PAGE_BYTES - where % PAGE_BYTES
            piece = part[at : at + room]
            self._flash.program(where, piece)
            at += len(piece)
            self.offset += len(piece)

    def read(self, offset, n):
        """Return n bytes of the body written so far, as Package.read does."""
        if offset < 0 or n < 0 or offset + n > self.size:
            raise LayoutError(f"package: bytes {offset}..{offset + n} of {self.size}")
        buf = bytearray(n)
        self._flash.read(self._place + HEAD_BYTES + offset, buf)
        return bytes(buf)

    def digest_steps(self):
        """Read the body back, a block a step; the generator's result is its SHA-256."""
        hasher = hashlib.sha256()
        buf = bytearray(PAGE_BYTES)
        for at in range(0, self.size, PAGE_BYTES):
            self._flash.read(self._place + HEAD_BYTES + at, buf)
            left = self.size - at
            hasher.update(buf if left >= PAGE_BYTES else buf[:left])
            if at % BLOCK_BYTES == 0:
                yield
        return hasher.digest()

    def switch(self, envelope, floor):
        """Program the head: from here on the slot holds this package."""
        values = {"magic": MAGIC, "layout": LAYOUT, "envelope_bytes": len(envelope)}
        values["floor"] = floor
        head = SLOT_HEAD.pack(values) + envelope
        head += _crc(head)
        for at in range(len(head) - len(head) % PAGE_BYTES, -1, -PAGE_BYTES):
            # The second page first: the head's magic is the last thing to appear.
            if head[at : at + PAGE_BYTES]:
                self._flash.program(self._place + at, head[at : at + PAGE_BYTES])


def _crc(data):
    return crc32(data).to_bytes(4, "big")
