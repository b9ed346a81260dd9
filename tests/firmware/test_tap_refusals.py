"""Cards and situations in which a tap must not charge: one slot program, no gate, no money."""

from dataclasses import replace

import pytest

from card_layouts.answers import (
    ACCEPTED,
    ACCEPTED_SETTLED,
    MODE_CLOCK_UNSET,
    MODE_HOTLIST_OLD,
    MODE_LEASE_ENDED,
    MODE_TARIFF_EXPIRED,
)
from card_layouts.cards.card_layout import FILE_C, FILE_G, FILE_V, KILLED_B, G
from card_layouts.errors import LayoutError
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL, HOT_REFUSE
from card_layouts.records import entries_tap as e
from card_layouts.records.slot import SLOTS_PER_BLOCK
from simulator.desfire_card import DesfireCard
from simulator.field import answer_lost
from simulator.flash import DEAD, FlashFault
from simulator.prng import Prng
from simulator.worlds.tap_world import (
    AID,
    FARE,
    GATE_B,
    NOW,
    PURSE,
    UID,
    Device,
    NoHotlist,
    OnCard,
    head_of,
    lease,
    new_card,
    tariff,
)


def edited(file_no, **changes):
    """Return a new card with fields of one EEPROM file changed behind all keys."""
    card = new_card()
    files = card.image.applications[AID].files
    files[file_no] = replace(files[file_no], **changes)
    return card


def records_of(card):
    return card.image.applications[AID].files[FILE_G].records


def refused(device, card, reason, programs=1):
    """Hold the card; check that it is refused with `reason` and nothing else happened."""
    before, flash = OnCard(card).state(), device.flash.programs
    assert device.present(card) == reason
    assert not device.signals.opened()
    assert OnCard(card).state() == before
    assert device.flash.programs - flash == programs
    return device.entries()[-1][2] if programs else None


@pytest.mark.requirement("R-6")
def test_insufficient_funds_are_refused_before_anything_is_staged():
    device = Device()
    entry = refused(device, new_card(purse=FARE - 1), e.REASON_FUNDS)
    assert device.exchanges == 6
    assert (entry["reason"], entry["asked"], entry["phase"]) == (
        e.REASON_FUNDS,
        FARE,
        e.PHASE_DECIDE,
    )
    assert G.unpack(entry["observed"])["L"] == FARE - 1


@pytest.mark.requirement("D5")
def test_the_card_itself_refuses_what_a_forged_record_promises():
    card = edited(FILE_V, value=FARE - 1)
    entry = refused(Device(), card, e.REASON_FUNDS)
    assert (entry["status"], entry["phase"]) == (0xBE, e.PHASE_STAGE)


def test_exactly_the_fare_is_enough():
    card = new_card(purse=FARE)
    assert Device().present(card) == ACCEPTED
    assert OnCard(card).purse == 0


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"authority": 99}, e.REASON_AUTHORITY),
        ({"expires": 10}, e.REASON_CARD_EXPIRED),
        ({"purse_product": 0}, e.REASON_NO_PRODUCT),
        ({"layout": 2}, e.REASON_UNKNOWN_LAYOUT),
    ],
)
@pytest.mark.requirement("D7")
def test_a_card_that_may_not_travel_here_is_refused(changed, reason):
    assert refused(Device(), new_card(head_of(**changed)), reason)["reason"] == reason


@pytest.mark.requirement("D7")
def test_a_record_of_a_later_layout_is_refused_and_kept_as_evidence():
    records = records_of(new_card())
    newest = bytes([0x40 | records[-1][0] & 0x1F]) + records[-1][1:]
    card = edited(FILE_G, records=(*records[:-1], newest))
    entry = refused(Device(), card, e.REASON_UNKNOWN_LAYOUT)
    assert entry["observed"] == newest


def test_a_record_that_contradicts_the_counter_is_refused():
    card = edited(FILE_G, records=records_of(new_card())[:-1])
    refused(Device(), card, e.REASON_CARD_ERROR)


def test_a_counter_that_is_none_is_refused_and_leaves_an_entry():
    device = Device()
    assert device.present(edited(FILE_C, value=-2)) == e.REASON_CARD_ERROR
    assert not device.signals.opened() and device.entries()[-1][2]["c"] == 0


def test_a_card_without_any_record_is_refused():
    device = Device()
    assert device.present(edited(FILE_G, records=())) == e.REASON_CARD_ERROR
    assert device.entries()[-1][2]["status"] == 0xBE


