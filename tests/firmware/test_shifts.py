"""A driver's shift on the real firmware: signed on, sold in, voided, signed off, taken up again."""

import pytest

from card_layouts.answers import ACCEPTED
from card_layouts.cards.card_layout import G
from card_layouts.codec.bits import get_bits
from card_layouts.crypto.pin import is_known, pin_row
from card_layouts.errors import RangeError
from card_layouts.records.entries_device import (
    COUNTED_NONE,
    LOGIN_PIN,
    SHIFT,
    SHIFT_END,
    SHIFT_RUN_RESET,
    SHIFT_START,
)
from card_layouts.records.entries_service import CASH_SALE, PAID_CASH, ROUNDING_ZERO
from card_layouts.records.entries_tap import REASON_FUNDS, TERMINAL_HAND_HELD
from card_layouts.records.slot import FLAG_LAST_OF_SHIFT
from card_layouts.settlement.totals import sale_facts
from firmware import journal_counters
from firmware.shifts import LOCKED_MS
from simulator.field import commit_lost
from simulator.worlds.tap_world import FARE, FARE_TWO, NOW, Device, lease, new_card
from simulator.worlds.vehicle_world import (
    ADULT,
    CHILD,
    CHILD_FARE,
    DRIVER,
    OTHER_DRIVER,
    OTHER_PIN,
    PIN,
    Vehicle,
)

FULL = "REFUSED_JOURNAL_FULL"


@pytest.fixture
def bus():
    return Vehicle()


@pytest.fixture
def parked():
    return Vehicle(driver=0)


def rows(bus, wanted):
    return [fields for name, _header, fields in bus.entries() if name == wanted]


def events(bus):
    return [(row["event"], row["shift"], row["driver"]) for row in rows(bus, "SHIFT")]


def end_of(bus):
    (end,) = [row for row in rows(bus, "SHIFT") if row["event"] == SHIFT_END]
    return end


def test_the_counters_read_the_fields_of_the_tables():
    assert journal_counters.SALE_VOID_OF == CASH_SALE.find("void_of")
    places = ("event", "shift", "driver")
    found = (journal_counters.EVENT, journal_counters.EVENT_SHIFT, journal_counters.EVENT_DRIVER)
    assert found == tuple(SHIFT.find(name) for name in places)
    assert get_bits(SHIFT.pack({"driver": 33}), *journal_counters.EVENT_DRIVER) == 33


@pytest.mark.requirement("W-14", "W-17", "R-23", "T18", "X-15")
def test_a_shift_from_sign_on_to_sign_off_says_what_was_sold_and_tapped(bus):
    card, poor = new_card(), new_card(purse=0)
    bus.sell(1, (ADULT, 1), zones=0x6000)
    bus.present(card)
    bus.watch.seconds += 30
    bus.sell(2, (CHILD, 2))
    bus.sell(3)
    assert bus.void(4, 2) == f"voided 4 2 {2 * CHILD_FARE}"
    bus.watch.seconds += 60
    bus.present(card)
    bus.present(poor)
    bus.watch.seconds += 4000
    bus.present(card, commit_lost())
    assert bus.sign_off(counted=580) == "shift closed 1 33"
    start, end = rows(bus, "SHIFT")
    assert (start["event"], start["login"], start["first_seq"]) == (SHIFT_START, LOGIN_PIN, 1)
    assert (start["first_ticket"], start["next_ticket"], start["counted"]) == (1, 1, COUNTED_NONE)
    wanted = {"event": SHIFT_END, "driver": DRIVER, "shift": 1, "first_seq": 1, "first_ticket": 1,
              "next_ticket": 5, "tickets": 3, "voids": 1, "void_cents": 2 * CHILD_FARE,
              "cash": FARE_TWO + FARE, "loads": 0, "counted": 580, "ended_by": 0, "charged": 2,
              "passed": 1, "refused": 1, "unknown": 1, "value": 2 * FARE}  # fmt: skip
    assert {name: end[name] for name in wanted} == wanted
    names = [(name, header["flags"]) for name, header, _fields in bus.entries()]
    assert names[-1][1] & FLAG_LAST_OF_SHIFT and not names[0][1] & FLAG_LAST_OF_SHIFT
    tickets = [row["ticket"] for row in rows(bus, "CASH_SALE")]
    assert tickets == [1, 2, 3, 4], "no gaps, voids counted in"
    sold = rows(bus, "CASH_SALE")
    assert {(row["shift"], row["clerk"]) for row in sold} == {(1, DRIVER)}
    assert rows(bus, "INTENT")[0]["shift"] == 1


