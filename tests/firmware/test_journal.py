"""The journal without cuts: what is durable, what is counted, when it refuses."""

import pytest

from card_layouts.crypto.kdf import block_key, next_block_key
from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.manifest import LEASE
from card_layouts.records.block_page import KEYS_AT, KEYS_BYTES
from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.entries import CONFIG, INTENT, OUTCOME
from card_layouts.records.entries_device import CONFIG as CONFIG_PAYLOAD
from card_layouts.records.entries_device import CONFIG_SWITCHED
from card_layouts.records.slot import SLOT_HEADER, Sealer, block_ordinal
from firmware.journal import Journal
from firmware.journal_block import JournalDamaged
from firmware.journal_counters import LEASE_ROLE
from firmware.journal_errors import AcknowledgementRefused, IntentsFull, JournalFull
from simulator.flash import BLOCK_BYTES, Flash
from tests.firmware.journal_builders import (
    DEVICE,
    EPOCH,
    K_DEV,
    OUTCOME_ABORTED,
    REFUSAL,
    ack_of,
    intent,
    mounted,
    new_flash,
    outcome,
    tap,
    uid_of,
)

pytestmark = pytest.mark.requirement("D13", "D15", "W-131")


def state_of(journal):
    return (
        journal.head_seq,
        journal.H,
        journal.open_intents,
        journal.counters.values,
        journal.free_slots(),
    )


def test_a_committed_tap_is_two_slot_programs_and_a_refusal_is_one():
    flash = new_flash()
    journal = mounted(flash)
    journal.idle()
    before = flash.programs
    tap(journal)
    assert flash.programs - before == 2
    journal.append(REFUSAL, bytes(96))
    assert flash.programs - before == 3


def test_a_remounted_journal_knows_what_the_running_one_knew():
    flash = new_flash()
    journal = mounted(flash)
    for number in range(40):
        tap(journal, number, cents=number)
        journal.idle()
    for number in range(5):
        journal.append(INTENT, intent(uid_of(100 + number), 7))
    assert state_of(mounted(flash)) == state_of(journal)
    assert mounted(flash).find_open(uid_of(103)) == (7, journal.head_seq - 1)


def test_slots_open_with_the_key_the_ledger_derives_and_link_by_h():
    flash = new_flash()
    journal = mounted(flash)
    for number in range(40):
        tap(journal, number)
    slot, chain = bytearray(128), chain_start(DEVICE, EPOCH)
    for seq in range(1, journal.head_seq + 1):
        assert journal.read_slot(seq, slot)
        header = SLOT_HEADER.unpack(slot)
        key = block_key(K_DEV)
        for _ in range(block_ordinal(seq, header["block"])):
            key = next_block_key(key)
        Sealer(key).open_seal(slot)
        chain = chain_next(chain, slot)
        assert (header["seq"], chain) == (seq, journal.chain_at(seq))
    assert not journal.read_slot(journal.head_seq + 1, slot)


@pytest.mark.requirement("T6")
def test_only_the_current_block_still_has_its_key():
    flash = new_flash()
    journal = mounted(flash)
    for number in range(35):
        tap(journal, number)
    keys = [flash.image[BLOCK_BYTES * block + KEYS_AT :][:KEYS_BYTES] for block in (1, 2, 3)]
    assert keys[0] == keys[1] == bytes(KEYS_BYTES) and keys[2] != bytes(KEYS_BYTES)


def test_a_full_journal_refuses_taps_before_it_refuses_their_second_entry():
    journal = mounted(new_flash())
    taps = 0
    while journal.admits_tap():
        tap(journal, taps)
        taps += 1
    slots = 4 * 30 - 1  # the first one after a mount is left out
    assert journal.free_slots() == 15 and taps == (slots - 16) // 2 + 1
    for _ in range(15):
        journal.append(REFUSAL, bytes(96))
    with pytest.raises(JournalFull, match="119 entries unacknowledged"):
        journal.append(REFUSAL, bytes(96))
    assert journal.head_seq == 119


def test_only_acknowledged_blocks_are_erased_ahead():
    flash = new_flash()
    journal = mounted(flash)
    for number in range(59):
        tap(journal, number)
    before = flash.erases
    journal.idle()
    assert flash.erases == before
    journal.acknowledge(ack_of(journal, 28))
    journal.idle()
    assert flash.erases == before
    journal.acknowledge(ack_of(journal, 29))
    journal.idle()
    assert flash.erases == before + 1 and journal.first_kept_seq == 30
    assert journal.read_slot(30, bytearray(128))


def test_wear_is_counted_in_the_block_header():
    flash = new_flash()
    journal = mounted(flash)
    for number in range(300):
        tap(journal, number)
        journal.acknowledge(ack_of(journal, journal.head_seq))
        journal.idle()
    assert journal.wear == mounted(flash).wear == flash.wear[1] == 6


def test_seven_intents_may_be_open_and_the_eighth_is_refused():
    journal = mounted(new_flash())
    for number in range(7):
        journal.append(INTENT, intent(uid_of(number)))
    with pytest.raises(IntentsFull):
        journal.append(INTENT, intent(uid_of(9)))
    journal.append(OUTCOME, outcome(1))
    journal.append(INTENT, intent(uid_of(9)))
    assert [row[2] for row in journal.open_intents] == [2, 3, 4, 5, 6, 7, 9]


