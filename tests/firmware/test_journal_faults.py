"""Flash that reads otherwise each time, loses writes, wears out and dies, under the journal.

Each was found by `sim cuts`; its plants show that the drill still finds them.
"""

import pytest

from card_layouts.answers import ACCEPTED
from card_layouts.records.block_page import block_page_key, pack_block_page, unpack_block_page
from card_layouts.records.chain import chain_next
from card_layouts.records.entries import INTENT
from card_layouts.records.slot import HEADER_PAGE
from firmware.journal import Journal
from firmware.journal_errors import JournalFull
from simulator.flash import (
    BLOCK_BYTES,
    DEAD,
    FAINT_BITS,
    FAULTS,
    LOST,
    NEARLY_BITS,
    NO_PROGRAM,
    FlashCut,
    FlashFault,
    FlashPowerLost,
)
from simulator.worlds.tap_world import FARE, PURSE, Device, OnCard, new_card
from tests.firmware.journal_builders import (
    BLOCKS,
    REFUSAL,
    ack_of,
    intent,
    mounted,
    new_flash,
    tap,
)

pytestmark = pytest.mark.requirement("T16", "D13", "I6")
SLOTS = 30


def cut_append(used, operation, mode, seed):
    """Append with power failing so, after `used` slots; return the flash and what was durable."""
    flash = new_flash()
    journal = mounted(flash)
    journal.idle()
    while journal._index < used:
        journal.append(REFUSAL, bytes(96))
    flash.restart_count()
    flash.cut_at(FlashCut(operation, mode, seed))
    with pytest.raises(FlashPowerLost):
        journal.append(INTENT, intent())
    flash.cut_at()
    return flash, journal.head_seq


@pytest.mark.parametrize("mode", [NEARLY_BITS, FAINT_BITS])
@pytest.mark.parametrize(("used", "operation"), [(5, 0), (30, 1), (30, 2), (30, 3)])
def test_what_a_mount_has_found_the_next_ones_find_too(used, operation, mode):
    for seed in range(25):
        flash, head = cut_append(used, 0 if used < 30 else operation - 1, mode, seed)
        journal = mounted(flash)
        assert journal.head_seq in (head, head + 1)
        tap(journal)
        journal.idle()
        for _ in range(6):
            again = mounted(flash)
            assert (again.head_seq, again.H) == (journal.head_seq, journal.H)


def switched_on(flash, cut=None):
    """Mount and prepare, with power failing at `cut`; None if it did."""
    flash.restart_count()
    flash.cut_at(*([cut] if cut else []))
    try:
        journal = mounted(flash)
        journal.idle()
        return journal
    except FlashPowerLost:
        return None
    finally:
        flash.cut_at()


@pytest.mark.parametrize("used", [5, 26, 27, 28, 29])
@pytest.mark.parametrize("operation", [1, 2, 3])
def test_a_torn_entry_whose_wiping_is_cut_is_given_up_or_kept_for_good(used, operation):
    for seed in range(40):
        flash, head = cut_append(used, 0, NEARLY_BITS, seed)
        switched_on(flash, FlashCut(operation, FAINT_BITS, seed))
        journal = switched_on(flash)
        assert journal.head_seq in (head, head + 1)
        tap(journal)
        for _ in range(8):
            again, slot = mounted(flash), bytearray(128)
            assert (again.head_seq, again.H) == (journal.head_seq, journal.H), seed
            assert again.open_intents == journal.open_intents
            assert again.read_slot(head + 1, slot) and again.chain_at(head + 1) is not None


@pytest.mark.parametrize("used", [24, 25, 26, 27])
def test_a_torn_entry_that_no_boot_lived_to_wipe_stays_out_of_the_next_block(used):
    for seed in range(40):
        flash, head = cut_append(used, 0, NEARLY_BITS, seed)
        for _ in range(SLOTS - used):  # each leaves out one slot more, and wipes nothing
            switched_on(flash, FlashCut(2, 0, seed))
        journal, slot = switched_on(flash), bytearray(128)
        while journal.head_seq <= head:
            journal.append(REFUSAL, bytes(96))
        assert journal.read_slot(head + 1, slot)
        made = bytes(slot) if journal.H == chain_next(journal.chain_at(head), slot) else b""
        for _ in range(40):
            again = switched_on(flash)
            assert again.read_slot(head, slot)  # as a dock reads: one behind the other
            assert again.read_slot(head + 1, slot) and slot == made, seed
            assert again.chain_at(head + 1) == journal.H, seed


