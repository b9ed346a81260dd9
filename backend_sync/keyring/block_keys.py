"""The forward chain of journal block keys, walked from the keyring's side.

A device forgets each K_block when it opens the next block; the keyring can always start again
from K_root. It keeps a few keys on the way so that a device in its tenth year costs no more than
one in its first. It must not know slots. Source: decisions D13; trust.md 6.2.
"""

from collections.abc import Iterable

from card_layouts.crypto.aes import ECB, aes
from card_layouts.crypto.kdf import block_key, device_key, next_block_key

STEP = 256  # every 256th key is kept: a walk is at most 255 hashes
SPAN = 1 << 16  # ordinals beyond the newest one seen: 2 M slots, a hundred full rings
KEPT_MAX = 4096  # keys remembered for one identity, before the oldest half is forgotten
RECENT_MAX = 1 << 14  # block keys remembered over all identities


class BlockKeys:
    """K_block of any (device, epoch, ordinal), while somebody cannot make us walk for ever."""

    def __init__(self, k_root: bytes, at_rest: bytes) -> None:
        self.k_root = k_root
        self.wrap = aes(at_rest, ECB)
        self.unwrap = aes(at_rest, ECB)
        self.kept: dict[tuple[int, int], dict[int, bytes]] = {}
        self.newest: dict[tuple[int, int], int] = {}
        self.recent: dict[tuple[int, int, int], bytes] = {}
        self.moved: set[tuple[int, int]] = set()

    def restore(self, rows: Iterable[tuple[int, int, int, bytes]]) -> None:
        """Take up the keys an earlier process left in the register."""
        for device, epoch, ordinal, wrapped in rows:
            self.kept[device, epoch] = {ordinal: bytes(self.unwrap.decrypt(wrapped))}
            self.newest[device, epoch] = ordinal

    def key(self, device: int, epoch: int, ordinal: int) -> bytes | None:
        """Return K_block, or None when `ordinal` is beyond all reason for this identity."""
        found = self.recent.get((device, epoch, ordinal))
        if found is not None:
            return found
        if ordinal > self.newest.get((device, epoch), 0) + SPAN:
            return None
        if len(self.recent) >= RECENT_MAX:
            self.recent.clear()
        key = self._walk(device, epoch, ordinal)
        self.recent[device, epoch, ordinal] = key
        return key

    def seen(self, device: int, epoch: int, ordinal: int) -> None:
        """Say that a slot of this block opened: the device really has come so far."""
        before = self.newest.get((device, epoch), 0)
        if ordinal > before:
            self.newest[device, epoch] = ordinal
            if ordinal // STEP > before // STEP:
                self.moved.add((device, epoch))

    def unsaved(self) -> list[tuple[int, int, int, bytes]]:
        """Return (device, epoch, ordinal, wrapped key) of the identities that moved on."""
        rows = []
        for device, epoch in sorted(self.moved):
            ordinal = self.newest[device, epoch] // STEP * STEP
            key = self._walk(device, epoch, ordinal)
            rows.append((device, epoch, ordinal, bytes(self.wrap.encrypt(key))))
        self.moved.clear()
        return rows

    def _walk(self, device: int, epoch: int, ordinal: int) -> bytes:
        kept = self.kept.setdefault((device, epoch), {})
        at, key = self._nearest(kept, device, epoch, ordinal)
        while at < ordinal:
            if at % STEP == 0:
                kept[at] = key
            key = next_block_key(key)
            at += 1
        if len(kept) > KEPT_MAX:
            for old in sorted(kept)[: KEPT_MAX // 2]:
                del kept[old]
        return key

    def _nearest(
        self, kept: dict[int, bytes], device: int, epoch: int, ordinal: int
    ) -> tuple[int, bytes]:
        for at in range(ordinal // STEP * STEP, -1, -STEP):
            if at in kept:
                return at, kept[at]
        return 0, block_key(device_key(self.k_root, device, epoch))