@pytest.mark.requirement("D10")
def test_a_card_with_other_keys_is_refused_and_journalled():
    card = new_card()
    card.image.applications[AID].keys[1] = card.image.applications[AID].keys[2]
    entry = refused(Device(), card, e.REASON_NOT_GENUINE)
    assert (entry["status"], entry["phase"]) == (0xAE, e.PHASE_AUTH)


def test_a_card_of_somebody_else_costs_no_slot():
    card = DesfireCard.blank(UID, Prng(1).bytes)
    device = Device()
    assert device.present(card) == e.REASON_NOT_GENUINE
    assert device.names() == []


# --- blocked, listed, killed ---


@pytest.mark.requirement("D8", "R-19")
def test_a_listed_card_is_blocked_for_good_by_the_first_validator():
    card, listing = new_card(), Device(hotlist=NoHotlist({UID: (HOT_BLOCK, 3)}))
    assert listing.present(card) == e.REASON_LISTED
    assert not listing.signals.opened()
    assert listing.exchanges == 9 and listing.names() == ["BLOCK", "OUTCOME"]
    block = listing.entries()[0][2]
    assert (block["action"], block["listed"], block["was_b"]) == (HOT_BLOCK, 3, 0)
    assert OnCard(card).b == 3
    unlisting = Device(GATE_B)
    refused(unlisting, card, e.REASON_BLOCKED)
    refused(listing, card, e.REASON_BLOCKED)


@pytest.mark.requirement("D8")
def test_an_old_list_cannot_block_a_card_that_was_forgiven():
    card = new_card(head_of(u=3))
    device = Device(hotlist=NoHotlist({UID: (HOT_BLOCK, 0)}))
    assert device.present(card) == ACCEPTED
    device = Device(GATE_B, hotlist=NoHotlist({UID: (HOT_REFUSE, 2)}))
    assert device.present(card) == ACCEPTED


def test_a_card_to_refuse_is_refused_and_not_written():
    entry = refused(Device(hotlist=NoHotlist({UID: (HOT_REFUSE, 0)})), new_card(), e.REASON_LISTED)
    assert entry["reason"] == e.REASON_LISTED


@pytest.mark.requirement("D4", "D8")
def test_a_killed_card_stays_dead():
    card, device = new_card(), Device(hotlist=NoHotlist({UID: (HOT_KILL, 62)}))
    assert device.present(card) == e.REASON_KILLED
    assert device.exchanges == 8 and device.names() == ["BLOCK", "OUTCOME"]
    assert OnCard(card).counter == 0 and OnCard(card).b == KILLED_B
    refused(Device(GATE_B), card, e.REASON_KILLED)


@pytest.mark.requirement("D8", "I14")
def test_a_listed_card_with_an_unfinished_tap_is_settled_but_not_let_through():
    hotlist = NoHotlist()
    device, card = Device(hotlist=hotlist), new_card()
    device.present(card, answer_lost())
    hotlist.rows[UID] = (HOT_BLOCK, 1)
    assert device.present(card) == e.REASON_LISTED
    assert not device.signals.opened()
    assert device.names() == ["INTENT", "OUTCOME", "BLOCK", "OUTCOME"]
    assert device.entries()[1][2]["gate"] == e.GATE_SHUT


def test_a_hotlist_that_cannot_be_read_is_a_degraded_mode_not_an_end():
    class Damaged(NoHotlist):
        def lookup(self, uid):
            raise LayoutError("hotlist.bucket")

    for hotlist in (Damaged(), None):
        device = Device(hotlist=hotlist)
        assert device.present(new_card()) == ACCEPTED
        assert device.entries()[0][2]["mode"] == MODE_HOTLIST_OLD
        assert device.entries()[0][1]["flags"] == 2


# --- lease, clock, tariff, journal ---


@pytest.mark.parametrize(
    "changed",
    [
        {"not_after": NOW - 1},
        {"not_before": NOW + 1},
        {"max_taps": 0},
        {"max_cents": FARE - 1},
        {"rights": 0},
    ],
)
@pytest.mark.requirement("D15")
def test_beyond_the_lease_nothing_is_charged(changed):
    entry = refused(Device(lease=lease(**changed)), new_card(), e.REASON_LEASE)
    assert entry["mode"] == MODE_LEASE_ENDED


