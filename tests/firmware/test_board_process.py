"""A whole validator as a real MicroPython process: image, reader line, control line, flash file."""

import shutil

import pytest

from card_layouts.records.entries import (
    BARCODE,
    BOOT,
    CASH_SALE,
    CONFIG,
    INTENT,
    OUTCOME,
    SHIFT,
    TICKET,
)
from card_layouts.records.entries_device import BOOT as BOOT_ENTRY
from card_layouts.records.slot import SLOT_HEADER, Sealer
from card_layouts.tickets.single import Code
from edge_agent.counter.card_image import read_image
from firmware import VERSION
from firmware.app import KEPT_MS
from firmware.boot_entry import version_number
from firmware.journal import Journal
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST
from firmware.tools.board_command import HEAP_KIB
from firmware.tools.build_image import ROOT, build_image
from simulator.bench.workbench import ACK_LOST, HOUR_MS, Workbench, paper_code, smallest_heap_kib
from simulator.boards.control import STOP
from simulator.desfire_card import Cut, DesfireCard
from simulator.field import Tear, answer_lost, commit_lost
from simulator.flash import Flash
from simulator.prng import Prng
from simulator.ultralight_c import UltralightC
from simulator.worlds.vehicle_world import SIGN_ON, pieces

pytestmark = pytest.mark.system
WRITE_RECORD = 0x3B
HEAP_SPARE_KIB = 24  # of what the simulated boards are given: heap in pieces cannot be used whole
SELLER_SPARE_KIB = 18  # the same for a device that sells and scans tickets on paper


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build_image(tmp_path_factory.mktemp("image") / "tornello.romfs")


@pytest.fixture
def bench(tmp_path, image):
    bench = Workbench(tmp_path, image=image.path)
    yield bench
    bench.close()


def answers(signals):
    return [detail for name, detail in signals if name == "answer"]


def slots(bench):
    """Return the sealed entries in the validator's flash, oldest first."""
    journal = Journal(Flash(FLASH_BYTES, bench.flash_path), JOURNAL_FIRST, JOURNAL_BLOCKS).mount()
    found = []
    for seq in range(1, journal.head_seq + 1):
        slot = bytearray(128)
        assert journal.read_slot(seq, slot)
        found.append(bytes(slot))
    return found


def entries(bench):
    """Return the types of the entries, boots left out."""
    types = [SLOT_HEADER.get(slot, "type") for slot in slots(bench)]
    return [entry_type for entry_type in types if entry_type not in (BOOT, CONFIG)]


@pytest.mark.requirement("D4", "D7", "D19")
def test_a_card_pays_at_a_real_micropython_process_with_the_heap_locked_in_the_window(bench):
    bench.power_on()
    signals = bench.tap()
    assert ("gate", "open") in signals and answers(signals) == ["ACCEPTED"]
    assert entries(bench) == [INTENT, OUTCOME]
    assert bench.board.journal == (bench.board.journal[0], 0)
    bench.world.run_for(HOUR_MS)
    assert answers(bench.tap(answer_lost(1))) == ["HOLD_AGAIN", "ACCEPTED_SETTLED"]
    assert entries(bench) == [INTENT, OUTCOME] * 2


def balance(bench):
    return read_image(bench.flash_path.with_name("card.json")).balance_cents


