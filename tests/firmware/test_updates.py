"""Packages in two slots: switched whole or not at all, refused by name, all journalled."""

import pytest

from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.crypto.kdf import block_key
from card_layouts.link import messages as m
from card_layouts.packages.manifest import LEASE, TARIFF
from card_layouts.records.entries import CONFIG
from card_layouts.records.entries_device import (
    CONFIG as CONFIG_PAYLOAD,
)
from card_layouts.records.entries_device import (
    CONFIG_EXPIRED,
    CONFIG_OLD,
    CONFIG_SEAL,
    CONFIG_SIZE,
    CONFIG_SWITCHED,
)
from card_layouts.records.slot import SLOT_HEADER, Sealer
from firmware.package_slots import PackageSlots
from firmware.updates import Updates
from simulator.flash import (
    BLOCK_BYTES,
    FAULTS,
    NO_ERASE,
    TORN_QUARTERS,
    Flash,
    FlashCut,
    FlashFault,
    FlashPowerLost,
)
from tests.firmware.journal_builders import K_DEV, ack_of, mounted, new_flash
from tests.firmware.package_builders import CFG, PUBLICS, STRANGER, deliver, envelope_of

pytestmark = pytest.mark.requirement("D18", "T9", "W-137")

NOW = 1000
BLOCKS = 3


class Watch:
    def __init__(self):
        self.seconds = NOW

    def now(self):
        return self.seconds, CLOCK_SIGNED


class Board:
    """Flash with slots A and B of one role, a journal of its own and the Updates over them."""

    def __init__(self, flash=None, checks=None):
        self.flash = flash or Flash(BLOCK_BYTES * 2 * BLOCKS)
        self.journal = mounted(new_flash())
        self.watch = Watch()
        self.checks = checks or {}
        self.boot()

    def boot(self):
        self.slots = PackageSlots(self.flash, 0, BLOCKS, TARIFF)
        self.slots.mount(CFG)
        self.updates = Updates(
            self.flash, {TARIFF: self.slots}, CFG, PUBLICS, self.journal, self.watch, self.checks
        )

    def install(self, version, body, **changed):
        return deliver(self.updates, envelope_of(TARIFF, version, body, **changed), body)

    def body(self):
        package = self.slots.active(self.watch.seconds)
        return None if package is None else package.read(0, package.size)

    def verdicts(self):
        """Return (result, new version) of every CONFIG entry."""
        sealer, slot, found = Sealer(block_key(K_DEV)), bytearray(128), []
        for seq in range(1, self.journal.head_seq + 1):
            assert self.journal.read_slot(seq, slot)
            assert SLOT_HEADER.get(slot, "type") == CONFIG
            fields = CONFIG_PAYLOAD.unpack(sealer.open_seal(slot))
            found.append((fields["result"], fields["new"]))
        return found


ONE, TWO = b"one" * 3000, b"two" * 3100


def test_a_package_is_switched_to_and_journalled():
    board = Board()
    assert board.install(1, ONE) == (m.RESULT_SWITCHED, TARIFF, 0, 1)
    assert board.install(2, TWO) == (m.RESULT_SWITCHED, TARIFF, 0, 2)
    assert board.body() == TWO
    assert board.verdicts() == [(CONFIG_SWITCHED, 1), (CONFIG_SWITCHED, 2)]
    board.boot()
    assert (board.body(), board.updates.version(TARIFF)) == (TWO, 2)


def test_the_same_package_again_is_had_already():
    board = Board()
    board.install(1, ONE)
    assert board.install(1, ONE)[0] == m.WANT_HAVE