def test_the_last_tap_of_a_lease_is_the_last():
    device = Device(lease=lease(max_taps=2, max_cents=2 * FARE))
    for seed in (1, 2):
        assert device.present(new_card(seed=seed)) == ACCEPTED
        device.watch.seconds += 20
    refused(device, new_card(seed=3), e.REASON_LEASE)


@pytest.mark.requirement("D2")
def test_an_unset_clock_charges_nothing_but_settles():
    device, card = Device(), new_card()
    device.present(card, answer_lost())
    device.watch.seconds = -1
    assert device.present(card) == ACCEPTED_SETTLED
    device.watch.seconds = -1
    fresh = new_card(seed=4)
    entry = refused(Device(watch=device.watch), fresh, e.REASON_CLOCK_UNSET)
    assert (entry["clock"], entry["mode"]) == (2, MODE_CLOCK_UNSET)


def test_without_a_tariff_nothing_is_charged():
    refused(Device(tariff=None), new_card(), e.REASON_TARIFF)


def test_an_expired_tariff_goes_on_and_says_so():
    old = tariff()
    old.valid_to = 100
    device = Device(tariff=old)
    assert device.present(new_card()) == ACCEPTED
    assert device.entries()[0][2]["mode"] == MODE_TARIFF_EXPIRED
    early = tariff()
    early.valid_from = 16000
    refused(Device(tariff=early), new_card(), e.REASON_TARIFF)


def test_a_stop_without_a_price_is_refused():
    nowhere = {"trip": -1, "call": -1, "stop": 77}
    refused(Device(profile=nowhere), new_card(), e.REASON_NO_PRICE)
    refused(Device(profile={"trip": 77}), new_card(), e.REASON_NO_PRICE)


@pytest.mark.requirement("W-43", "W-46")
def test_a_group_that_the_tariff_does_not_know_pays_the_full_fare():
    device, card = Device(), new_card(head_of(group=3))
    assert device.present(card) == ACCEPTED
    assert device.entries()[0][2]["full"] == FARE


def fill(device, free):
    while device.journal.free_slots() > free:
        device.journal.append(13, bytes(96))


@pytest.mark.requirement("D15", "W-131")
def test_a_full_journal_refuses_without_a_word_to_the_card():
    device, card = Device(), new_card()
    fill(device, 15)
    assert refused(device, card, e.REASON_JOURNAL_FULL, programs=0) is None
    assert device.exchanges == 0


@pytest.mark.requirement("D15")
def test_a_full_journal_still_settles_the_tap_it_left_open():
    device, card = Device(), new_card()
    fill(device, 16)
    device.present(card, answer_lost())
    assert not device.journal.admits_tap()
    assert device.present(card) == ACCEPTED_SETTLED
    device.watch.seconds += 60
    refused(device, card, e.REASON_JOURNAL_FULL, programs=0)


@pytest.mark.requirement("D15", "R-6")
def test_who_is_refused_is_told_so_though_the_last_free_block_is_dead():
    device, card = Device(), new_card(purse=FARE - 1)
    fill(device, SLOTS_PER_BLOCK)  # the next entry opens the last block there is
    assert device.journal.admits_tap()
    device.flash.restart_count()
    device.flash.fault_at(FlashFault(0, DEAD))
    head = device.journal.head_seq
    assert device.present(card) == e.REASON_FUNDS
    assert device.journal.head_seq == head
    assert not device.signals.opened()
    assert device.flash.injected


def test_garbled_answers_never_open_a_gate_and_never_charge_unseen():
    """One changed byte in any answer: refused, or unknown and settled by the next tap."""
    for exchange in range(10):
        device, card = Device(), new_card(seed=exchange)
        garble(card, exchange)
        device.present(card)
        assert not device.signals.opened(), exchange
        charged = OnCard(card).purse < PURSE
        assert charged == (exchange == 9)
        assert device.present(card) == (ACCEPTED_SETTLED if charged else ACCEPTED)
        assert OnCard(card).purse == PURSE - FARE


def garble(card, at):
    """Change the last byte of the answer to exchange `at`, once."""
    whole = card.exchange
    count = [0]

    def exchange(command, cut=None):
        answer = whole(command, cut)
        count[0] += 1
        if count[0] == at + 1:
            answer = answer[:-1] + bytes([answer[-1] ^ 1])
        return answer

    card.exchange = exchange
