"""The tap of a tourist ticket in the real firmware: what opens, is written, is refused."""

import pytest

from card_layouts.answers import (
    ACCEPTED,
    ACCEPTED_SETTLED,
    ALREADY_SHOWN,
    HOLD_AGAIN,
    MODE_HOTLIST_OLD,
    TAP_AGAIN,
)
from card_layouts.cards.zones import zones_run
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL, HOT_REFUSE
from card_layouts.records import entries_tap as e
from card_layouts.records.slot import INTENT_ROWS
from simulator.desfire_card import Cut
from simulator.field import Tear
from simulator.ultralight_c import UltralightC
from simulator.worlds.tap_world import AUTHORITY, GATE_A, GATE_B, NOW, UID, NoHotlist, lease
from simulator.worlds.ticket_gate import DAY, DAYS, TicketGate, slot_of, ticket
from simulator.worlds.ticket_world import blank

pytestmark = pytest.mark.requirement("W-89", "W-90", "W-94")
DAY_S = 86400
COMMIT = 8  # the ninth exchange of a tap
ACK_LOST = Tear(exchange=COMMIT, cut=Cut("out", 0))
NEVER_HEARD = Tear(exchange=COMMIT, cut=Cut("in", 0))
NOT_SENT = Tear(exchange=COMMIT)


def last(gate):
    return gate.entries()[-1][2]


