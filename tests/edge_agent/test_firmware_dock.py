"""The edge against the validator's own dock code, with its journal on the flash model."""

import hashlib

import pytest

from card_layouts.crypto.kdf import block_key, device_key, device_label
from card_layouts.link.messages import ACK_NAMES
from card_layouts.packages.manifest import HOTLIST, MANIFEST, manifest_message, seal_envelope
from card_layouts.records.entries import REFUSAL
from edge_agent.dock_session import DockSession
from edge_agent.downlink import Downlink
from firmware.device_clock import DeviceClock
from firmware.dock import Dock
from firmware.journal import Journal
from firmware.package_slots import PackageSlots
from firmware.updates import Updates
from simulator.flash import BLOCK_BYTES, Flash
from tests.edge_agent.soft_board import EDGE, K_ROOT, NOW, Clock, Numbers, SoftLedger, SoftLink

DEVICE, EPOCH, BLOCKS = 7, 0, 12
K_DEV = device_key(K_ROOT, DEVICE, EPOCH)
ACKS = f"tornello/v1/1/{EDGE}/ack"


class Keys:
    ack = device_label(K_DEV, b"ack")
    cfg = device_label(K_DEV, b"cfg")
    dock = device_label(K_DEV, b"dock")


class Wire:
    """The firmware's Link port, and the far end that `SoftLink` talks to."""

    def __init__(self):
        self.arrived = b""
        self.sent = b""

    def read(self, buf):
        part, self.arrived = self.arrived[: len(buf)], self.arrived[len(buf) :]
        buf[: len(part)] = part
        return len(part)

    def write(self, data):
        self.sent += bytes(data)


class FirmwareBoard:
    def __init__(self, ledger):
        flash = Flash(BLOCK_BYTES * (BLOCKS + 13))
        Journal.provision(flash, 1, BLOCKS, DEVICE, EPOCH, block_key(K_DEV))
        self.journal = Journal(flash, 1, BLOCKS).mount()
        self.wire = Wire()
        self.bodies = []
        slots = {HOTLIST: PackageSlots(flash, BLOCKS + 1, 6, HOTLIST)}
        slots[HOTLIST].mount(Keys.cfg)
        clock = DeviceClock(Clock(), self.journal.counters)
        self.updates = Updates(
            flash, slots, Keys.cfg, {ledger.key_id: ledger.public}, self.journal, clock,
            {HOTLIST: lambda read, manifest: self.bodies.append(read(0, manifest["size"]))},
        )  # fmt: skip
        self.dock = Dock(
            self.wire, self.journal, self.updates, Keys, clock, Numbers(b"board").random_bytes
        )

    def append(self, count):
        for _ in range(count):
            self.journal.append(REFUSAL, bytes(96))

    def feed(self, data):
        """Give the board bytes, let it tick until it is at rest, return what it sent."""
        self.wire.arrived += data
        while self.dock.tick():
            pass
        sent, self.wire.sent = self.wire.sent, b""
        return sent


@pytest.fixture
def docked(store):
    class Docked:
        ledger = SoftLedger()
        board = FirmwareBoard(ledger)
        clock = Clock()
        session = DockSession("left", EDGE, SoftLink(board), store, clock, Numbers())

        def tick(self, count=400):
            for _ in range(count):
                self.clock.ms += 10
                self.session.tick(self.clock.ms)

    return Docked()


@pytest.mark.requirement("W-131", "D12", "D16")
def test_a_validators_journal_crosses_and_its_acknowledgement_comes_back(store, docked):
    docked.board.append(95)
    docked.tick()
    assert docked.session.is_drained
    assert docked.session.problem == ""
    assert store.outbox.head(DEVICE, EPOCH) == (95, docked.board.journal.H)
    batch = docked.ledger.sign(
        [docked.ledger.ack(DEVICE, EPOCH, 90, store.outbox.chain_at(7, 0, 90))]
    )
    downlink = Downlink(store, docked.clock, {docked.ledger.key_id: docked.ledger.public})
    assert downlink.take(ACKS, batch)
    docked.tick()
    assert docked.board.journal.acked_seq == 90
    docked.board.append(10)
    docked.tick()
    assert store.outbox.head(DEVICE, EPOCH) == (105, docked.board.journal.H)


