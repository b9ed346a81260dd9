"""Single tickets sold in a vehicle: priced by the engine, journalled, signed, printed."""

import pytest

from card_layouts.codec.bits import get_bits
from card_layouts.errors import LayoutError
from card_layouts.packages.manifest import CERTIFICATE
from card_layouts.records.entries_service import CASH_SALE, ROUNDING_ZERO
from card_layouts.tickets.check import genuine_steps
from card_layouts.tickets.single import MARK, Code
from firmware import journal_counters
from firmware.journal import Journal
from firmware.package_checks import package_checks
from firmware.partitions import FLASH_BYTES, PACKAGES
from simulator.worlds.small_tariffs import mounted
from simulator.worlds.tap_world import (
    AUTHORITY,
    BLOCKS,
    EPOCH,
    FARE,
    FARE_TWO,
    GATE_A,
    NOW,
    lease,
    new_card,
)
from simulator.worlds.vehicle_world import (
    ADULT,
    CHILD,
    CHILD_FARE,
    LINE_SINGLE,
    NIGHT_FEE,
    SIGNERS,
    VERSION,
    Vehicle,
    certified,
    single_tariff,
)
from tests.vectors.singles_replay import ended


@pytest.fixture
def bus():
    return Vehicle()


def sales(bus):
    return [fields for name, _header, fields in bus.entries() if name == "CASH_SALE"]