def test_a_ticket_opens_the_gate_in_nine_exchanges_and_two_entries():
    gate, card = TicketGate(profile={"shift": 7}), ticket()
    assert gate.present(card) == ACCEPTED and gate.signals.opened()
    assert gate.exchanges == 9
    (name, _, made), (name_of_end, _, end) = gate.entries()
    assert (name, name_of_end) == ("TICKET", "OUTCOME")
    assert card.image.counter == 2
    wanted = {"uid": UID, "counter": 1, "writes": 3, "time": NOW, "authority": AUTHORITY, "zone": 1}
    wanted |= {"line": 17, "trip": 0, "operator": 12, "shift": 7, "tariff": 7, "group": 2}
    wanted |= {"terminal": e.TERMINAL_GATE, "mode": 0}
    assert {field: made[field] for field in wanted} == wanted
    assert made["header"] == b"".join(card.image.user[page] for page in (4, 5, 6))
    assert made["new_slot"] == b"".join(card.image.user[page] for page in (34, 35, 36))
    assert made["was_slot"] == b"".join(card.image.user[page] for page in (37, 38, 39))
    assert (end["outcome"], end["how"]) == (e.OUTCOME_COMMITTED, e.HOW_ANSWER)
    assert (end["gate"], end["c"], end["status"]) == (e.GATE_OPENED, 1, 0x0A)
    assert not any(end["observed"]), "no card record was read"
    assert slot_of(card) == {**slot_of(card), "start": NOW // 300, "device": GATE_A}
    assert not gate.journal.open_intents


def test_a_gate_that_stands_on_no_trip_opens_for_a_ticket_as_well():
    # Found by `sim run`: gates know their stop and no trip, and no ticket could be journalled.
    gate, card = TicketGate(profile={"trip": -1, "call": -1, "stop": 1}), ticket()
    assert gate.present(card) == ACCEPTED and gate.signals.opened()
    made = gate.entries()[0][2]
    assert (made["trip"], made["stop"]) == (e.TRIP_NONE, 1)


def test_the_first_tap_starts_the_ticket_and_its_days_end_it():
    card = ticket()
    start = NOW // 300 * 300
    for seconds, answer in (
        (NOW, ACCEPTED),
        (start + DAYS * DAY_S - 1, ACCEPTED),
        (start + DAYS * DAY_S, e.REASON_CARD_EXPIRED),
    ):
        gate = TicketGate()
        gate.watch.seconds = seconds
        assert gate.present(card) == answer
    assert not gate.signals.opened()
    assert gate.names() == ["REFUSAL"]
    assert (last(gate)["uid"], last(gate)["reason"]) == (UID, e.REASON_CARD_EXPIRED)


def test_green_is_shown_once_for_a_tap_and_the_ticket_goes_on_at_the_next_gate():
    first, second, card = TicketGate(GATE_A), TicketGate(GATE_B), ticket()
    assert first.present(card) == ACCEPTED
    assert first.present(card) == ALREADY_SHOWN and not first.signals.opened()
    assert second.present(card) == ACCEPTED and second.signals.opened()
    first.watch.seconds += 5
    assert first.present(card) == ACCEPTED, "another has counted since: it is another tap"
    first.watch.seconds += 11
    assert first.present(card) == ACCEPTED
    assert card.image.counter == 5


@pytest.mark.parametrize(
    "header, parts, reason",
    [
        ({"zones": zones_run(2, 9)}, {}, e.REASON_NO_PRODUCT),
        ({"authority": AUTHORITY - 1}, {}, e.REASON_AUTHORITY),
        ({"activate_by": DAY - 1}, {}, e.REASON_CARD_EXPIRED),
        ({}, {"tariff": None}, e.REASON_TARIFF),
        ({}, {"profile": {"trip": -1, "stop": 99}}, e.REASON_NO_PRICE),
        ({}, {"lease": lease(not_after=NOW - 1)}, e.REASON_LEASE),
    ],
)
def test_what_is_not_valid_here_is_refused_and_journalled(header, parts, reason):
    gate, card = TicketGate(**parts), ticket(**header)
    assert gate.present(card) == reason
    assert not gate.signals.opened() and card.image.counter == 1
    assert gate.names() == ["REFUSAL"]
    assert (last(gate)["reason"], last(gate)["c"]) == (reason, 1)


def test_an_unset_clock_starts_no_ticket():
    gate, card = TicketGate(), ticket()
    gate.watch.seconds = -1
    assert gate.present(card) == e.REASON_CLOCK_UNSET
    assert card.image.counter == 1 and not gate.signals.opened()


@pytest.mark.requirement("D8")
@pytest.mark.parametrize("action", [HOT_REFUSE, HOT_BLOCK])
def test_a_listed_ticket_is_refused_and_nothing_is_written_on_it(action):
    gate, card = TicketGate(hotlist=NoHotlist({UID: (action, 3)})), ticket()
    assert gate.present(card) == e.REASON_LISTED
    assert (card.image.counter, card.image.otp) == (1, bytes(4))
    assert (last(gate)["reason"], last(gate)["listed"]) == (e.REASON_LISTED, 3)


@pytest.mark.requirement("D8")
def test_a_killed_ticket_is_void_for_ever_wherever_it_comes():
    gate, card = TicketGate(hotlist=NoHotlist({UID: (HOT_KILL, 62)})), ticket()
    torn = Tear(command=0xA2, cut=Cut("step", 0))
    assert gate.present(card, torn) == e.REASON_KILLED
    assert card.image.otp == bytes(4), "torn: it is tried again"
    for _ in range(2):
        assert gate.present(card) == e.REASON_KILLED and not gate.signals.opened()
        assert card.image.otp == b"\x80\0\0\0"
    assert gate.exchanges == 5, "void already: nothing is written"
    other = TicketGate(GATE_B)
    assert other.present(card) == e.REASON_KILLED and card.image.counter == 1
    assert gate.names() == ["REFUSAL"] * 3


@pytest.mark.requirement("X-5")
def test_a_list_that_is_missing_is_a_degraded_mode_and_the_ticket_goes_on():
    gate = TicketGate(hotlist=None)
    assert gate.present(ticket()) == ACCEPTED
    assert gate.entries()[0][2]["mode"] == MODE_HOTLIST_OLD


def test_a_strangers_ultralight_is_not_ours_and_costs_no_entry():
    gate = TicketGate()
    assert gate.present(blank()) == e.REASON_NOT_GENUINE
    assert gate.names() == [] and gate.exchanges == 2


def test_a_gate_without_the_tickets_key_says_so_before_it_asks_anything():
    gate = TicketGate()
    gate.tap.keys = gate.card_tap.keys = WithoutTickets()
    assert gate.present(ticket()) == e.REASON_NOT_GENUINE
    assert gate.exchanges == 0


class WithoutTickets:
    """Keys of a device that was never given the tickets' master."""

    def ticket_keys(self, version, uid):
        from firmware.keys import SoftwareKeys

        return SoftwareKeys(b"", b"", b"", b"", 0, {1: {}}).ticket_keys(version, uid)


def test_a_ticket_with_no_valid_slot_is_not_readable_and_journalled():
    gate, card = TicketGate(), ticket()
    card.image.user[38] = b"\xff" * 4
    assert gate.present(card) == e.REASON_CARD_ERROR
    assert gate.names() == ["REFUSAL"]


def test_a_ticket_with_its_last_count_is_used_up():
    gate, card = TicketGate(), ticket()
    card.image.counter = 0xFFFF
    seal_for(card, 0xFFFF)
    assert gate.present(card) == e.REASON_COUNTER_END


def seal_for(card: UltralightC, counter):
    from card_layouts.cards.ulc_layout import seal_ulc_slot
    from simulator.worlds.ticket_world import KEYS

    header = b"".join(card.image.user[page] for page in (4, 5, 6))
    slot = seal_ulc_slot({"start": NOW // 300}, KEYS[1], UID, header, counter)
    for i in range(3):
        card.image.user[37 + i] = slot[4 * i : 4 * i + 4]


# Taps whose end nobody knew -----------------------------------------------------------


@pytest.mark.requirement("D15", "D7")
@pytest.mark.parametrize(
    "tear, answer, committed",
    [(ACK_LOST, HOLD_AGAIN, True), (NEVER_HEARD, HOLD_AGAIN, False), (NOT_SENT, TAP_AGAIN, False)],
)
def test_what_was_lost_is_settled_by_the_same_ticket(tear, answer, committed):
    gate, card = TicketGate(), ticket()
    assert gate.present(card, tear) == answer and not gate.signals.opened()
    assert gate.names() == (["TICKET"] if answer == HOLD_AGAIN else ["TICKET", "OUTCOME"])
    gate.boot()
    gate.watch.seconds += 5
    assert gate.present(card) == (ACCEPTED_SETTLED if committed else ACCEPTED)
    assert gate.signals.opened() and card.image.counter == 2
    ended = [fields for name, _, fields in gate.entries() if name == "OUTCOME"]
    assert ended[0]["outcome"] == (e.OUTCOME_COMMITTED if committed else e.OUTCOME_ABORTED)
    assert gate.present(card) == ALREADY_SHOWN


def test_a_passenger_who_left_and_comes_back_later_makes_another_tap():
    gate, card = TicketGate(), ticket()
    assert gate.present(card, ACK_LOST) == HOLD_AGAIN
    gate.watch.seconds += 3600
    gate.watch.ticks += 3_600_000
    assert gate.present(card) == ACCEPTED and card.image.counter == 3
    kinds = [(name, fields.get("gate"), fields.get("how")) for name, _, fields in gate.entries()]
    assert kinds[1] == ("OUTCOME", e.GATE_SHUT, e.HOW_LATER)


def test_a_ticket_killed_between_two_tries_is_settled_and_not_let_through():
    listed = NoHotlist()
    gate, card = TicketGate(hotlist=listed), ticket()
    assert gate.present(card, ACK_LOST) == HOLD_AGAIN
    listed.rows[UID] = (HOT_KILL, 1)
    assert gate.present(card) == e.REASON_KILLED and not gate.signals.opened()
    assert gate.names() == ["TICKET", "OUTCOME", "REFUSAL"]
    assert gate.entries()[1][2]["outcome"] == e.OUTCOME_COMMITTED


def test_two_taps_elsewhere_cover_the_trace_and_the_ledger_must_tell():
    gate, other, card = TicketGate(GATE_A), TicketGate(GATE_B), ticket()
    assert gate.present(card, ACK_LOST) == HOLD_AGAIN
    for minute in (1, 2):
        other.watch.seconds = NOW + 60 * minute
        assert other.present(card) == ACCEPTED
    gate.watch.seconds += 300
    assert gate.present(card) == ACCEPTED
    assert gate.entries()[1][2]["outcome"] == e.OUTCOME_ORPHAN


@pytest.mark.requirement("D15")
def test_open_taps_of_many_tickets_make_room_for_the_next_one():
    gate = TicketGate()
    for number in range(INTENT_ROWS):
        row = (bytes([4, number]) + bytes(5), 2, number + 1)
        gate.journal.counters.open_intents.append(row)
    assert gate.present(ticket()) == ACCEPTED
    assert gate.names() == ["OUTCOME", "TICKET", "OUTCOME"]
    assert gate.entries()[0][2]["outcome"] == e.OUTCOME_ORPHAN


def test_a_journal_without_room_takes_no_ticket():
    gate, card = TicketGate(), ticket()
    gate.journal.free_slots = lambda: 15
    assert gate.present(card) == e.REASON_JOURNAL_FULL
    assert gate.exchanges == 0 and gate.names() == []