@pytest.mark.requirement("D16", "I12")
def test_acknowledgements_that_are_not_about_this_journal_are_refused():
    journal = mounted(new_flash())
    for number in range(20):
        tap(journal, number)
    for changed, why in (
        ({"device": 4712}, "foreign"),
        ({"epoch": 3}, "foreign"),
        ({"H": bytes(32)}, "different"),
        ({"seq": 41}, "early"),
    ):
        ack = ack_of(journal, 40)
        ack.update(changed)
        with pytest.raises(AcknowledgementRefused) as refused:
            journal.acknowledge(ack)
        assert refused.value.why == why
    assert journal.acked_seq == 0


def test_a_repeated_or_older_acknowledgement_changes_nothing():
    journal = mounted(new_flash())
    for number in range(20):
        tap(journal, number)
    assert journal.acknowledge(ack_of(journal, 31, incarnation=2))
    assert not journal.acknowledge(ack_of(journal, 31, incarnation=2))
    assert not journal.acknowledge(ack_of(journal, 20, incarnation=2))
    assert not journal.acknowledge(ack_of(journal, 40, incarnation=1))
    assert journal.acked_seq == 31


def test_a_restored_ledger_is_sent_again_what_is_still_kept():
    journal = mounted(new_flash())
    for number in range(20):
        tap(journal, number)
    journal.acknowledge(ack_of(journal, 40))
    assert journal.acknowledge(ack_of(journal, 25, incarnation=2))
    assert journal.acked_seq == 25 and journal.free_slots() == 79


def test_lease_use_counts_committed_and_open_intents_and_restarts_with_a_lease():
    flash = new_flash()
    journal = mounted(flash)
    tap(journal, 1, cents=250)
    tap(journal, 2, cents=100, result=OUTCOME_ABORTED)
    journal.append(INTENT, intent(uid_of(3), 1, 300))
    values = mounted(flash).counters.values
    assert (values["lease_taps"], values["lease_cents"]) == (2, 550)
    config = {"role": LEASE, "result": CONFIG_SWITCHED, "new": 9}
    journal.append(CONFIG, CONFIG_PAYLOAD.pack(config))
    tap(journal, 4, cents=80)
    values = mounted(flash).counters.values
    assert (values["lease"], values["lease_taps"], values["lease_cents"]) == (9, 1, 80)
    assert values == journal.counters.values


def test_the_lease_role_is_the_manifests():
    assert LEASE_ROLE == LEASE


@pytest.mark.requirement("D1", "I9")
def test_new_keys_go_on_counting_where_the_old_ones_stopped():
    journal = mounted(new_flash(first_seq=1000))
    seq = tap(journal)
    slot = bytearray(128)
    assert seq == 1000 and journal.read_slot(1000, slot)
    key = block_key(K_DEV)
    for _ in range(block_ordinal(1000, SLOT_HEADER.get(slot, "block"))):
        key = next_block_key(key)
    assert Sealer(key).open_seal(slot)[:7] == uid_of(1)


def test_one_copy_of_the_key_is_enough():
    flash = new_flash()
    tap(mounted(flash))
    flash.program(BLOCK_BYTES + KEYS_AT, bytes(20))
    assert mounted(flash).head_seq == 2


def test_a_journal_without_any_key_is_named_damaged():
    flash = new_flash()
    flash.program(BLOCK_BYTES + KEYS_AT, bytes(KEYS_BYTES))
    with pytest.raises(JournalDamaged, match="no header page with a key"):
        mounted(flash)
    with pytest.raises(JournalDamaged):
        Journal(Flash(BLOCK_BYTES * 5), 1, 4).mount()


@pytest.mark.requirement("D13")
def test_every_flipped_bit_of_a_slot_is_found():
    flash = new_flash()
    journal = mounted(flash)
    tap(journal)
    slot = bytearray(128)
    journal.read_slot(2, slot)
    sealer = Sealer(block_key(K_DEV))
    for bit in range(1024):
        slot[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises((LayoutError, SealError)):
            sealer.open_seal(slot)
        slot[bit >> 3] ^= 1 << (bit & 7)


def test_a_slot_that_does_not_hold_its_bytes_is_skipped_and_its_seq_used_again():
    flash = new_flash()
    journal = mounted(flash)
    journal.idle()
    flash.program(BLOCK_BYTES + 256 + 128 + 50, b"\x00")

    program = flash.program

    def worn(offset, data):
        if offset == BLOCK_BYTES + 256 + 128:
            data = bytes(50) + b"\x00" + bytes(77)
        program(offset, data)

    flash.program = worn
    tap(journal)
    flash.program = program
    assert (journal.head_seq, journal.torn) == (2, 1)
    remounted = mounted(flash)
    assert (remounted.head_seq, remounted.torn, remounted.H) == (2, 0, journal.H)
    slot = bytearray(128)
    assert remounted.read_slot(2, slot) and SLOT_HEADER.get(slot, "slot") == 3
