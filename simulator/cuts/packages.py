"""Updates: a package of each role is delivered over an older one, in the same flash as the journal.

The bodies are real and pass the checks of the firmware: tariff, hotlist, overlay, action list,
lease. Firmware has no reader on the device yet; its slots are the same A/B pair. Source: D18, T27.
"""

import hashlib
from collections.abc import Hashable
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from card_layouts.crypto.kdf import block_key, device_key
from card_layouts.packages import manifest as roles
from card_layouts.packages.action_list_builder import build_action_list
from card_layouts.packages.hotlist_builder import build_base, build_overlay
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from card_layouts.packages.lease import RIGHT_DEBIT, seal_lease, wrap_key
from firmware.action_lists import list_in_force
from firmware.device_clock import DeviceClock
from firmware.journal import Journal
from firmware.journal_block import JournalDamaged
from firmware.package_checks import package_checks
from firmware.package_slots import PackageSlots
from firmware.updates import Updates
from simulator.cuts.stage import LOST, MIXED, MOUNT, STUCK, WRONG, Complaint, Flow, Stage
from simulator.flash import BLOCK_BYTES, Flash
from simulator.prng import Prng
from simulator.worlds.small_tariffs import count_tariff
from simulator.worlds.tap_world import AUTHORITY, EPOCH, GATE_A, NOW, ROOT_KEY, Watch

BLOCKS = 4  # of the journal, from block 1 on
SLOT_BLOCKS = 2  # of one slot of a package; slot A from block 5 on
ROLES = (roles.TARIFF, roles.HOTLIST, roles.OVERLAY, roles.ACTIONS, roles.LEASE, roles.FIRMWARE)
K_DEV = device_key(ROOT_KEY, GATE_A, EPOCH)
CFG, WRAP, K_ACT = b"c" * 16, b"w" * 16, b"a" * 16
SIGNER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
PUBLIC = SIGNER.public_key().public_bytes_raw()
KEY_ID = hashlib.sha256(PUBLIC).digest()[:4]
CHUNK = 768
FLASH_BYTES = BLOCK_BYTES * (1 + BLOCKS + 2 * SLOT_BLOCKS * len(ROLES))
OLD, NEW = 7, 8  # versions


class Board:
    """Journal, slots and updates over one flash, as the validator wires them."""

    def __init__(self, flash: Flash) -> None:
        self.journal = Journal(flash, 1, BLOCKS).mount()
        self.journal.idle()
        clock = DeviceClock(Watch(), self.journal.counters)
        self.slots: dict[int, PackageSlots] = {}
        for index, role in enumerate(ROLES):
            self.slots[role] = PackageSlots(flash, _place(index), SLOT_BLOCKS, role)
            self.slots[role].mount(CFG)
        profile = {"authority": AUTHORITY}
        checks = package_checks(CFG, self.journal, profile, self.slots, clock)
        publics = {KEY_ID: PUBLIC}
        self.updates = Updates(flash, self.slots, CFG, publics, self.journal, clock, checks)
        self.updates.settle()

    def deliver(self, envelope: bytes, body: bytes) -> tuple[int, int, int, int]:
        """Offer and send a package as an edge does; return the RESULT or the WANT that ended it."""
        said: tuple[int, int, int, int] = self.updates.offer(envelope)
        while said[0] == 0 and said[3] < len(body):
            said = self.updates.chunk(said[3], body[said[3] : said[3] + CHUNK])
        while self.updates.busy:
            said = self.updates.tick() or said
        return said


def _place(index: int) -> int:
    """Return the first block of a role's slot A."""
    return 1 + BLOCKS + 2 * SLOT_BLOCKS * index


