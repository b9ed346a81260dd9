"""Action lists from the dock to the tap: which are taken, which are used, and whose key is kept."""

import pytest

from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.crypto.kdf import block_key, next_action_key
from card_layouts.link import messages as m
from card_layouts.packages.action_list import ActionList
from card_layouts.packages.action_list_builder import build_action_list
from card_layouts.packages.lease import K_ACT_AT, K_ACT_BYTES, seal_lease, wrap_key
from card_layouts.packages.manifest import ACTIONS, LEASE
from card_layouts.records.entries import CONFIG
from card_layouts.records.entries_device import CONFIG as CONFIG_PAYLOAD
from card_layouts.records.entries_device import (
    CONFIG_EXPIRED,
    CONFIG_OLD,
    CONFIG_SEAL,
    CONFIG_SIZE,
    CONFIG_SWITCHED,
)
from card_layouts.records.slot import SLOT_HEADER, Sealer
from firmware.action_lists import forget_older_keys, list_in_force, tell_unused
from firmware.package_checks import package_checks
from firmware.package_slots import PackageSlots
from firmware.updates import Updates
from simulator.flash import BLOCK_BYTES, Flash
from tests.firmware.journal_builders import DEVICE, EPOCH, K_DEV, mounted, new_flash
from tests.firmware.package_builders import CFG, PUBLICS, deliver, envelope_of

pytestmark = pytest.mark.requirement("D9", "D18", "T9", "W-143")

NOW = 1000
AUTHORITY = 244
BLOCKS = 2
K_ACT, WRAP = b"a" * 16, b"w" * 16
LINES = [{"uid": b"\x04" + bytes(5) + bytes([n]), "kind": 1, "k": 1} for n in range(9)]


class Keys:
    cfg, wrap = CFG, WRAP


class Board:
    """Slots of leases and action lists over one flash, a journal, and the firmware's checks."""

    def __init__(self):
        self.flash = Flash(BLOCK_BYTES * 4 * BLOCKS)
        self.journal = mounted(new_flash())
        self.seconds = NOW
        slots = {
            LEASE: PackageSlots(self.flash, 0, BLOCKS, LEASE),
            ACTIONS: PackageSlots(self.flash, 2 * BLOCKS, BLOCKS, ACTIONS),
        }
        for role in slots:
            slots[role].mount(CFG)
        profile = {"authority": AUTHORITY}
        checks = package_checks(CFG, self.journal, profile, slots, self)
        self.updates = Updates(self.flash, slots, CFG, PUBLICS, self.journal, self, checks)

    def now(self):
        return self.seconds, CLOCK_SIGNED

    def lease(self, number, k_act=K_ACT, generation=3, **changed):
        values = {"device": DEVICE, "epoch": EPOCH, "lease": number, "generation": generation}
        values["K_act"] = wrap_key(WRAP, k_act)
        body = seal_lease({**values, **changed}, CFG)
        return deliver(self.updates, envelope_of(LEASE, number, body), body)[0]

    def listed(self, version, k_act=K_ACT, generation=3, authority=AUTHORITY, cut=0, **changed):
        body = build_action_list(version, authority, generation, k_act, LINES)
        body = body[: len(body) - cut]
        return deliver(self.updates, envelope_of(ACTIONS, version, body, **changed), body)

    def used(self):
        found = list_in_force(self.updates, Keys)
        return ActionList(*found).version if found else None

    def verdicts(self):
        sealer, slot, found = Sealer(block_key(K_DEV)), bytearray(128), []
        for seq in range(1, self.journal.head_seq + 1):
            assert self.journal.read_slot(seq, slot)
            assert SLOT_HEADER.get(slot, "type") == CONFIG
            fields = CONFIG_PAYLOAD.unpack(sealer.open_seal(slot))
            if fields["role"] == ACTIONS:
                found.append((fields["result"], fields["new"]))
        return found


def test_a_list_from_the_dock_is_used_under_the_lease_of_its_generation():
    board = Board()
    board.lease(1)
    assert board.used() is None, "no list yet"
    assert board.listed(5)[0] == m.RESULT_SWITCHED and board.used() == 5
    assert board.listed(6)[0] == m.RESULT_SWITCHED and board.used() == 6
    found = ActionList(*list_in_force(board.updates, Keys))
    assert all(found.find(line["uid"])[1] == 1 for line in LINES)
    assert board.verdicts() == [(CONFIG_SWITCHED, 5), (CONFIG_SWITCHED, 6)]