@pytest.mark.parametrize(
    ("changed", "why", "result"),
    [
        ({"version": 3}, m.WHY_OLDER, CONFIG_OLD),
        ({"version": 2}, m.WHY_OLDER, CONFIG_OLD),
        ({"version": 9, "expires": NOW}, m.WHY_EXPIRED, CONFIG_EXPIRED),
        ({"version": 9, "size": BLOCKS * BLOCK_BYTES}, m.WHY_TOO_LARGE, CONFIG_SIZE),
        ({"version": 9, "size": 0}, m.WHY_TOO_LARGE, CONFIG_SIZE),
        ({"version": 9, "target": 7}, m.WHY_LAYOUT, CONFIG_SEAL),
        ({"version": 9, "role": 4}, m.WHY_LAYOUT, CONFIG_SEAL),
        ({"version": 9, "layout": 2}, m.WHY_LAYOUT, CONFIG_SEAL),
        ({"version": 9, "k_cfg": b"d" * 16}, m.WHY_SEAL, CONFIG_SEAL),
    ],
)
def test_an_offer_that_does_not_fit_is_refused_by_name(changed, why, result):
    board = Board()
    board.install(3, ONE)
    fields = {"role": TARIFF, "version": 3, "body": TWO, **changed}
    envelope = envelope_of(fields.pop("role"), fields.pop("version"), fields.pop("body"), **fields)
    said = board.updates.offer(envelope)
    assert (said[0], said[2]) == (m.WANT_REFUSED, why)
    assert board.verdicts()[1][0] == result and board.body() == ONE


@pytest.mark.parametrize("size", [0, 10, 63, 147, 149, 500])
def test_a_truncated_envelope_is_refused(size):
    board = Board()
    envelope = (envelope_of(TARIFF, 1, ONE) * 4)[:size]
    assert board.updates.offer(envelope)[0] == m.WANT_REFUSED
    assert board.verdicts()[0][0] == CONFIG_SEAL


def test_a_version_below_the_floor_is_refused_for_ever():
    board = Board()
    board.install(5, ONE, floor=5)
    board.install(6, TWO)
    board.boot()
    assert board.slots.floor() == 5
    assert board.install(4, ONE)[2] == m.WHY_OLDER


def test_a_stranger_s_signature_is_refused_and_the_old_package_stays():
    board = Board()
    board.install(1, ONE)
    assert board.install(2, TWO, key=STRANGER) == (m.RESULT_REFUSED, TARIFF, m.WHY_SEAL, 2)
    assert board.body() == ONE and board.verdicts()[1] == (CONFIG_SEAL, 0)
    board.boot()
    assert board.body() == ONE


def test_a_body_that_is_not_the_manifests_is_refused():
    board = Board()
    board.install(1, ONE)
    bad = bytearray(TWO)
    bad[5000] ^= 1
    said = deliver(board.updates, envelope_of(TARIFF, 2, TWO), bytes(bad))
    assert said == (m.RESULT_REFUSED, TARIFF, m.WHY_BODY, 2)
    board.boot()
    assert board.body() == ONE


def test_a_body_its_reader_refuses_is_not_switched_to():
    def check(read, manifest):
        raise m.LayoutError("tariff: not one")

    board = Board(checks={TARIFF: check})
    assert board.install(1, ONE) == (m.RESULT_REFUSED, TARIFF, m.WHY_LAYOUT, 1)
    assert board.body() is None


def test_a_chunk_without_an_offer_or_beyond_the_end_is_refused():
    board = Board()
    assert board.updates.chunk(0, b"x")[2] == m.WHY_NOT_OFFERED
    board.updates.offer(envelope_of(TARIFF, 1, ONE))
    assert board.updates.chunk(8999, b"xx")[2] == m.WHY_TOO_LARGE
    assert board.updates.chunk(0, b"x")[2] == m.WHY_NOT_OFFERED


def test_a_lost_link_goes_on_where_it_stopped():
    board = Board()
    envelope = envelope_of(TARIFF, 1, ONE)
    board.updates.offer(envelope)
    board.updates.chunk(0, ONE[:768])
    assert board.updates.chunk(0, ONE[:768])[3] == 768
    assert board.updates.chunk(5000, ONE[5000:5100])[3] == 768
    assert board.updates.offer(envelope) == (m.WANT_FROM, TARIFF, 0, 768)
    assert deliver(board.updates, envelope, ONE)[0] == m.RESULT_SWITCHED


