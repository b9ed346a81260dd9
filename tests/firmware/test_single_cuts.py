"""Power cuts at every flash operation of a sale and of an acceptance, and while paper comes out."""

import pytest

from card_layouts.tickets.single import Code
from firmware.flash_rows import FlashRows
from firmware.partitions import SOLD_BLOCKS, SOLD_FIRST, USED_BLOCKS, USED_FIRST
from simulator.flash import BLOCK_BYTES, TORN_QUARTERS, Flash, FlashCut, FlashPowerLost
from simulator.worlds.tap_world import GATE_B
from simulator.worlds.vehicle_world import Vehicle
from tests import figures

ORDER = "sell 5 0 0 0 1"
ENDS = [(0, 0), (27, 0), (29, 0), (30, 0), (0, 62), (0, 63)]


def filled(used, sold, prepared=0):
    """Return a vehicle whose journal block and log of orders are near their ends."""
    bus = Vehicle()
    rows = FlashRows(bus.flash, SOLD_FIRST, SOLD_BLOCKS, 64)
    for number in range(sold):
        rows.append(bytes(3) + number.to_bytes(58, "big"))
    if prepared:
        marks = FlashRows(bus.flash, USED_FIRST, USED_BLOCKS, 16)
        for number in range(prepared):
            marks.mark(marks.append(number.to_bytes(13, "big")))
    while bus.journal.head_seq < used:
        bus.journal.append(13, bytes(96))
    return bus


class Checked:
    """A printer that knows that nothing may be printed of what is not journalled."""

    def __init__(self, bus, lost_at=0):
        self.bus, self.printed, self.lost_at = bus, [], lost_at

    def ready(self):
        return True

    def print_ticket(self, lines, code):
        serial = Code(code).ticket["serial"]
        assert serial < self.bus.journal.counters.next_ticket(), "printed without an entry"
        self.printed.append(code)
        if len(self.printed) == self.lost_at:
            raise FlashPowerLost(-1)


def cut(bus, operation, quarters, *messages):
    """Let power fail at a flash operation of some work; boot. Return whether it failed."""
    bus.flash.restart_count()
    bus.flash.cut_at(FlashCut(operation, quarters, operation + 1))
    try:
        bus.say(*messages)
    except FlashPowerLost:
        failed = True
    else:
        failed = False
    bus.flash.cut_at()
    bus.boot()
    bus.singles.printer = bus.paper
    return failed


def orders(bus):
    return [f["order"] for name, _header, f in bus.entries() if name == "CASH_SALE"]


@pytest.mark.parametrize(("used", "sold"), ENDS)
@pytest.mark.requirement("W-50", "W-92", "T16", "X-15")
def test_a_power_cut_in_a_sale_never_makes_two_tickets_or_one_without_an_entry(used, sold):
    operation = cuts = 0
    while True:
        failed = False
        for quarters in TORN_QUARTERS:
            bus = filled(used, sold)
            bus.paper = bus.singles.printer = Checked(bus)
            failed = cut(bus, operation, quarters, ORDER) or failed
            cuts += 1
            assert bus.say(ORDER)[-1] == ("sold", "5 1 250")
            assert orders(bus) == [5], "one payment, one entry"
            assert 1 <= len(bus.paper.printed) <= 2 and len(set(bus.paper.printed)) == 1
            bus.watch.seconds += 60
            assert bus.say("sell 6 0 0 0 1")[-1] == ("sold", "6 2 250"), "no gap"
        if not failed:
            break
        operation += 1
    assert operation >= 3
    figures.add("power cuts tried in sales of tickets", cuts)


@pytest.mark.requirement("W-92", "T16")
def test_a_ticket_that_came_out_half_is_printed_again_and_is_the_same():
    bus = Vehicle()
    bus.paper = bus.singles.printer = Checked(bus, lost_at=1)
    with pytest.raises(FlashPowerLost):
        bus.say(ORDER)
    bus.boot()
    bus.watch.seconds += 300
    bus.say(ORDER)
    assert len(bus.paper.printed) == 2 and len(set(bus.paper.printed)) == 1
    assert orders(bus) == [5]


@pytest.mark.parametrize(("used", "rows"), [(0, 0), (28, 0), (30, 0), (0, 254), (0, 255)])
@pytest.mark.requirement("T14", "T16", "D9")
def test_a_power_cut_while_a_ticket_is_accepted_leaves_one_use_of_it(used, rows):
    seller = Vehicle(GATE_B)
    seller.sell(1)
    code = seller.codes[0]
    operation = cuts = 0
    while True:
        failed = False
        for quarters in TORN_QUARTERS:
            bus = filled(used, 0, rows)
            failed = cut(bus, operation, quarters, *_scanned(code)) or failed
            cuts += 1
            answer = bus.scan(code)
            found = [f for name, _header, f in bus.entries() if name == "BARCODE"]
            taken = [f for f in found if f["event"] == 1]
            assert answer in ("ACCEPTED", "CODE_USED")
            assert sum(not f["again"] for f in taken) <= 1, "no second use but a marked one"
            assert answer == "ACCEPTED" or len(taken) == 1
            assert bus.scan(code) == "CODE_USED"
        if not failed:
            break
        operation += 1
    assert operation >= 3
    figures.add("power cuts tried in acceptances of tickets", cuts)


def _scanned(code):
    return [f"scan 1 2 {code[:160]}", f"scan 2 2 {code[160:]}"]


@pytest.mark.requirement("T16")
def test_rows_survive_a_cut_at_every_operation_of_three_blocks():
    """Whatever was appended is there in its order, whatever was not is not, but the newest."""
    size, blocks = 64, 2
    room = BLOCK_BYTES // size - 1
    for first in (0, room - 1, 2 * room - 1):
        operation = 0
        while True:
            failed = False
            for quarters in TORN_QUARTERS:
                flash = Flash(3 * BLOCK_BYTES)
                rows = FlashRows(flash, 1, blocks, size)
                data = [number.to_bytes(61, "big") for number in range(first + 3)]
                for row in data[:first]:
                    rows.append(row)
                flash.restart_count()
                flash.cut_at(FlashCut(operation, quarters, operation))
                done = first
                try:
                    for row in data[first:]:
                        rows.append(row)
                        done += 1
                except FlashPowerLost:
                    failed = True
                flash.cut_at()
                again = FlashRows(flash, 1, blocks, size)
                found = [row for _place, row, _mark in again.rows()][::-1]
                assert found in (data[len(data[:done]) - len(found) : done],
                                 data[done + 1 - len(found) : done + 1])  # fmt: skip
                assert len(found) >= min(done, room)
                place = again.append(b"\7" * 61)
                assert next(iter(again.rows())) == (place, b"\7" * 61, False)
                again.mark(place)
                assert next(iter(FlashRows(flash, 1, blocks, size).rows()))[2]
            if not failed:
                break
            operation += 1
