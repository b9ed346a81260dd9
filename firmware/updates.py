"""Takes packages: offer, body in chunks, check in steps, switch. Every verdict is journalled.

A package is refused by name: not sealed for this device, older than what is here or than the
floor, expired, too large, body or layout wrong. A lost link goes on where it stopped; a lost
supply starts the body again. The signature is checked last, a step a tick, so that the reader
stays alive; the MAC of the envelope guards the flash until then.
Knows roles only by number; what a role's body must be is asked of `checks`.
Source: D18; trust.md 6.3, T9.
"""

import hashlib

from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.link import messages as m
from card_layouts.packages.manifest import LEASE, MANIFEST, check_signatures_steps, open_envelope
from card_layouts.records import entries_device as device
from card_layouts.records.entries import CONFIG
from firmware.journal_errors import JournalFull
from firmware.package_slots import SlotWriter

STEPS_PER_TICK = 4
JOURNAL_ROOM = 24  # slots left for taps before a refusal is worth an entry

CONFIG_OF = {
    m.WHY_SEAL: device.CONFIG_SEAL,
    m.WHY_BODY: device.CONFIG_SEAL,
    m.WHY_LAYOUT: device.CONFIG_SEAL,
    m.WHY_OLDER: device.CONFIG_OLD,
    m.WHY_EXPIRED: device.CONFIG_EXPIRED,
    m.WHY_TOO_LARGE: device.CONFIG_SIZE,
}


class Refused(Exception):
    """A package this device does not take; `why` is one of messages.WHY_..."""

    def __init__(self, why, message):
        super().__init__(message)
        self.why = why