@pytest.mark.requirement("W-115", "W-116", "W-117")
def test_a_package_of_tomorrow_is_stored_and_comes_into_force_by_itself():
    board = Board()
    board.install(1, ONE)
    assert board.install(2, TWO, valid_from=NOW + 100)[0] == m.RESULT_STORED
    assert board.body() == ONE
    board.watch.seconds += 100
    assert board.body() == TWO


def test_a_third_package_never_overwrites_the_one_in_use():
    board = Board()
    board.install(1, ONE)
    board.install(2, TWO, valid_from=NOW + 100)
    assert board.install(3, ONE, valid_from=NOW + 200)[0] == m.RESULT_STORED
    assert board.body() == ONE


def test_the_same_refusal_is_journalled_once():
    board = Board()
    for _ in range(100):
        board.updates.offer(envelope_of(TARIFF, 1, ONE, k_cfg=b"d" * 16))
    assert len(board.verdicts()) == 1 and board.updates.refusals == 100


def test_a_journal_without_room_takes_no_package():
    board = Board()
    while board.journal.free_slots() >= 24:
        board.journal.append(CONFIG, bytes(96))
    assert board.updates.offer(envelope_of(TARIFF, 1, ONE))[0] == m.WANT_BUSY
    board.journal.acknowledge(ack_of(board.journal, board.journal.head_seq))
    assert board.install(1, ONE)[0] == m.RESULT_SWITCHED


@pytest.mark.requirement("T16")
@pytest.mark.parametrize("quarters", TORN_QUARTERS)
def test_a_cut_at_any_operation_leaves_the_old_package_or_the_new(quarters):
    board = Board()
    board.install(1, ONE)
    board.install(2, TWO)
    image = board.flash.snapshot()
    three = b"three" * 1200
    board.flash.restart_count()
    board.install(3, three)
    operations = board.flash.operation
    assert operations > 20
    for operation in range(operations):
        board.flash.restore(image)
        board.boot()
        board.flash.restart_count()
        board.flash.cut_at(FlashCut(operation, quarters, seed=operation))
        with pytest.raises(FlashPowerLost):
            board.install(3, three)
        board.flash.cut_at()
        board.boot()
        assert board.body() in (TWO, three)
        assert board.install(1, ONE)[2] == m.WHY_OLDER  # a rollback, after power cut and reboot
        assert board.install(3, three)[0] in (m.RESULT_SWITCHED, m.WANT_HAVE)
        assert board.body() == three


@pytest.mark.requirement("T6", "T16")
def test_a_lease_cut_between_its_switch_and_its_entry_is_counted_from_the_next_start_on():
    journal = mounted(new_flash())
    flash = Flash(BLOCK_BYTES * 2 * BLOCKS)

    def started():
        slots = PackageSlots(flash, 0, BLOCKS, LEASE)
        slots.mount(CFG)
        return Updates(flash, {LEASE: slots}, CFG, PUBLICS, journal, Watch(), {})

    def lost(*_):
        raise FlashPowerLost(0)

    updates = started()
    journal.append, append = lost, journal.append
    with pytest.raises(FlashPowerLost):
        deliver(updates, envelope_of(LEASE, 5, ONE), ONE)
    journal.append = append
    assert (journal.counters.values["lease"], started().version(LEASE)) == (0, 5)
    started().settle()
    assert journal.counters.values["lease"] == 5 and journal.head_seq == 1
    started().settle()
    assert journal.head_seq == 1


@pytest.mark.requirement("T16", "D18")
@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != NO_ERASE])  # it is programmed
def test_a_head_that_does_not_take_is_refused_and_the_old_package_stays(kind):
    board = Board()
    board.install(1, ONE)
    board.install(2, TWO)
    whole = board.flash.clone()
    board.flash.restart_count()
    assert board.install(3, ONE)[0] == m.RESULT_SWITCHED
    head = board.flash.operation - 1
    board = Board(whole)
    board.flash.fault_at(FlashFault(head, kind))
    assert board.install(3, ONE)[:3] == (m.RESULT_REFUSED, TARIFF, m.WHY_BODY)
    assert board.body() == TWO
    board.boot()
    assert board.body() == TWO