@pytest.mark.requirement("W-15", "W-16", "W-18")
def test_a_driver_checks_cards_registers_changes_and_picks_zones_for_what_he_sells(bus):
    card, empty = new_card(), new_card(purse=0)
    assert bus.present(card) == ACCEPTED
    bus.watch.seconds += 600
    assert bus.present(card) == ACCEPTED
    bus.watch.seconds += 600
    assert bus.present(empty) == REASON_FUNDS, "shown to the driver"
    paid, change = rows(bus, "INTENT")
    assert G.unpack(bytes(7) + paid["body"] + paid["h"])["amount"] == FARE
    assert G.unpack(bytes(7) + change["body"] + change["h"])["amount"] == 0, (
        "a change costs nothing"
    )
    assert bus.sell(1, zones=0x6000) == f"sold 1 1 {FARE_TWO}"
    assert bus.sell(2, zones=0x4000) == f"sold 2 2 {FARE}"
    assert [row["picked"] for row in rows(bus, "CASH_SALE")] == [0x6000, 0x4000]


@pytest.mark.requirement("W-14", "T18")
def test_without_a_driver_cards_ride_and_nothing_is_sold_voided_or_signed_off(parked):
    assert parked.present(new_card()) == 32
    assert parked.sell(1) == "unsold 1 REFUSED_NO_SHIFT"
    assert parked.void(2, 1) == "unsold 2 REFUSED_NO_SHIFT"
    assert parked.sign_off() == "unsigned 0 REFUSED_NO_SHIFT"
    assert parked.told("quote 0 0 0 1") == f"price {FARE} 60 16384"
    assert parked.names() == ["INTENT", "OUTCOME"]


@pytest.mark.requirement("W-14", "T18")
def test_a_wrong_pin_signs_nobody_on_or_off_and_five_lock_for_a_while(parked):
    assert parked.sign_on(77, PIN) == "unsigned 77 WRONG_PIN", "no driver of ours"
    for _ in range(3):
        assert parked.sign_on(DRIVER, OTHER_PIN) == "unsigned 33 WRONG_PIN"
    assert parked.sign_on(DRIVER, "0") == "unsigned 33 WRONG_PIN"
    assert parked.sign_on() == "unsigned 33 LOCKED", "even the right one"
    parked.watch.ticks += LOCKED_MS
    assert parked.sign_on() == "shift open 1 33"
    assert parked.sign_off(OTHER_PIN) == "unsigned 33 WRONG_PIN"
    assert events(parked) == [(SHIFT_START, 1, 33)]


@pytest.mark.parametrize(
    "message",
    ["signon", "signon 33", "signon x 4711", "signon 0 4711", "signon 33 4711 1",
     "signon 99999999 4711", "signoff 4711 x", "signoff", f"signoff 4711 {COUNTED_NONE}"],
)  # fmt: skip
def test_nonsense_is_refused_by_name_and_changes_nothing(bus, message):
    assert bus.told(message).endswith(" BAD_MESSAGE")
    assert bus.names() == ["SHIFT"] and bus.journal.counters.values["driver"] == DRIVER


@pytest.mark.requirement("R-23", "T16")
def test_a_shift_that_a_power_cut_left_open_goes_on_with_its_sums(bus):
    bus.sell(1)
    bus.boot()
    assert (bus.profile["clerk"], bus.profile["shift"]) == (DRIVER, 1)
    bus.sell(2)
    assert bus.sign_on() == "shift open 1 33", "taken up, not begun anew"
    assert bus.void(3, 1) == f"voided 3 1 {FARE}"
    bus.boot()
    assert bus.sign_off() == "shift closed 1 33"
    end = end_of(bus)
    assert (end["tickets"], end["voids"], end["cash"], end["next_ticket"]) == (2, 1, FARE, 4)
    bus.boot()
    assert (bus.profile["clerk"], bus.profile["shift"]) == (0, 0)
    assert bus.sign_on() == "shift open 2 33"


@pytest.mark.requirement("W-130", "T18", "W-17")
def test_another_driver_ends_the_shift_before_and_each_owes_what_he_sold(bus):
    bus.sell(1)
    assert bus.say(f"signon {OTHER_DRIVER} {OTHER_PIN}") == [
        ("shift", "closed 1 33"),
        ("shift", "open 2 44"),
    ]
    assert bus.void(2, 1) == "unsold 2 OTHER_SHIFT", "that is the first one's money"
    bus.sell(3, (CHILD, 1))
    bus.sign_off(OTHER_PIN)
    assert events(bus) == [(1, 1, 33), (2, 1, 33), (1, 2, 44), (2, 2, 44)]
    ends = [row for row in rows(bus, "SHIFT") if row["event"] == SHIFT_END]
    assert [(row["cash"], row["ended_by"]) for row in ends] == [(FARE, 44), (CHILD_FARE, 0)]
    assert [(row["first_ticket"], row["next_ticket"]) for row in ends] == [(1, 2), (2, 3)]
    assert [row["clerk"] for row in rows(bus, "CASH_SALE")] == [33, 44]