@pytest.mark.requirement("D16")
def test_a_restored_ledger_takes_the_validators_watermark_back(store, docked):
    docked.board.append(60)
    docked.tick()
    downlink = Downlink(store, docked.clock, {docked.ledger.key_id: docked.ledger.public})
    for incarnation, seq in ((1, 60), (2, 45)):
        docked.ledger.incarnation = incarnation
        statement = docked.ledger.ack(DEVICE, EPOCH, seq, store.outbox.chain_at(7, 0, seq))
        assert downlink.take(ACKS, docked.ledger.sign([statement]))
        docked.tick()
        assert docked.session.problem == "", ACK_NAMES
        assert docked.board.journal.acked_seq == seq
    assert store.outbox.unsent() == [(7, 0, 46, 60)]


@pytest.mark.requirement("W-132", "D18")
def test_a_package_is_checked_and_switched_by_the_validator(store, docked):
    body = bytes(range(250)) * 20
    manifest64 = MANIFEST.pack(
        {"layout": 1, "role": HOTLIST, "authority": 1, "version": 3, "size": len(body),
         "sha256": hashlib.sha256(body).digest(), "made": NOW}
    )  # fmt: skip
    signature = docked.ledger.key.sign(manifest_message(manifest64))
    envelope = seal_envelope(manifest64, [(docked.ledger.key_id, signature)], Keys.cfg)
    assert store.parcels.add_package(DEVICE, envelope, body, NOW)
    docked.tick(60)
    assert docked.session.installed == ["hotlist 3 of authority 1"], "at once, without waiting"
    docked.tick(1500)
    assert docked.session.refused_packages == []
    assert [bytes(found) for found in docked.board.bodies] == [body]
    assert docked.session.statement["v_hotlist"] == 3
    before = docked.board.journal.head_seq
    docked.tick(1500)
    assert docked.board.journal.head_seq == before, "the same package is not offered again"
    assert store.outbox.head(DEVICE, EPOCH).seq == before


@pytest.mark.requirement("T9", "D18")
def test_a_package_by_a_stranger_is_refused_by_the_validator_and_named(store, docked):
    body = b"bad list"
    manifest64 = MANIFEST.pack(
        {"layout": 1, "role": HOTLIST, "authority": 1, "version": 3, "size": len(body),
         "sha256": hashlib.sha256(body).digest()}
    )  # fmt: skip
    envelope = seal_envelope(manifest64, [(docked.ledger.key_id, bytes(64))], Keys.cfg)
    store.parcels.add_package(DEVICE, envelope, body, NOW)
    docked.tick(1500)
    assert docked.session.refused_packages == ["hotlist 3 of authority 1: seal"]
    assert docked.board.bodies == []


@pytest.mark.requirement("T9", "D18")
def test_a_package_whose_version_a_line_changed_makes_room_for_the_genuine_one(store, docked):
    body = bytes(range(250)) * 4

    def sealed(version):
        manifest64 = MANIFEST.pack(
            {"layout": 1, "role": HOTLIST, "authority": 1, "version": version, "size": len(body),
             "sha256": hashlib.sha256(body).digest(), "made": NOW}
        )  # fmt: skip
        signature = docked.ledger.key.sign(manifest_message(manifest64))
        return seal_envelope(manifest64, [(docked.ledger.key_id, signature)], Keys.cfg)

    changed = bytearray(sealed(1))
    MANIFEST.put(changed, "version", 1 << 13)
    assert store.parcels.add_package(DEVICE, bytes(changed), body, NOW)
    assert not store.parcels.add_package(DEVICE, sealed(2), body, NOW), "it looks older"
    docked.tick(1500)
    assert docked.session.refused_packages == ["hotlist 8192 of authority 1: seal"]
    assert store.parcels.held() == [] and store.parcels.body(hashlib.sha256(body).digest()) == b""
    assert store.parcels.add_package(DEVICE, sealed(2), body, NOW)
    docked.tick(1500)
    assert docked.session.statement["v_hotlist"] == 2
    assert [bytes(found) for found in docked.board.bodies] == [body]