class PackageStage(Stage):
    """Version NEW of a role is delivered over OLD; cut, it is delivered again."""

    def __init__(self, role: int) -> None:
        super().__init__()
        self.role = role
        self.flash = _installed().clone()
        self.board = Board(self.flash)
        self.flash.restart_count()

    def act(self) -> None:
        self._deliver()

    def recover(self) -> None:
        """Power on: one of the two is there, whole; then the edge delivers again."""
        try:
            self.board = Board(self.flash)
        except JournalDamaged as error:
            self.told.append((MOUNT, str(error)))
            raise
        self.told += self._look((OLD, NEW))
        self._deliver()

    def judge(self) -> list[Complaint]:
        self.flash.cut_at()
        self.flash.fault_at()
        self.board = Board(self.flash)
        wanted = (OLD, NEW) if self.refused else (NEW,)
        return self.told + self._look(wanted) + self._counted() + self._opened()

    def keep(self) -> Flash:
        return self.flash.clone()

    def situation(self) -> Hashable:
        """A slot without a head is erased before it is used: what its body holds tells nothing."""
        seen = self.flash.clone()
        for index, role in enumerate(ROLES):
            slots = PackageSlots(self.flash, _place(index), SLOT_BLOCKS, role)
            slots.mount(CFG)
            whole = [package.place for package in slots.packages]
            for at in (_place(index), _place(index) + SLOT_BLOCKS):
                if at * BLOCK_BYTES not in whole:
                    end = (at + SLOT_BLOCKS) * BLOCK_BYTES
                    seen.image[at * BLOCK_BYTES : end] = bytes(SLOT_BLOCKS * BLOCK_BYTES)
        return seen.image_hash()

    def back(self, kept: Flash) -> None:
        self.flash = kept.clone()
        self.refused = 0

    def _deliver(self) -> None:
        said = self.board.deliver(*package(self.role, NEW))
        self.refused += said[0] > 1
        if said[0] > 1:
            said = self.board.deliver(*package(self.role, NEW))  # an edge offers again
            if said[0] > 1 and not self.flash.injected:
                self.told.append((STUCK, f"{roles.ROLE_NAMES[self.role]} refused: {said}"))

    def _look(self, versions: tuple[int, ...]) -> list[Complaint]:
        """Every role's package is whole and one of its versions."""
        found: list[Complaint] = []
        for role in ROLES:
            name, active = roles.ROLE_NAMES[role], self.board.updates.active(role)
            wanted = versions if role == self.role else (OLD,)
            if active is None or active.version not in wanted:
                version = active.version if active else None
                found.append((LOST, f"{name}: version {version}, wanted {wanted}"))
            elif active.read(0, active.size) != package(role, active.version)[1]:
                found.append((MIXED, f"{name} {active.version}"))
            else:
                self.committed += 1
        return found

    def _counted(self) -> list[Complaint]:
        """What is charged is counted under the lease in force."""
        lease, values = self.board.updates.active(roles.LEASE), self.board.journal.counters.values
        if lease is not None and values["lease"] != lease.version:
            return [(WRONG, f"lease {lease.version} in force, {values['lease']} counted")]
        return []

    def _opened(self) -> list[Complaint]:
        """The action list in force is opened by the lease in force."""
        found = list_in_force(self.board.updates, Keys)
        active = self.board.updates.active(roles.ACTIONS)
        if found is None or active is None or found[1]["version"] != active.version:
            return [(WRONG, "the action list cannot be opened")]
        return []


class Keys:
    """Of the device, what a list is opened with."""

    cfg, wrap = CFG, WRAP


@cache
def package(role: int, version: int) -> tuple[bytes, bytes]:
    """Return envelope and body."""
    body = _body(role, version)
    values: dict[str, Any] = {"layout": 1, "role": role, "version": version, "size": len(body)}
    values["sha256"] = hashlib.sha256(body).digest()
    values["authority"] = AUTHORITY
    manifest = roles.MANIFEST.pack(values)
    signature = SIGNER.sign(roles.manifest_message(manifest))
    envelope: bytes = roles.seal_envelope(manifest, [(KEY_ID, signature)], CFG)
    return envelope, body


def _body(role: int, version: int) -> bytes:
    cards = [(b"\x04" + bytes(5) + bytes([n]), HOT_BLOCK, 1) for n in range(40)]
    if role == roles.TARIFF:
        return count_tariff([[200 + version, 300]], AUTHORITY, version, 100, 60)
    if role == roles.HOTLIST:
        return build_base(version, cards[: 10 * version - 50], AUTHORITY)
    if role == roles.OVERLAY:
        base = package(roles.HOTLIST, OLD)[1]
        return build_overlay(version, base, cards[30 : 30 + version], AUTHORITY)
    if role == roles.ACTIONS:
        rows = [{"uid": uid, "kind": 1, "k": 1, "amount": version} for uid, _, _ in cards]
        return build_action_list(version, AUTHORITY, 1, K_ACT, rows)
    if role == roles.LEASE:
        values = {"device": GATE_A, "epoch": EPOCH, "lease": version, "rights": RIGHT_DEBIT}
        values.update(not_before=NOW - 86400, not_after=NOW + 86400, max_taps=100)
        values.update(max_cents=10_000, time=NOW, generation=1, K_act=wrap_key(WRAP, K_ACT))
        lease: bytes = seal_lease(values, CFG)
        return lease
    return Prng(version).bytes(5000)  # an image: its body crosses a border of blocks


@cache
def _installed() -> Flash:
    """Return a flash with versions OLD - 1 and OLD of every role."""
    flash = Flash(FLASH_BYTES)
    Journal.provision(flash, 1, BLOCKS, GATE_A, EPOCH, block_key(K_DEV))
    board = Board(flash)
    for role in ROLES:
        for version in (OLD - 1, OLD) if role != roles.OVERLAY else (OLD,):
            said = board.deliver(*package(role, version))
            assert said[0] == 0, (roles.ROLE_NAMES[role], version, said)
    return flash


def _flow(role: int) -> Flow:
    name = roles.ROLE_NAMES[role]
    return Flow(name, f"a new {name} beside the old one", lambda: PackageStage(role))


PACKAGE_FLOWS = tuple(_flow(role) for role in ROLES)