@pytest.mark.parametrize("operation", [1, 2])
def test_no_entry_goes_where_a_start_that_was_cut_has_begun_to_wipe(operation):
    for seed in range(60):
        flash, head = cut_append(7, 0, FAINT_BITS, seed)
        switched_on(flash, FlashCut(operation, FAINT_BITS, seed))
        journal = switched_on(flash)
        tap(journal)
        tap(journal)
        for _ in range(8):
            again = mounted(flash)
            assert (again.head_seq, again.H) == (journal.head_seq, journal.H), seed


def test_a_torn_page_that_reads_well_later_is_not_the_newest_any_more():
    torn = 0
    for seed in range(60):
        flash, head = cut_append(26, 0, NEARLY_BITS, seed)
        journal = switched_on(flash)
        if journal.head_seq > head:
            continue  # it read well at once
        torn += 1
        flash.restart_count()
        flash.cut_at(FlashCut(0, NEARLY_BITS, seed))
        with pytest.raises(FlashPowerLost):
            tap(journal)
        heads = []
        for _ in range(12):
            flash.cut_at()
            heads.append(mounted(flash).head_seq)
        assert heads == sorted(heads), seed  # what was there once stays
    assert torn > 5


def test_a_torn_entry_in_a_block_that_died_is_not_read_for_the_next_one():
    torn = 0
    for seed in range(40):
        flash, head = cut_append(26, 0, NEARLY_BITS, seed)
        journal, slot = switched_on(flash), bytearray(128)
        if journal.head_seq > head:
            continue  # it read well at once
        torn += 1
        flash.restart_count()
        flash.fault_at(FlashFault(1, NO_PROGRAM))  # when its keys are to go
        journal.append(REFUSAL, bytes(96))
        flash.fault_at()
        for _ in range(6):
            again = mounted(flash)
            assert again.read_slot(head, slot)  # as a dock reads: one behind the other
            assert again.read_slot(head + 1, slot)
            assert chain_next(again.chain_at(head), slot) == journal.H, seed
    assert torn > 5


@pytest.mark.parametrize("kind", FAULTS)
def test_what_append_returned_for_is_there_whatever_the_flash_kept_to_itself(kind):
    for operation in range(6):
        flash = new_flash()
        journal = mounted(flash)
        journal.idle()
        while journal._index < SLOTS - 1:
            journal.append(REFUSAL, bytes(96))
        flash.restart_count()
        flash.fault_at(FlashFault(operation, kind, seed=operation))
        tap(journal, 1)
        tap(journal, 2)
        again = mounted(flash)
        assert (again.head_seq, again.H) == (journal.head_seq, journal.H)
        assert again.open_intents == []


def test_a_dead_block_is_passed_over_and_nothing_unacknowledged_is_in_the_way():
    flash = new_flash()
    journal = mounted(flash)
    journal.idle()
    flash.restart_count()
    flash.fault_at(FlashFault(0, DEAD))
    flash.erase(2 * BLOCK_BYTES)
    for number in range(130):
        tap(journal, number)
        journal.idle()
        if number % 10 == 9:
            journal.acknowledge(ack_of(journal, journal.head_seq - 15))
    again, slot = mounted(flash), bytearray(128)
    assert (again.head_seq, again.H) == (260, journal.H)
    for seq in range(journal.acked_seq + 1, 261):
        assert again.read_slot(seq, slot) and again.chain_at(seq) == journal.chain_at(seq)
    assert again._ordinal > 260 // SLOTS + 1, "ordinals have holes"