@pytest.mark.requirement("X-8", "T18")
def test_a_void_says_again_what_the_sale_said_and_takes_it_from_every_total(bus):
    bus = Vehicle(profile={"cash_step": 5})
    bus.sell(1, (ADULT, 1), (CHILD, 1), zones=0x6000)
    bus.sell(2)
    bus.watch.seconds += 300
    assert bus.void(3, 1).startswith("voided 3 1 ")
    sale, _other, void = rows(bus, "CASH_SALE")
    other = {"time", "ticket", "void_of", "order", "barcode", "certificate", "picked"}
    assert {name for name in sale if sale[name] != void[name]} == other
    assert (void["void_of"], void["ticket"], void["order"]) == (1, 3, 3)
    assert (void["barcode"], void["paid"], void["rounding"] - ROUNDING_ZERO) == (0, PAID_CASH, 2)
    one, back = (sale_facts(CASH_SALE.pack(row)) for row in (sale, void))
    assert (one.charged, one.full) == (-back.charged, -back.full)
    assert bus.journal.counters.values["cash"] == FARE
    assert len(bus.paper.printed) == 2, "a void needs no paper"


@pytest.mark.requirement("X-8")
def test_a_ticket_is_voided_once_within_its_minutes_and_its_paper_never_comes_again(bus):
    bus.sell(1)
    bus.watch.seconds += 11 * 60
    bus.sell(2)
    assert bus.void(3, 1) == "unsold 3 TOO_LATE"
    assert bus.void(4, 2) == bus.void(4, 2) == f"voided 4 2 {FARE}"
    assert bus.void(5, 2) == "unsold 5 VOIDED"
    assert bus.void(5, 3) == "unsold 5 NOT_SOLD", "a void is no ticket"
    assert bus.void(5, 9) == "unsold 5 NOT_SOLD"
    assert bus.void(4, 1) == "unsold 4 BAD_ORDER", "that order voided another ticket"
    assert bus.void(1, 2) == "unsold 1 BAD_ORDER", "that was a sale's"
    assert bus.sell(4) == "unsold 4 BAD_ORDER", "that was a void's"
    assert bus.sell(2) == "unsold 2 VOIDED"
    assert bus.told("reprint 2") == "unsold 2 VOIDED"
    assert bus.told("reprint 4") == "unsold 4 NOT_SOLD"
    assert len(rows(bus, "CASH_SALE")) == 3 and len(bus.codes) == 2


@pytest.mark.parametrize("text", ["", "1", "x 1", "0 1", "1 0", "1 2 3", "16777216 1", "-1 1"])
def test_a_void_of_nonsense_is_refused_by_name(bus, text):
    bus.sell(7)
    assert bus.told(f"void {text}").endswith(" BAD_ORDER")
    assert len(rows(bus, "CASH_SALE")) == 1


@pytest.mark.requirement("T18")
def test_a_shift_has_only_so_many_voids():
    bus = Vehicle(profile={"void_most": 2})
    for ticket in (1, 2):
        bus.sell(ticket)
    bus.sell(3)
    assert bus.void(4, 1).startswith("voided") and bus.void(5, 2).startswith("voided")
    assert bus.void(6, 3) == "unsold 6 TOO_MANY"
    bus.sign_off()
    bus.sign_on()
    bus.sell(7)
    assert bus.void(8, 6).startswith("voided"), "the next shift begins anew"


@pytest.mark.requirement("X-5", "X-8")
def test_a_void_needs_no_paper_no_tariff_and_no_lease(bus):
    bus.sell(1)
    bus.paper.is_ready = False
    bus.tap.tariff, bus.tap.lease = None, lease(not_after=NOW - 1)
    assert bus.void(2, 1) == f"voided 2 1 {FARE}"


class Torn:
    """A printer that runs out of paper between a sale and its ticket."""

    def __init__(self, good):
        self.good = good
        self.printed = []

    def ready(self):
        self.good -= 1
        return self.good >= 0

    def print_ticket(self, lines, code):
        self.printed.append(code)


@pytest.mark.requirement("X-5", "W-92", "T18")
@pytest.mark.parametrize("then", ["reprint", "void"])
def test_what_was_sold_stands_when_the_paper_ends_until_it_is_printed_or_voided(bus, then):
    bus.singles.printer = Torn(1)
    assert bus.told("sell 1 0 0 0 1") == "unprinted 1 PRINTER_OUT"
    assert bus.journal.counters.values["cash"] == FARE, "the money was taken"
    assert bus.told("sell 1 0 0 0 1") == "unprinted 1 PRINTER_OUT", "and is not taken twice"
    if then == "void":
        assert bus.void(2, 1) == f"voided 2 1 {FARE}"
    bus.singles.printer = bus.paper
    said = bus.told("sell 1 0 0 0 1")
    assert said == (f"sold 1 1 {FARE}" if then == "reprint" else "unsold 1 VOIDED")
    bus.sign_off()
    assert end_of(bus)["cash"] == (FARE if then == "reprint" else 0)
    assert len(bus.codes) == (then == "reprint")