class Updates:
    """All roles of one device.

    Shape: slots {role: PackageSlots, mounted}; publics {key_id: public 32 B};
    checks {role: check(read, manifest)} raise LayoutError or SealError;
    clock.now() -> (seconds, source).
    """

    def __init__(self, flash, slots, k_cfg, publics, journal, clock, checks, target=0):
        self._flash = flash
        self.slots = slots
        self._k_cfg = k_cfg
        self._publics = publics
        self.journal = journal
        self._clock = clock
        self._checks = checks
        self._target = target
        self._forget()
        self._refused_before = b""
        self.refusals = 0

    def _forget(self):
        """Let go of what was being received: a board has no room for yesterday's."""
        self._writer = self._steps = self._envelope = self._manifest = self._signatures = None

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
        return self._steps is not None

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

    # Offer and chunks -----------------------------------------------------------------

    def offer(self, envelope):
        """Return (status, role, detail, offset) for a WANT."""
        if self._steps is not None or self.journal.free_slots() < JOURNAL_ROOM:
            return m.WANT_BUSY, 0, 0, 0
        try:
            manifest64, signatures = self._open(envelope)
            manifest = MANIFEST.unpack(manifest64)
            if self._check_offer(manifest, manifest64):
                return m.WANT_HAVE, manifest["role"], 0, 0
        except Refused as refused:
            role = envelope[0] & 15 if len(envelope) else 0
            self._refuse(refused.why, role, envelope)
            return m.WANT_REFUSED, role, refused.why, 0
        if self._writer is None or self._envelope != envelope:
            slots = self.slots[manifest["role"]]
            place = slots.spare_place(self.now())
            self._writer = SlotWriter(self._flash, place, manifest["size"])
            self._envelope = envelope
            self._manifest = manifest
            self._signatures = signatures
        return m.WANT_FROM, manifest["role"], 0, self._writer.offset

    def _open(self, envelope):
        try:
            return open_envelope(envelope, self._k_cfg)
        except LayoutError as error:
            raise Refused(m.WHY_LAYOUT, str(error))
        except SealError as error:
            raise Refused(m.WHY_SEAL, str(error))

    def _check_offer(self, manifest, manifest64):
        """Return True if it is installed already. Raises: Refused."""
        role, version = manifest["role"], manifest["version"]
        if role not in self.slots or manifest["target"] not in (0, self._target):
            raise Refused(m.WHY_LAYOUT, f"package: role {role}, target {manifest['target']}")
        slots = self.slots[role]
        newest = slots.newest()
        if newest is not None and newest.manifest64 == manifest64:
            return True
        if version <= self.version(role) or version < slots.floor():
            raise Refused(m.WHY_OLDER, f"package: version {version} of {self.version(role)}")
        if 0 < manifest["expires"] <= self.now():
            raise Refused(m.WHY_EXPIRED, f"package: expired at {manifest['expires']}")
        if not 0 < manifest["size"] <= slots.capacity:
            raise Refused(m.WHY_TOO_LARGE, f"package: {manifest['size']} of {slots.capacity} bytes")
        return False

    def chunk(self, offset, part):
        """Take bytes of the body; return (status, role, detail, offset) for a WANT."""
        if self._steps is not None:
            return m.WANT_BUSY, self._manifest["role"], 0, self._writer.size
        if self._writer is None:
            return m.WANT_REFUSED, 0, m.WHY_NOT_OFFERED, 0
        role, writer = self._manifest["role"], self._writer
        if offset + len(part) > writer.size:
            self._refuse(m.WHY_TOO_LARGE, role, self._envelope)
            return m.WANT_REFUSED, role, m.WHY_TOO_LARGE, 0
        if offset == writer.offset:
            writer.write(part)
        if writer.offset == writer.size:
            self._steps = self._check_steps()
        return m.WANT_FROM, role, 0, writer.offset

    # Check and switch -----------------------------------------------------------------

    def tick(self):
        """Do a few steps of checking; return None or (status, role, detail, version)."""
        if self._steps is None:
            return None
        role, version = self._manifest["role"], self._manifest["version"]
        try:
            for _ in range(STEPS_PER_TICK):
                next(self._steps)
            return None
        except StopIteration:
            in_force = self.slots[role].newest().in_force(self.now())
            self._forget()
            return (m.RESULT_SWITCHED if in_force else m.RESULT_STORED), role, 0, version
        except Refused as refused:
            why = refused.why
        except (LayoutError, RangeError):
            why = m.WHY_LAYOUT
        except SealError:
            why = m.WHY_SEAL
        self._refuse(why, role, self._envelope)
        return m.RESULT_REFUSED, role, why, version

    def _check_steps(self):
        writer, manifest, envelope = self._writer, self._manifest, self._envelope
        digest = yield from writer.digest_steps()
        if digest != manifest["sha256"]:
            raise Refused(m.WHY_BODY, "package: SHA-256 of the body is not the manifest's")
        manifest64 = envelope[:64]
        yield from check_signatures_steps(manifest64, self._signatures, self._publics)
        role = manifest["role"]
        if role in self._checks:
            self._checks[role](writer.read, manifest)
        slots = self.slots[role]
        old = self.version(role)
        floor = max(slots.floor(), manifest["floor"])
        writer.switch(envelope, floor)
        slots.mount(self._k_cfg)
        newest = slots.newest()
        if newest is None or newest.manifest64 != manifest64:
            raise Refused(m.WHY_BODY, "package: the flash does not hold its head")
        self.journal_verdict(device.CONFIG_SWITCHED, manifest, envelope, old, floor)

    def _refuse(self, why, role, envelope):
        """Forget what was being received and journal the refusal, once for the same bytes."""
        self.refusals += 1
        self._forget()
        seen = hashlib.sha256(envelope).digest()[:8] + bytes([why])
        if seen == self._refused_before or self.journal.free_slots() < JOURNAL_ROOM:
            return
        self._refused_before = seen
        manifest = MANIFEST.unpack(envelope) if len(envelope) >= MANIFEST.size else None
        if why in (m.WHY_SEAL, m.WHY_LAYOUT) or manifest is None:
            manifest = {"role": role}  # whoever wrote the rest was not the ledger
        floor = self.slots[role].floor() if role in self.slots else 0
        self.journal_verdict(CONFIG_OF[why], manifest, envelope, self.version(role), floor)

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