def test_a_dead_block_before_forgotten_ones_is_not_offered_after_a_restart():
    flash = new_flash()
    journal = mounted(flash)
    while journal.head_seq < 40:
        journal.append(REFUSAL, bytes(96))
    flash.restart_count()
    flash.fault_at(FlashFault(0, DEAD))  # the block of 30 to 40
    while journal.head_seq < 110:
        journal.append(REFUSAL, bytes(96))
        if journal.head_seq == 100:
            journal.acknowledge(ack_of(journal, 35))
    journal.acknowledge(ack_of(journal, 90))
    journal.idle()  # passes the dead block over and erases the one after it
    again, slot = mounted(flash), bytearray(128)
    assert again.head_seq == 110 and again.first_kept_seq == journal.first_kept_seq <= 91
    for seq in range(again.first_kept_seq, 111):
        assert again.read_slot(seq, slot), seq


def test_a_ring_of_dead_blocks_is_full_and_keeps_what_it_has():
    flash = new_flash()
    journal = mounted(flash)
    for number in range(10):
        tap(journal, number)
    flash.restart_count()
    flash.fault_at(*[FlashFault(number, DEAD) for number in range(200)])
    with pytest.raises(JournalFull):
        journal.append(REFUSAL, bytes(96))
    again, slot = Journal(flash.clone(), 1, 4), bytearray(128)
    assert again.mount().head_seq == 20 and again.read_slot(1, slot)


def test_who_has_paid_is_let_through_though_the_flash_dies_before_the_outcome():
    device, card = Device(), new_card()
    while device.journal._index < SLOTS - 1:
        device.journal.append(REFUSAL, bytes(96))
    device.flash.restart_count()
    device.flash.fault_at(*[FlashFault(number, DEAD) for number in range(1, 200)])
    assert device.present(card) == ACCEPTED and device.signals.opened()
    assert OnCard(card).purse == PURSE - FARE
    assert [row[2] for row in device.journal.open_intents] == [device.journal.head_seq]


def test_a_lost_erase_is_done_again():
    flash = new_flash()
    journal = mounted(flash)
    for number in range(70):
        tap(journal, number)
        journal.acknowledge(ack_of(journal, journal.head_seq))
        flash.restart_count()
        flash.fault_at(FlashFault(0, LOST))
        journal.idle()
        flash.fault_at()
    assert mounted(flash).head_seq == 140


def forge(flash, ordinal, first_seq):
    """Write another first seq and a key of the forger's into a block's page, its CRCs right."""
    place = BLOCK_BYTES * (1 + ordinal % BLOCKS)
    block = bytearray(flash.snapshot()[place : place + BLOCK_BYTES])
    values = unpack_block_page(block)
    values["first_seq"] = first_seq
    block[:HEADER_PAGE] = pack_block_page(values, b"a forger's key..")
    flash.erase(place)
    for at in range(0, BLOCK_BYTES, HEADER_PAGE):
        flash.program(place + at, block[at : at + HEADER_PAGE])
    return place


@pytest.mark.parametrize("first_seq", [0, 5, 62, 101, 1 << 20, (1 << 30) - 1])
@pytest.mark.parametrize("ordinal", [1, 2])
def test_a_forged_page_hides_no_entry_and_its_key_dies(ordinal, first_seq):
    flash, slot = new_flash(), bytearray(128)
    journal = mounted(flash)
    for _ in range(50):
        tap(journal)
    place = forge(flash, ordinal, first_seq)
    again = mounted(flash)
    assert again._ordinal == 3 and (again.head_seq, again.H) == (100, journal.H)
    assert again.first_kept_seq == 1, "the oldest block is still there"
    for seq in range(100, 0, -1):
        assert again.read_slot(seq, slot), "no entry is hidden, not even the block's own"
    assert block_page_key(flash.snapshot()[place : place + HEADER_PAGE]) is None
    seq = tap(again)
    assert again.read_slot(seq, slot) and mounted(flash).head_seq == 102


@pytest.mark.parametrize("first_seq", [101, 1 << 20, (1 << 30) - 1])
def test_a_forged_oldest_page_is_not_kept_from_behind_the_end(first_seq):
    flash = new_flash()
    journal = mounted(flash)
    for _ in range(50):
        tap(journal)
    forge(flash, 0, first_seq)
    assert mounted(flash).first_kept_seq == SLOTS, "the second block's first"
