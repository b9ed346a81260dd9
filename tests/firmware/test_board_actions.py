"""An action list on a real MicroPython process: loaded, torn, killed, settled."""

import pytest

from card_layouts.packages.action_list import LINE_BYTES, lines_at
from card_layouts.packages.manifest import ACTIONS
from card_layouts.records.entries import ACTION, BOOT, CONFIG, INTENT, OUTCOME
from card_layouts.records.slot import SLOT_HEADER
from edge_agent.counter.card_image import read_image
from firmware.journal import Journal
from firmware.package_slots import BLOCK_BYTES, HEAD_BYTES
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST, PACKAGES
from firmware.tools.build_image import build_image
from simulator.bench.workbench import HOUR_MS, LOAD, Workbench
from simulator.field import answer_lost, commit_lost
from simulator.flash import Flash

pytestmark = [pytest.mark.system, pytest.mark.requirement("W-143", "D9", "I11", "D4")]
PURSE, FARE = 2000, 240


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return build_image(tmp_path_factory.mktemp("image") / "tornello.romfs")


@pytest.fixture
def bench(tmp_path, image):
    bench = Workbench(tmp_path, cents=PURSE, image=image.path)
    bench.list_actions(LOAD)
    bench.power_on()
    yield bench
    bench.close()


def types(bench):
    journal = Journal(Flash(FLASH_BYTES, bench.flash_path), JOURNAL_FIRST, JOURNAL_BLOCKS).mount()
    slot, found = bytearray(128), []
    for seq in range(1, journal.head_seq + 1):
        assert journal.read_slot(seq, slot)
        found.append(SLOT_HEADER.get(slot, "type"))
    return found


def entries(bench):
    return [entry_type for entry_type in types(bench) if entry_type not in (BOOT, CONFIG)]


def balance(bench):
    return read_image(bench.flash_path.with_name("card.json")).balance_cents


def told(signals, name):
    return [detail for signal, detail in signals if signal == name]


def test_a_listed_load_and_its_fare_on_a_real_process(bench):
    assert ("package", "actions 1 switched") in bench.board.signals
    signals = bench.tap()
    assert told(signals, "answer") == ["ACCEPTED"] and ("gate", "open") in signals
    assert told(signals, "action") == ["kind 5 cents 1000"]
    assert entries(bench) == [ACTION, OUTCOME, INTENT, OUTCOME]
    assert balance(bench) == PURSE + 1000 - FARE
    bench.world.run_for(2 * HOUR_MS)
    signals = bench.tap()
    assert told(signals, "action") == ["done"] and balance(bench) == PURSE + 1000 - 2 * FARE


def test_a_lost_answer_is_settled_in_the_same_field_and_the_fare_is_taken(bench):
    signals = bench.tap(answer_lost(1))
    assert told(signals, "answer") == ["LOAD_AGAIN", "ACCEPTED"]
    assert entries(bench) == [ACTION, OUTCOME, INTENT, OUTCOME]
    assert balance(bench) == PURSE + 1000 - FARE


def test_a_validator_killed_in_the_loads_commit_settles_it_after_its_next_start(bench):
    bench.board.field.plan(commit_lost())
    bench.board.cut_on_tear = True
    bench.board.lay(bench.card)
    bench.world.run(lambda: not bench.board.alive, "the validator to die", 1000)
    bench.board.take(bench.card)
    assert entries(bench) == [ACTION]
    bench.power_on()
    assert told(bench.tap(), "answer") == ["ACCEPTED"]
    assert entries(bench) == [ACTION, OUTCOME] * 2 + [INTENT, OUTCOME]
    assert balance(bench) == PURSE + 1000 - FARE


@pytest.mark.requirement("T9")
def test_a_list_whose_flash_went_bad_is_left_alone_and_journalled_once(tmp_path, image):
    bench = Workbench(tmp_path, cents=PURSE, image=image.path)
    bench.list_actions(LOAD)
    first = next(block for role, block, _blocks in PACKAGES if role == ACTIONS)
    line = first * BLOCK_BYTES + HEAD_BYTES + lines_at({"buckets": 1})
    with bench.flash_path.open("r+b") as flash:
        flash.seek(line + LINE_BYTES - 1)
        flash.write(b"\0")
    bench.power_on()
    configured = types(bench).count(CONFIG)
    assert told(bench.tap(), "answer") == ["ACCEPTED"]
    bench.world.run_for(2 * HOUR_MS)
    assert told(bench.tap(), "answer") == ["ACCEPTED"]
    bench.close()
    assert entries(bench) == [INTENT, OUTCOME] * 2 and balance(bench) == PURSE - 2 * FARE
    assert types(bench).count(CONFIG) == configured + 1
