"""Packages: what is in force; and what is being received, which receiving.py knows.

The code that takes a package is on the heap only while one comes; what it has taken stays until it
is refused or switched to. Every verdict is journalled. Source: D18; trust.md 6.3, T9.
"""

import hashlib

from card_layouts.link import messages as m
from card_layouts.packages.manifest import LEASE, MANIFEST
from card_layouts.records import entries_device as device
from card_layouts.records.entries import CONFIG
from firmware.journal_errors import JournalFull

JOURNAL_ROOM = 24  # slots left for taps before a refusal is worth an entry


class Updates:
    """All roles of one device.

    Shape: slots {role: PackageSlots, mounted}; publics {key_id: public 32 B};
    checks {role: check(read, manifest)} raise LayoutError or SealError;
    clock.now() -> (seconds, source).
    """

    def __init__(self, flash, slots, k_cfg, publics, journal, clock, checks, target=0):
        self.flash = flash
        self.slots = slots
        self.k_cfg = k_cfg
        self.publics = publics
        self.journal = journal
        self._clock = clock
        self.checks = checks
        self.target = target
        self._receiver = None
        self.refused_before = b""
        self.refusals = 0

    def settle(self):
        """Finish what a cut kept from being finished: once, at boot.

        A lease is counted from its CONFIG on: cut between switch and journal, it would never be.
        """
        for role in sorted(self.slots):
            self.slots[role].make_sure()
        lease = self.slots[LEASE].newest() if LEASE in self.slots else None
        counted = self.journal.counters.values["lease"]
        if lease is not None and lease.version > counted and self.journal.admits_tap():
            manifest = MANIFEST.unpack(lease.manifest64)
            floor = self.slots[LEASE].floor()
            self.journal_verdict(device.CONFIG_SWITCHED, manifest, lease.manifest64, counted, floor)

    @property
    def busy(self):
        """True while a whole body is being checked: tick soon."""
        return self._receiver is not None and self._receiver.steps is not None

    def active(self, role):
        """Return the role's package in force now, or None."""
        if role not in self.slots:
            return None
        return self.slots[role].active(self.now())

    def version(self, role):
        """Return the newest installed version of a role, 0 = none."""
        newest = self.slots[role].newest() if role in self.slots else None
        return newest.version if newest is not None else 0

    def now(self):
        """Return the second that packages are judged at, -1 while nothing is known."""
        seconds, _ = self._clock.now()
        return seconds if seconds else -1  # an unset clock without a floor knows nothing

    # What is being received -------------------------------------------------------------

    def offer(self, envelope):
        """Return (status, role, detail, offset) for a WANT."""
        if self.busy or self.journal.free_slots() < JOURNAL_ROOM:
            return m.WANT_BUSY, 0, 0, 0
        if self._receiver is None:
            from firmware.receiving import Receiver

            self._receiver = Receiver(self)
        return self._after(self._receiver.offer(envelope))

    def chunk(self, offset, part):
        """Take bytes of the body; return (status, role, detail, offset) for a WANT."""
        if self._receiver is None:
            return m.WANT_REFUSED, 0, m.WHY_NOT_OFFERED, 0
        return self._after(self._receiver.chunk(offset, part))

    def tick(self):
        """Do a few steps of checking; return None or (status, role, detail, version)."""
        return self._after(self._receiver.tick()) if self.busy else None

    def _after(self, answer):
        """Let go of what was being received: a board has no room for yesterday's."""
        if self._receiver.writer is None:
            self._receiver = None
        return answer

    def journal_verdict(self, result, manifest, envelope, old, floor):
        """Journal what became of a package: `result` CONFIG_..., `manifest` its fields.

        Without room a lease is journalled at the next boot (settle), and a refusal is not.
        """
        seconds, source = self._clock.now()
        signer = b""
        for at in range(64, len(envelope) - 68, 68):
            signer += envelope[at : at + 4]
        values = {
            "sha": hashlib.sha256(envelope[:64]).digest()[:16],
            "signer": (signer + bytes(8))[:8],
            "time": seconds,
            "clock": source,
            "role": manifest["role"],
            "result": result,
            "old": old,
            "new": manifest.get("version", 0),
            "floor": floor,
            "authority": manifest.get("authority", 0),
            "semantics": manifest.get("semantics", 0) & 63,
            "valid_from": manifest.get("valid_from", 0),
            "expires": manifest.get("expires", 0),
        }
        try:
            self.journal.append(CONFIG, device.CONFIG.pack(values))
        except JournalFull:
            pass  # a dead block took the room: the dock goes on, which makes room
