"""One package is taken: offer, body in chunks, check in steps, switch.

A package is refused by name: not sealed for this device, older than what is here or than the
floor, expired, too large, body or layout wrong. A lost link goes on where it stopped; a lost
supply starts the body again. The signature is checked last, a step a tick, so that the reader
stays alive; the MAC of the envelope guards the flash until then.
Knows roles only by number; what a role's body must be is asked of `updates.checks`.
Source: D18; trust.md 6.3, T9.
"""

import hashlib

from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.link import messages as m
from card_layouts.packages.manifest import MANIFEST, check_signatures_steps, open_envelope
from card_layouts.records import entries_device as device
from firmware.package_slots import SlotWriter
from firmware.updates import JOURNAL_ROOM

STEPS_PER_TICK = 4

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


class Receiver:
    """What an edge offers to the Updates `updates`; `writer` is None when nothing is under way."""

    def __init__(self, updates):
        self.updates = updates
        self.journal = updates.journal
        self.slots = updates.slots
        self._forget()

    def _forget(self):
        self.writer = self.steps = self._envelope = self._manifest = self._signatures = None

    def offer(self, envelope):
        """Return (status, role, detail, offset) for a WANT."""
        try:
            manifest64, signatures = self._open(envelope)
            manifest = MANIFEST.unpack(manifest64)
            if self._check_offer(manifest, manifest64):
                return m.WANT_HAVE, manifest["role"], 0, 0
        except Refused as refused:
            role = envelope[0] & 15 if len(envelope) else 0
            self._refuse(refused.why, role, envelope)
            return m.WANT_REFUSED, role, refused.why, 0
        if self.writer is None or self._envelope != envelope:
            slots = self.slots[manifest["role"]]
            place = slots.spare_place(self.updates.now())
            self.writer = SlotWriter(self.updates.flash, place, manifest["size"])
            self._envelope = envelope
            self._manifest = manifest
            self._signatures = signatures
        return m.WANT_FROM, manifest["role"], 0, self.writer.offset

    def _open(self, envelope):
        try:
            return open_envelope(envelope, self.updates.k_cfg)
        except LayoutError as error:
            raise Refused(m.WHY_LAYOUT, str(error))
        except SealError as error:
            raise Refused(m.WHY_SEAL, str(error))

    def _check_offer(self, manifest, manifest64):
        """Return True if it is installed already. Raises: Refused."""
        role, version = manifest["role"], manifest["version"]
        here = self.updates.version(role)
        if role not in self.slots or manifest["target"] not in (0, self.updates.target):
            raise Refused(m.WHY_LAYOUT, f"package: role {role}, target {manifest['target']}")
        slots = self.slots[role]
        newest = slots.newest()
        if newest is not None and newest.manifest64 == manifest64:
            return True
        if version <= here or version < slots.floor():
            raise Refused(m.WHY_OLDER, f"package: version {version} of {here}")
        if 0 < manifest["expires"] <= self.updates.now():
            raise Refused(m.WHY_EXPIRED, f"package: expired at {manifest['expires']}")
        if not 0 < manifest["size"] <= slots.capacity:
            raise Refused(m.WHY_TOO_LARGE, f"package: {manifest['size']} of {slots.capacity} bytes")
        return False

    def chunk(self, offset, part):
        """Take bytes of the body; return (status, role, detail, offset) for a WANT."""
        if self.steps is not None:
            return m.WANT_BUSY, self._manifest["role"], 0, self.writer.size
        if self.writer is None:
            return m.WANT_REFUSED, 0, m.WHY_NOT_OFFERED, 0
        role, writer = self._manifest["role"], self.writer
        if offset + len(part) > writer.size:
            self._refuse(m.WHY_TOO_LARGE, role, self._envelope)
            return m.WANT_REFUSED, role, m.WHY_TOO_LARGE, 0
        if offset == writer.offset:
            writer.write(part)
        if writer.offset == writer.size:
            self.steps = self._check_steps()
        return m.WANT_FROM, role, 0, writer.offset

    # Check and switch -----------------------------------------------------------------

    def tick(self):
        """Do a few steps of checking; return None or (status, role, detail, version)."""
        role, version = self._manifest["role"], self._manifest["version"]
        try:
            for _ in range(STEPS_PER_TICK):
                next(self.steps)
            return None
        except StopIteration:
            in_force = self.slots[role].newest().in_force(self.updates.now())
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
        writer, manifest, envelope = self.writer, self._manifest, self._envelope
        digest = yield from writer.digest_steps()
        if digest != manifest["sha256"]:
            raise Refused(m.WHY_BODY, "package: SHA-256 of the body is not the manifest's")
        manifest64 = envelope[:64]
        yield from check_signatures_steps(manifest64, self._signatures, self.updates.publics)
        role = manifest["role"]
        if role in self.updates.checks:
            self.updates.checks[role](writer.read, manifest)
        slots = self.slots[role]
        old = self.updates.version(role)
        floor = max(slots.floor(), manifest["floor"])
        writer.switch(envelope, floor)
        slots.mount(self.updates.k_cfg)
        newest = slots.newest()
        if newest is None or newest.manifest64 != manifest64:
            raise Refused(m.WHY_BODY, "package: the flash does not hold its head")
        self.updates.journal_verdict(device.CONFIG_SWITCHED, manifest, envelope, old, floor)

    def _refuse(self, why, role, envelope):
        """Forget what was being received and journal the refusal, once for the same bytes."""
        self.updates.refusals += 1
        self._forget()
        seen = hashlib.sha256(envelope).digest()[:8] + bytes([why])
        if seen == self.updates.refused_before or self.journal.free_slots() < JOURNAL_ROOM:
            return
        self.updates.refused_before = seen
        manifest = MANIFEST.unpack(envelope) if len(envelope) >= MANIFEST.size else None
        if why in (m.WHY_SEAL, m.WHY_LAYOUT) or manifest is None:
            manifest = {"role": role}  # whoever wrote the rest was not the ledger
        floor = self.slots[role].floor() if role in self.slots else 0
        old = self.updates.version(role)
        self.updates.journal_verdict(CONFIG_OF[why], manifest, envelope, old, floor)