@pytest.mark.requirement("W-62", "W-64")
def test_a_party_is_paid_by_the_next_card_and_forgotten_with_its_tap_or_after_a_while(bench):
    bench.power_on()

    def paid(*messages, wait_ms=0):
        before = balance(bench)
        for message in messages:
            bench.board.press(message)
        bench.world.settle()
        bench.world.run_for(wait_ms)
        bench.tap()
        bench.world.run_for(HOUR_MS * 5 // 4)
        return before - balance(bench)

    alone = paid()
    assert alone > 0
    assert paid("party 1 0 0") == 2 * alone
    assert paid() == alone
    assert paid("party 1 0 0", wait_ms=KEPT_MS + 1000) == alone
    assert paid("party 99 0 0", "party 1 0") == alone
    assert bench.board.signals.count(("fault", "message")) == 2


@pytest.mark.requirement("W-62")
def test_a_party_outlasts_a_card_that_was_taken_away_too_soon(bench):
    bench.power_on()
    full = balance(bench)
    bench.tap()
    alone = full - balance(bench)
    bench.world.run_for(2 * HOUR_MS)
    bench.board.press("party 1 0 0")
    bench.world.settle()
    torn = Tear(command=WRITE_RECORD, cut=Cut("in", 0))
    assert answers(bench.tap(torn))[-1] == "TAP_AGAIN"
    assert answers(bench.tap())[-1] == "ACCEPTED"
    assert full - balance(bench) == 3 * alone > 0


@pytest.mark.requirement("D15")
def test_a_validator_killed_in_the_commit_settles_the_same_card_after_its_next_start(bench):
    bench.power_on()
    bench.board.field.plan(commit_lost())
    bench.board.cut_on_tear = True
    bench.board.lay(bench.card)
    bench.world.run(lambda: not bench.board.alive, "the validator to die", 1000)
    bench.board.take(bench.card)
    assert entries(bench) == [INTENT]
    bench.power_on()
    assert answers(bench.tap()) == ["ACCEPTED"]
    assert entries(bench) == [INTENT, OUTCOME, INTENT, OUTCOME]


@pytest.mark.requirement("W-89", "W-94", "D4", "D7", "D19")
def test_a_tourist_ticket_is_tapped_at_a_real_process_through_the_pn532_and_settled_after_a_tear(
    bench,
):
    """The MicroPython board proves 3DES, and nothing allocates between TICKET and the count."""
    bench.power_on()
    signals = bench.tap(card=bench.ticket)
    assert ("gate", "open") in signals and answers(signals) == ["ACCEPTED"]
    assert bench.ticket.image.counter == 2
    bench.world.run_for(HOUR_MS)
    assert answers(bench.tap(ACK_LOST, card=bench.ticket)) == ["HOLD_AGAIN", "ACCEPTED_SETTLED"]
    assert bench.ticket.image.counter == 3, "the field was off in between: the count showed"
    assert answers(bench.tap()) == ["ACCEPTED"], "a card and a ticket share a validator"
    assert entries(bench) == [TICKET, OUTCOME] * 2 + [INTENT, OUTCOME]
    stranger = UltralightC.blank(bytes.fromhex("04aabbccddeeff"), Prng(9).bytes)
    assert answers(bench.tap(card=stranger)) == ["REFUSED_NOT_GENUINE"]


@pytest.mark.requirement("W-94", "D15")
def test_a_validator_killed_before_a_tickets_count_settles_it_after_its_next_start(bench):
    bench.power_on()
    bench.board.field.plan(Tear(exchange=8, cut=Cut("in", 0)))
    bench.board.cut_on_tear = True
    bench.board.lay(bench.ticket)
    bench.world.run(lambda: not bench.board.alive, "the validator to die", 1000)
    bench.board.take(bench.ticket)
    assert entries(bench) == [TICKET] and bench.ticket.image.counter == 1
    bench.power_on()
    assert answers(bench.tap(card=bench.ticket)) == ["ACCEPTED"]
    assert entries(bench) == [TICKET, OUTCOME, TICKET, OUTCOME]


@pytest.mark.requirement("D13")
def test_a_start_is_journalled_with_the_hash_of_the_image_that_runs(bench, image):
    bench.power_on()
    opened = Sealer(bench.k_block).open_seal(slots(bench)[0])
    boot = BOOT_ENTRY.unpack(opened)
    assert boot["firmware"] == bytes.fromhex(image.sha256)[:16]
    assert boot["version"] == version_number(VERSION) and boot["open"] == 0
    bench.board.cut_power()
    bench.power_on()
    types = [SLOT_HEADER.get(slot, "type") for slot in slots(bench)]
    # Its lease was laid into the flash at the bench: the journal counts it from its first start on.
    assert types == [BOOT, CONFIG, BOOT]


def test_a_card_that_stays_is_answered_once_and_two_cards_are_asked_to_be_one(bench):
    bench.power_on()
    bench.board.lay(bench.card)
    bench.world.run_for(3000)
    assert answers(bench.board.signals) == ["ACCEPTED"]
    other = DesfireCard.blank(bytes.fromhex("04aabbccddeeff"), Prng(9).bytes)
    bench.board.lay(other)
    bench.world.run_for(100)
    assert answers(bench.board.signals)[-1] == "REFUSED_TWO_CARDS"
    bench.board.take(bench.card)
    bench.board.lay(other)
    bench.world.run_for(100)
    assert answers(bench.board.signals)[-1] == "REFUSED_NOT_GENUINE"


@pytest.mark.requirement("D19")
def test_the_same_world_gives_the_same_flash(tmp_path, image):
    images = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        bench = Workbench(tmp_path / name, image=image.path)
        bench.power_on()
        bench.tap()
        bench.close()
        images.append(bench.flash_path.read_bytes())
    assert images[0] == images[1]


def test_a_traced_validator_tells_of_its_slots_and_of_the_commit_between_them(tmp_path, image):
    bench = Workbench(tmp_path, trace=True, image=image.path)
    bench.power_on()
    traced = [row for row in bench.tap() if row[0] in ("flash", "sent")]
    bench.close()
    assert [name for name, _ in traced] == ["flash", "sent", "flash"]
    assert [detail.split()[2] for name, detail in traced if name == "flash"] == [
        str(INTENT), str(OUTCOME)
    ]  # fmt: skip
    assert traced[1] == ("sent", "C7")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_source_of_the_firmware_is_opened_only_the_image(bench, tmp_path):
    log = tmp_path / "opened"
    plain = bench.command
    bench.board.command = lambda board: ["strace", "-f", "-e", "trace=open,openat", "-o", str(log),
                                         *plain(board)]  # fmt: skip
    bench.power_on()
    bench.board.control.wake(STOP)
    assert bench.board.process.wait(timeout=150) == 0
    opened = log.read_text()
    assert str(bench.image) in opened
    assert f"{ROOT}/firmware/" not in opened and f"{ROOT}/card_layouts/" not in opened


@pytest.mark.requirement("W-94", "X-3")
def test_what_sells_and_inspects_tickets_is_not_in_a_validators_image(image):
    held = {name.rpartition(".")[2] for name in image.modules}
    assert {"tap_ticket", "tourist_ticket", "triple_des"} <= held
    assert not held & {"tourist_sale", "tourist_inspection", "triple_des_cpython"}
    texts = [path.read_text() for path in (image.joined, *image.apart)]
    seldom = {
        "tornello_cipher": ("class TripleDes",),
        "tornello_ticket": ("class TicketTap",),
        "tornello_signature": ("def verify_steps", "def sign_steps"),
        "tornello_sale": ("def order_steps", "def price_single"),
        "tornello_print": ("def print_steps", "def paper_lines"),
        "tornello_check": ("def check_steps",),
        "tornello_use": ("def use_steps",),
    }
    for own, words in seldom.items():
        for word in words:
            assert [p.name for p in image.apart if word in p.read_text()] == [f"{own}.py.txt"]
            assert word not in texts[0]
    for text in texts:
        assert "FACTORY_KEY" not in text and "def key_pages" not in text, "nothing that sells"


def test_the_same_sources_give_the_same_image_without_paths_of_this_machine(tmp_path, image):
    joined_anew = build_image(tmp_path / "tornello.romfs", keep=tmp_path / "joined")
    assert joined_anew.sha256 == image.sha256
    assert str(ROOT).encode() not in image.path.read_bytes()


@pytest.mark.full
@pytest.mark.parametrize(("sells", "spare"), [(False, HEAP_SPARE_KIB), (True, SELLER_SPARE_KIB)])
def test_boot_and_taps_leave_some_of_the_heap_over(sells, spare):
    assert smallest_heap_kib(sells) <= HEAP_KIB - spare


@pytest.fixture
def vehicle(tmp_path, image):
    bench = Workbench(tmp_path, image=image.path, sells=True)
    yield bench
    bench.close()


@pytest.mark.requirement("W-50", "W-51", "W-52", "W-99", "D9", "T14")
def test_a_vehicle_sells_prints_and_accepts_a_ticket_on_a_real_micropython(vehicle):
    vehicle.power_on()
    vehicle.say(SIGN_ON)
    assert vehicle.say("quote 0 0 0 1")[-1] == ("price", "300 60 16384")
    signals = vehicle.say("sell 1 0 0 0 1")
    assert ("sold", "1 1 300") in signals
    paper = [detail[5:] for name, detail in signals if name == "paper" and detail[:5] == "text "]
    assert paper[:3] == ["Koivula", "SINGLE TICKET", "Zones A"] and "Price 3.00 EUR" in paper
    code = paper_code(signals)
    ticket = Code(code).ticket
    assert (ticket["device"], ticket["serial"], ticket["price"]) == (11, 1, 300)
    assert answers(vehicle.scan(code)) == ["ACCEPTED"]
    assert answers(vehicle.scan(code)) == ["CODE_USED"]
    assert entries(vehicle) == [SHIFT, CASH_SALE, BARCODE, BARCODE]


@pytest.mark.requirement("W-50", "T16", "D9")
def test_a_vehicle_killed_while_it_signs_prints_the_same_ticket_after_its_next_start(vehicle):
    vehicle.power_on()
    vehicle.say(SIGN_ON)
    vehicle.board.press("sell 1 0 0 0 1")
    vehicle.world.run(lambda: entries(vehicle) == [SHIFT, CASH_SALE], "a sale", 60_000)
    assert not paper_code(vehicle.board.signals), "it is signed for a while"
    vehicle.board.cut_power()
    vehicle.power_on()
    vehicle.world.run_for(60_000)
    code = paper_code(vehicle.say("sell 1 0 0 0 1"))
    assert entries(vehicle) == [SHIFT, CASH_SALE] and Code(code).ticket["serial"] == 1
    assert answers(vehicle.scan(code)) == ["ACCEPTED"]


@pytest.mark.requirement("W-50", "D9")
def test_cards_and_tourist_tickets_are_answered_while_a_ticket_is_signed_or_checked(vehicle):
    vehicle.power_on()
    vehicle.say(SIGN_ON)
    code = paper_code(vehicle.say("sell 1 0 0 0 1"))
    vehicle.board.press("sell 2 0 0 0 1")
    signals = vehicle.tap()
    assert answers(signals) == ["ACCEPTED"] and ("sold", "2 2 300") in signals
    told = [name for name, _detail in signals if name in ("answer", "sold")]
    assert told == ["answer", "sold"], "the card did not wait for the paper"
    for message in pieces(code):
        vehicle.board.press(message)
    signals = vehicle.tap(card=vehicle.ticket)
    assert answers(signals) == ["ACCEPTED", "ACCEPTED"]
    assert entries(vehicle) == [
        SHIFT,
        CASH_SALE,
        INTENT,
        OUTCOME,
        CASH_SALE,
        TICKET,
        OUTCOME,
        BARCODE,
    ]