@pytest.mark.requirement("D2", "X-5")
def test_an_unset_clock_keeps_nobody_from_signing_on_and_off_but_sells_and_voids_nothing(bus):
    bus.sell(1)
    bus.watch.seconds = -1
    assert bus.sell(2) == "unsold 2 REFUSED_CLOCK_UNSET"
    assert bus.void(3, 1) == "unsold 3 REFUSED_CLOCK_UNSET"
    assert bus.sign_off() == "shift closed 1 33"
    assert bus.sign_on() == "shift open 2 33"
    assert [row["clock"] for row in rows(bus, "SHIFT")] == [0, 2, 2]
    assert end_of(bus)["cash"] == FARE


@pytest.mark.requirement("X-5", "R-7")
def test_a_full_ring_starts_no_shift_keeps_everything_and_lets_the_open_one_end(bus):
    bus.sell(1)
    while bus.journal.free_slots() > 3:
        bus.journal.append(13, bytes(96))
    assert bus.sell(2) == "unsold 2 REFUSED_JOURNAL_FULL"
    assert bus.sign_on(OTHER_DRIVER, OTHER_PIN) == "unsigned 44 REFUSED_JOURNAL_FULL"
    assert bus.journal.counters.values["driver"] == DRIVER, "nobody was signed off by that"
    assert bus.void(3, 1) == f"voided 3 1 {FARE}", "his money is given back"
    assert bus.sign_off() == "shift closed 1 33"
    while bus.journal.free_slots():
        bus.journal.append(13, bytes(96))
    assert bus.told("run") == "unsigned 0 REFUSED_JOURNAL_FULL"
    assert bus.names()[:2] == ["SHIFT", "CASH_SALE"] and bus.journal.first_kept_seq == 1


@pytest.mark.requirement("R-7", "R-23", "T16")
def test_the_sums_of_a_shift_outlast_the_blocks_its_entries_lie_in(bus):
    bus.sell(1, (ADULT, 2))
    bus.sell(2)
    bus.void(3, 2)
    while bus.journal._ordinal < 2:
        bus.journal.append(13, bytes(96))
    bus.boot()
    bus.sell(4)
    bus.sign_off()
    end = end_of(bus)
    assert (end["first_seq"], end["first_ticket"], end["next_ticket"]) == (1, 1, 5)
    assert (end["tickets"], end["voids"], end["void_cents"]) == (3, 1, FARE)
    assert end["cash"] == 3 * FARE


@pytest.mark.requirement("R-20", "R-22")
def test_a_conductor_resets_the_run_at_the_terminus_and_the_same_card_rides_again():
    device = Vehicle(profile={"terminal": TERMINAL_HAND_HELD})
    card = new_card()
    assert device.told("run") == "shift run 1 33"
    assert device.present(card) == 32
    seen = len(rows(device, "INTENT"))
    device.watch.seconds += 600
    answer = device.present(card)
    assert len(rows(device, "INTENT")) == seen, "accepted in this run before"
    assert device.told("run") == "shift run 1 33"
    assert device.present(card) != answer
    assert len(rows(device, "INTENT")) == seen + 1
    assert [row["event"] for row in rows(device, "SHIFT")].count(SHIFT_RUN_RESET) == 2


def test_a_validator_without_drivers_counts_nothing_for_a_shift():
    device, card = Device(), new_card()
    device.present(card)
    values = device.journal.counters.values
    assert (values["shift_taps"], values["shift_value"], values["driver"]) == (0, 0, 0)


@pytest.mark.requirement("W-14", "D1")
def test_shift_numbers_go_round_and_never_name_none(parked):
    parked.journal.counters.values["shift"] = 4095
    assert parked.sign_on() == "shift open 1 33"


@pytest.mark.requirement("W-14")
def test_a_pin_row_is_right_for_one_driver_one_pin_and_one_device():
    mine = pin_row(b"k" * 16, 33, "4711")
    table = pin_row(b"k" * 16, 44, "20815") + mine
    assert is_known(table, mine) and len(mine) == 11 and b"4711" not in mine
    for row in (
        pin_row(b"k" * 16, 33, "4712"),
        pin_row(b"k" * 16, 34, "4711"),
        pin_row(b"j" * 16, 33, "4711"),
    ):
        assert not is_known(table, row)
    for driver, pin in ((0, "4711"), (1 << 20, "4711"), (33, "471"), (33, "4" * 9), (33, "47a1")):
        with pytest.raises(RangeError):
            pin_row(b"k" * 16, driver, pin)