@pytest.mark.requirement("W-50", "W-51", "W-52", "W-53", "W-92", "W-99")
def test_a_ticket_says_its_time_zones_groups_and_price_and_its_code_says_the_same(bus):
    assert bus.sell(1, (ADULT, 2), (CHILD, 1)) == f"sold 1 1 {2 * FARE + CHILD_FARE}"
    (lines, text), = bus.paper.printed  # fmt: skip
    assert lines == [
        "Small town",
        "SINGLE TICKET",
        "Zones A",
        "2 adult, 1 child",
        "Valid from 2025-09-14 10:00",
        "     until 2025-09-14 11:00",
        "Price 6.20 EUR",
        "No 4711-1",
    ]
    code = Code(text)
    ended(genuine_steps(code.data, SIGNERS[AUTHORITY], []))
    ticket = code.ticket
    assert (ticket["device"], ticket["serial"], ticket["tariff"]) == (GATE_A, 1, VERSION)
    assert (ticket["from_minute"], ticket["minutes"]) == (NOW // 60, 60)
    assert (ticket["zones"], ticket["start_zone"], ticket["price"]) == (0x4000, 1, 620)
    assert (ticket["group0"], ticket["count0"], ticket["group1"], ticket["count1"]) == (0, 2, 1, 1)


@pytest.mark.requirement("R-21", "D14", "W-17", "X-15")
def test_the_entry_says_what_was_taken_and_all_that_the_price_rests_on(bus):
    bus.profile["picked"] = 0x4000
    bus.sell(7, (ADULT, 1), zones=0x6000)
    bus.sell(8, (CHILD, 2))
    first, second = sales(bus)
    wanted = {"ticket": 1, "barcode": 1, "order": 7, "total": FARE_TWO, "zones": 0x6000,
              "picked": 0x6000, "valid": 60, "paid": 1, "clerk": 33, "line": 17, "call": 1,
              "trip": 0, "stop": 0, "from_minute": NOW // 60, "rule": 0, "l_vat0": 1}  # fmt: skip
    assert {name: first[name] for name in wanted} == wanted
    assert (second["ticket"], second["l_group0"], second["l_count0"]) == (2, CHILD, 2)
    assert second["l_unit0"] == CHILD_FARE and second["total"] == 2 * CHILD_FARE
    assert bus.journal.counters.values["cash"] == FARE_TWO + 2 * CHILD_FARE
    bus.boot()
    assert bus.journal.counters.values["cash"] == FARE_TWO + 2 * CHILD_FARE
    assert bus.sell(9).startswith("sold 9 3 ")


def test_the_counters_read_the_fields_of_the_table():
    assert journal_counters.SALE_TICKET == CASH_SALE.find("ticket")
    assert journal_counters.SALE_TOTAL == CASH_SALE.find("total")
    assert journal_counters.SALE_PAID == CASH_SALE.find("paid")
    assert get_bits(CASH_SALE.pack({"total": 777}), *journal_counters.SALE_TOTAL) == 777


@pytest.mark.requirement("W-39")
def test_the_night_fee_is_inside_the_price_and_on_the_paper(bus):
    bus.watch.seconds += 15 * 3600
    assert bus.sell(1) == f"sold 1 1 {FARE + NIGHT_FEE}"
    assert "with night fee" in bus.paper.printed[0][0]
    assert Code(bus.codes[0]).ticket["night"] == 1 and sales(bus)[0]["night"] == 1


@pytest.mark.requirement("W-50", "D9")
def test_a_product_without_transfer_time_is_good_on_its_line_for_two_hours(bus):
    bus.sell(1, product=LINE_SINGLE)
    ticket = Code(bus.codes[0]).ticket
    assert (ticket["line_only"], ticket["line"], ticket["minutes"]) == (1, 17, 120)
    assert "On line 17 only" in bus.paper.printed[0][0]


def test_a_price_is_told_before_anything_is_sold(bus):
    assert bus.say("quote 0 24576 0 1 1 2") == [("price", f"{FARE_TWO + 4 * CHILD_FARE} 60 24576")]
    assert bus.names() == ["SHIFT"] and bus.codes == []


@pytest.mark.requirement("X-2")
def test_cash_is_rounded_to_the_smallest_coin_and_the_entry_says_by_how_much():
    bus = Vehicle(profile={"cash_step": 5})
    bus.sell(1)
    bus.sell(2, (ADULT, 1), zones=0x6000)
    rows = [(row["full"], row["total"], row["rounding"] - ROUNDING_ZERO) for row in sales(bus)]
    assert rows == [(FARE, FARE, 0), (FARE_TWO, 340, 2)]
    assert bus.journal.counters.values["cash"] == FARE + 340
    assert Code(bus.codes[1]).ticket["price"] == 340


@pytest.mark.requirement("W-50", "T18")
def test_the_same_order_is_sold_once_however_often_it_comes(bus):
    said = bus.sell(5)
    assert bus.sell(5) == bus.sell(5) == said
    assert len(sales(bus)) == 1 and len(bus.codes) == 1
    assert bus.say("reprint 5")[-1] == ("sold", "5 1 250")
    assert bus.codes[0] == bus.codes[1], "the same ticket, not another one"
    assert bus.paper.printed[1][0][-1] == "PRINTED AGAIN"
    assert bus.say("reprint 6") == [("unsold", "6 NOT_SOLD")]
    assert bus.sell(6) == "sold 6 2 250"
    assert bus.sell(5) == said, "an older order is known as well"


@pytest.mark.requirement("D9")
def test_a_ticket_printed_again_under_a_renewed_certificate_is_genuine(bus):
    bus.sell(1)
    bus.from_day += 1
    bus.say("reprint 1")
    first, second = map(Code, bus.codes)
    ended(genuine_steps(second.data, SIGNERS[AUTHORITY], []))
    same = {name for name in first.ticket if first.ticket[name] == second.ticket[name]}
    assert set(first.ticket) - same == {"certificate"}


@pytest.mark.requirement("X-5", "D9")
@pytest.mark.parametrize(
    ("why", "spoil"),
    [
        ("PRINTER_OUT", lambda bus: setattr(bus.paper, "is_ready", False)),
        ("NO_CERTIFICATE", lambda bus: setattr(bus, "tickets", b"")),
        ("NO_CERTIFICATE", lambda bus: setattr(bus, "from_day", NOW // 86400 - 30)),
        ("NO_CERTIFICATE", lambda bus: setattr(bus, "from_day", NOW // 86400 + 1)),
        ("NO_CERTIFICATE", lambda bus: setattr(bus, "tickets", certified(99, NOW // 86400))),
        ("REFUSED_CLOCK_UNSET", lambda bus: setattr(bus.watch, "seconds", -1)),
        ("REFUSED_TARIFF", lambda bus: setattr(bus.tap, "tariff", None)),
        ("REFUSED_LEASE", lambda bus: setattr(bus.tap, "lease", lease(rights=1))),
        ("REFUSED_LEASE", lambda bus: setattr(bus.tap, "lease", lease(not_after=NOW - 1))),
        ("REFUSED_NO_PRICE", lambda bus: bus.profile.update(trip=9)),
    ],
)
def test_what_cannot_be_sold_is_named_and_leaves_nothing_behind(bus, why, spoil):
    spoil(bus)
    assert bus.sell(1) == f"unsold 1 {why}"
    assert bus.names() == ["SHIFT"] and bus.codes == []
    assert bus.journal.counters.next_ticket() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sell 1 0 0 4 1", "1 REFUSED_NO_PRODUCT"),
        ("sell 1 100 0 0 1", "1 REFUSED_NO_PRODUCT"),
        ("sell 1 77 0 0 1", "1 REFUSED_NO_PRODUCT"),
        ("sell 1 0 0 0", "1 BAD_ORDER"),
        ("sell 1 0 0 0 0", "1 BAD_ORDER"),
        ("sell 1 0 0 0 1 0 1", "1 BAD_ORDER"),
        ("sell 1 0 0 0 64", "1 BAD_ORDER"),
        ("sell 1 0 32768 0 1", "1 BAD_ORDER"),
        ("sell 1 1024 0 0 1", "1 BAD_ORDER"),
        ("sell 1 0 0 0 1 1 1 2 1 3 1 4 1", "1 BAD_ORDER"),
        ("sell 0 0 0 0 1", "0 BAD_ORDER"),
        ("sell x", "0 BAD_ORDER"),
        ("sell ", "0 BAD_ORDER"),
        ("quote 0 0 0 -1", "0 BAD_ORDER"),
    ],
)
def test_an_order_of_nonsense_is_refused_by_name(bus, text, said):
    assert bus.say(text) == [("unsold", said)] and bus.names() == ["SHIFT"]


def test_a_full_journal_sells_nothing(bus):
    while bus.journal.admits_tap():
        bus.journal.append(13, bytes(96))
    assert bus.sell(1) == "unsold 1 REFUSED_JOURNAL_FULL"


def test_more_messages_than_can_wait_are_faults(bus):
    assert all(bus.singles.take(f"quote 0 0 0 {n}") for n in (1, 2, 3, 4))
    assert not bus.singles.take("quote 0 0 0 5")
    assert not bus.singles.take("place 1 2 3 4") and not bus.singles.take("")


@pytest.mark.requirement("W-50", "D9")
def test_a_card_tapped_while_a_ticket_is_signed_is_served_at_once():
    bus, card = Vehicle(), new_card()
    assert bus.singles.take("sell 1 0 0 0 1")
    answers = []
    while bus.singles.busy:
        bus.singles.tick()
        if len(answers) < 3:
            bus.watch.seconds += 20
            answers.append(bus.present(card))
    assert answers == [32, 32, 32]
    (_lines, text), = bus.paper.printed  # fmt: skip
    ended(genuine_steps(Code(text).data, SIGNERS[AUTHORITY], []))
    names = bus.names()
    assert names.count("CASH_SALE") == 1 and names.count("INTENT") == 3
    assert text.startswith(MARK)


@pytest.mark.requirement("W-32", "W-41")
def test_a_ticket_belongs_to_the_authority_whose_tariff_prices_the_stop():
    bus = Vehicle(tariff=mounted(single_tariff()))
    bus.profile["book"] = 9
    assert bus.sell(1) == "unsold 1 REFUSED_NO_PRICE"
    bus.profile["book"] = AUTHORITY
    assert bus.sell(1) == "sold 1 1 250"


@pytest.mark.requirement("D1", "X-15")
def test_a_device_with_new_keys_never_gives_a_number_twice(bus):
    for order in range(1, 4):
        bus.sell(order)
    first_seq = bus.journal.head_seq + 1
    Journal.provision(bus.flash, 1, BLOCKS, GATE_A, EPOCH, bus.keys.chain, first_seq)
    bus.boot()
    assert bus.sign_on() == f"shift open {first_seq} 33", "nor a shift's"
    assert bus.sell(9).split()[2] == str(first_seq) and first_seq > 3


@pytest.mark.requirement("D9", "D18")
def test_a_certificate_comes_as_a_package_and_only_its_own_device_installs_it(bus):
    checks = package_checks(b"c" * 16, bus.journal, bus.profile, {}, None)
    mine, other = certified(GATE_A, 2000), certified(GATE_A + 1, 2000)
    assert checks[CERTIFICATE](lambda offset, size: mine[offset : offset + size], {}) is None
    with pytest.raises(LayoutError, match="certificate: for device 4712, wanted 4711"):
        checks[CERTIFICATE](lambda offset, size: other[offset : offset + size], {})
    assert (CERTIFICATE, 290, 1) in PACKAGES and FLASH_BYTES == 362 * 4096