def test_a_list_without_a_lease_waits_for_one_and_nothing_is_said():
    board = Board()
    board.listed(5)
    assert board.used() is None and board.verdicts() == [(CONFIG_SWITCHED, 5)]
    board.lease(1)
    assert board.used() == 5


@pytest.mark.parametrize(
    "changed, why, result",
    [
        ({"authority": 1}, m.WHY_LAYOUT, CONFIG_SEAL),
        ({"cut": 1}, m.WHY_LAYOUT, CONFIG_SEAL),
        ({"cut": 96}, m.WHY_LAYOUT, CONFIG_SEAL),
        ({"version": 4}, m.WHY_OLDER, CONFIG_OLD),
        ({"expires": NOW}, m.WHY_EXPIRED, CONFIG_EXPIRED),
        ({"size": BLOCK_BYTES * BLOCKS}, m.WHY_TOO_LARGE, CONFIG_SIZE),
    ],
)
def test_a_list_that_is_not_for_this_device_is_refused_and_the_old_one_stays(changed, why, result):
    board = Board()
    board.lease(1)
    board.listed(5)
    said = board.listed(**{"version": 6, **changed})
    assert said[2] == why and board.used() == 5
    assert board.verdicts()[-1][0] == result


@pytest.mark.parametrize(
    "lease, listed, why",
    [
        ({}, {"k_act": b"x" * 16}, CONFIG_SEAL),
        ({"generation": 4}, {}, CONFIG_SEAL),
        ({"generation": 100}, {}, CONFIG_SEAL),
        ({"v_actions": 6}, {}, CONFIG_OLD),
    ],
)
def test_a_list_the_lease_does_not_open_is_left_alone_and_journalled(lease, listed, why):
    board = Board()
    board.lease(1, **lease)
    board.listed(5, **listed)
    assert board.used() is None
    assert board.verdicts() == [(CONFIG_SWITCHED, 5), (why, 5)]


def test_a_list_expires_in_use():
    board = Board()
    board.lease(1)
    board.listed(5, expires=NOW + 10)
    assert board.used() == 5
    board.seconds += 10
    assert board.used() is None and board.verdicts()[-1] == (CONFIG_EXPIRED, 5)


def test_a_list_of_later_generations_is_reached_and_one_of_earlier_ones_is_not():
    board = Board()
    board.lease(1)
    newer = next_action_key(next_action_key(K_ACT))
    board.listed(5, newer, 5)
    assert board.used() == 5
    board.lease(2, next_action_key(newer), 6)
    assert board.used() is None, "a new lease opens no list from before it"
    board.listed(6, next_action_key(newer), 6)
    assert board.used() == 6


def test_a_damaged_list_is_told_once_it_was_found_out():
    board = Board()
    board.lease(1)
    board.listed(5)
    tell_unused(board.updates)
    assert board.verdicts()[-1] == (CONFIG_SEAL, 5)


@pytest.mark.requirement("T6")
def test_the_key_of_the_older_lease_is_overwritten_and_the_newer_one_works():
    board = Board()
    board.lease(1)
    board.lease(2)
    older, newer = board.updates.slots[LEASE].packages
    assert any(older.read(K_ACT_AT, K_ACT_BYTES))
    forget_older_keys(board.updates, board.flash)
    assert older.read(K_ACT_AT, K_ACT_BYTES) == bytes(K_ACT_BYTES)
    assert any(newer.read(K_ACT_AT, K_ACT_BYTES))
    programs = board.flash.programs
    forget_older_keys(board.updates, board.flash)
    assert board.flash.programs == programs, "once is enough"
    board.listed(5)
    assert board.used() == 5


def test_the_key_in_force_stays_while_a_lease_of_tomorrow_waits():
    board = Board()
    board.lease(1)
    body = seal_lease({"device": DEVICE, "epoch": EPOCH, "lease": 2, "generation": 3}, CFG)
    deliver(board.updates, envelope_of(LEASE, 2, body, valid_from=NOW + 10), body)
    forget_older_keys(board.updates, board.flash)
    board.listed(5)
    assert board.used() == 5
