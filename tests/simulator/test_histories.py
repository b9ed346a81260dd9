"""Histories: they hold, they are the same every time, and what is planted is found."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from backend_sync.actions import facts
from backend_sync.ledger.ledger import Ledger
from simulator.commands import main as sim
from simulator.commands.canary import MISFITS, SEEDS, search
from simulator.commands.run import FULL_SET, Totals
from simulator.field import Tear
from simulator.histories import settled_days, tourists
from simulator.histories.canary import CANARIES, planted
from simulator.histories.card_faults import CARD_FAULTS
from simulator.histories.dock_faults import DOCK_FAULTS
from simulator.histories.events import LIFE, draw, from_json, to_json
from simulator.histories.faults import ATLAS, DOCK, LOAD, TAP, TICKET, WORLD
from simulator.histories.mended import MENDED
from simulator.histories.options import draw_options
from simulator.histories.play import play
from simulator.histories.prices import DAY_S, HOME, START_S
from simulator.histories.shrink import shrink
from simulator.histories.tourists import TICKET_FAULTS
from simulator.histories.violations import SMALL, VIOLATIONS, fires
from simulator.histories.world_faults import WORLD_FAULTS
from tests import figures

ROOT = Path(__file__).resolve().parents[2]
PINNED = Path(__file__).parent / "pinned"
FIXED, FULL = FULL_SET, 200
TAPS, FULL_TAPS = 60, 120
SAYS = {  # of invariants that can be broken in several ways
    "I5 posted": "the entries heard sum to",
    "I10": "counts 2 times",
    "I10 changed": "is not what it was when it was given out",
    "I10 invented": "which no books ever held",
    "I10 left out": "is posted and in no batch",
    "I10 posted twice": "was posted twice",
    "I10 outside": "an outsider finds in batch-000001.cbor",
    "I12": "the ledger held",
    "I12 gone": "which nobody else holds",
    "I12 believed": "believes",
    "I16 written off": "was written off after",
}
EASY = ("intent-late", "silence-is-yes", "one-cent-more", "half-a-list", "half-the-way-further")
INVARIANTS = [f"I{number}" for number in range(1, 17)]


def holds(seed, taps=TAPS):
    found = play(draw_options(seed, taps))
    replay = f"./tornello sim replay --seed {seed} --taps {taps}"
    assert found.violation == "", f"{found.violation}; {replay}"
    figures.add("taps lived through in histories", found.taps)
    figures.add("faults struck in histories", sum(found.injected.values()))
    return found


@pytest.mark.requirement("T1", "T11", "T12", "T16", "T17", "T24", "D19", *INVARIANTS)
@pytest.mark.parametrize("seed", range(1, FIXED + 1))
def test_a_history_of_a_fixed_seed_holds(seed):
    """When all have been played, what none of them had fails the run (tests/conftest.py)."""
    figures.share(f"{FIXED} fixed histories", FIXED, Totals([holds(seed)]).wanted())


@pytest.mark.requirement("T1", "T11")
def test_a_history_nobody_has_seen_before_holds():
    seed = 1_000_000 + secrets.randbelow(1_000_000_000)
    print(f"fresh seed {seed}")
    holds(seed)


@pytest.mark.full
@pytest.mark.requirement("T1", "T11", "T12", "T16", "T17", "T24")
@pytest.mark.parametrize("seed", range(FIXED + 1, FULL + 1))
def test_many_more_histories_hold(seed):
    holds(seed, FULL_TAPS)


@pytest.mark.system
@pytest.mark.requirement("D19")
def test_the_same_seed_gives_the_same_hash_in_every_process():
    said = set()
    for hash_seed in ("0", "4711"):
        command = [
            sys.executable,
            "-m",
            "simulator.commands.main",
            "hash",
            "--seed",
            "5",
            "--taps",
            "40",
        ]
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        said.add(subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True).stdout)
    (line,) = said
    assert line.startswith("trace ") and "state -" not in line


def test_every_fault_of_the_atlas_has_a_function_and_a_threat():
    for fault in ATLAS:
        on = [DOCK_FAULTS] if DOCK in fault.on else []
        on += [CARD_FAULTS] if TAP in fault.on or LOAD in fault.on else []
        on += [TICKET_FAULTS] if TICKET in fault.on else []
        on += [WORLD_FAULTS] if WORLD in fault.on else []
        assert on and all(fault.name in table for table in on), fault.name
        assert fault.threat.startswith("T") and fault.must
    named = {*CARD_FAULTS, *DOCK_FAULTS, *TICKET_FAULTS, *WORLD_FAULTS}
    assert named == {fault.name for fault in ATLAS}


@pytest.mark.requirement("T1")
def test_tickets_are_torn_by_a_fault_of_the_atlas_and_by_nothing_else(monkeypatch):
    """They were torn without being asked for: --no-faults did not keep them whole."""
    planned = []
    monkeypatch.setattr(tourists, "Tear", lambda *tear: planned.append(tear) or Tear(*tear))
    plain = draw_options(5, 5, ())._replace(tickets=2)
    assert play(plain).violation == "" and not planned
    found = play(plain._replace(faults={"ticket-torn": 1000}))
    assert found.violation == "" and len(planned) >= found.injected["ticket-torn"] >= 3


@pytest.mark.requirement(*INVARIANTS)
@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_made_by_hand_is_noticed(name):
    said = fires(name)
    assert said.startswith(name.split()[0] + ":")
    assert SAYS.get(name, "") in said, "another check of the same invariant would do"


@pytest.mark.parametrize("name", EASY)
def test_a_planted_bug_is_found(name):
    seed, said = search(name, 5)
    assert seed, said


@pytest.mark.parametrize("name", sorted(set(CANARIES) - set(EASY)))
def test_a_bug_that_takes_many_seeds_still_fits_the_program_it_is_planted_in(name):
    with planted(name):
        short = draw_options(1, 5)._replace(**SMALL)
        assert not play(short).violation.startswith(MISFITS)


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(set(CANARIES) - set(EASY)))
def test_every_planted_bug_is_found(name):
    assert search(name, SEEDS)[0]


@pytest.mark.requirement("T9")
def test_an_older_package_that_is_let_in_is_found_by_its_version():
    options = draw_options(6, 30, ())._replace(
        tariffs=2, sync_hours=4, gates=2, edges=1, days=2, faults={"packages-old": 400}
    )
    with planted("any-version"):
        assert play(options).invariant == "T9"
    assert play(options).violation == ""


@pytest.mark.requirement("I12", "T12")
def test_a_board_alone_that_believes_every_acknowledgement_is_found():
    options = draw_options(3, 60, ())._replace(
        sync_hours=6, gates=2, edges=1, days=2, faults={"edge-hostile": 300}
    )
    with planted("any-chain"):
        assert play(options).invariant == "I12"
    assert play(options).violation == ""


@pytest.mark.requirement("I11", "D9")
def test_loads_bought_on_the_web_are_carried_out_by_gates_whatever_lists_an_edge_offers():
    life = {"online": 12, "days": 3, "reported": 0}
    options = draw_options(5, 30, ())._replace(**life, faults={"actions-old": 400})
    found = play(options)
    assert found.violation == "" and found.injected["actions-old"]
    assert found.lived["load carried out by a gate"] > 3


@pytest.mark.requirement("I11", "D9", "D16")
def test_restored_books_pay_nothing_back_that_a_gate_may_have_loaded():
    """Without what they know of forgotten lists: "2002 cents went back, and are on the card"."""
    options = draw_options(12, 60)
    faults = {name: options.faults[name] for name in options.faults if name != "page-corrupted"}
    faults["ledger-restored"] = 250
    options = options._replace(
        online=10, days=2, keep_days=30, cards=min(4, options.cards), faults=faults
    )
    with patch.object(facts, "forgotten_until", lambda database: 0):
        assert play(options).invariant == "I11"
    found = play(options)
    assert found.violation == "" and found.injected["ledger-restored"] >= 2
    assert found.lived["order paid back"] and found.lived["order withdrawn"]


@pytest.mark.requirement("I10", "D25", "T24")
@pytest.mark.parametrize("after", [False, True])
def test_a_day_is_closed_once_though_the_ledger_is_killed_while_it_closes_it(after):
    close, died, statements = settled_days._close, [], iter(range(1, 100, 4))

    def killed_first(world, day):
        world.start_ledger()
        world.inland.kill_at(next(statements), after)
        close(world, day)
        died.append(world.inland.service is None)
        world.inland.kill_at(-1, False)
        world.start_ledger()
        close(world, day)

    with patch.object(settled_days, "_close", killed_first):
        found = play(draw_options(4, 30, ("broker-late",))._replace(days=4))
    assert found.violation == "" and sum(died) > 2 and found.lived["day closed"] > 2


@pytest.mark.requirement("I4", "T11")
def test_what_comes_a_week_late_is_waited_for_and_changes_nothing():
    options = draw_options(3, 40, ())._replace(days=1, faults={"broker-late": 400})
    post = Ledger.post

    def moves_a_cent(ledger, batches):
        said = post(ledger, batches)
        if batches and ledger.clock.utc_seconds() > START_S + 4 * DAY_S:
            with ledger.books() as books:
                lines = [(f"CASH:late:{HOME}", HOME, -1), (f"REV:{HOME}:0", HOME, 1)]
                books.transfer("late:1", "LATE", lines)
        return said

    with patch.object(Ledger, "post", moves_a_cent):
        assert play(options).invariant == "I4"
    found = play(options)
    assert found.violation == "" and found.checked["drained"] == 2


def test_a_failure_among_hundreds_of_events_shrinks_to_a_dozen():
    options = draw_options(6, 200, ("answer-lost",))
    events = draw(options)
    with planted("silence-is-no"):
        small = shrink(options, events, 150)
    assert len(events) > 200 and small is not None and len(small.events) <= 12
    options, events = from_json(to_json(options, small.events))
    with planted("silence-is-no"):
        assert play(options, events).violation == small.played.violation
    assert play(options, events).violation == ""


LONG = ("hole",)  # it takes a ring of blocks that was filled and acknowledged


def pinned():
    return sorted(PINNED.glob("*.json"), key=lambda path: path.stem)


def test_every_bug_that_was_mended_has_a_pinned_history():
    assert {path.stem for path in pinned()} == set(MENDED)


@pytest.mark.requirement("T1", "T11", "T12", "T17", "W-89")
@pytest.mark.parametrize("path", pinned(), ids=lambda path: path.stem)
def test_a_pinned_history_holds_and_fails_with_the_bug_it_found(path):
    history = from_json(path.read_text())
    assert len(history[1]) <= (60 if path.stem in LONG else 12)
    assert play(*history).violation == ""
    with planted(path.stem):
        assert play(*history).violation


def test_the_same_events_are_drawn_whatever_else_a_history_has():
    options = draw_options(11, 40, ())
    more = options._replace(tickets=options.tickets + 1, tariffs=2, passes=3)
    plain = [event for event in draw(options) if event.what not in LIFE]
    assert plain == [event for event in draw(more) if event.what not in LIFE]


def test_commands_end_with_their_codes(capsys, tmp_path):
    page = tmp_path / "history.html"
    assert sim.main(["run", "--seed", "3", "--taps", "10", "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert "taps/s" in said and "checked" in said and page.read_text().count("<circle") > 10
    assert sim.main(["explain", "--seed", "3", "--taps", "10", "--about", "desk"]) == 0
    assert "docks at depot-1" in capsys.readouterr().out
    with planted("one-cent-more"):
        assert sim.main(["run", "--seed", "3", "--taps", "10", "--no-faults"]) == 1
        line = capsys.readouterr().out.splitlines()[-1]
        assert "WRONG" in line and "./tornello sim replay --seed 3 --taps 10 --no-faults" in line
        assert sim.main(["run", "--seed", "3", "--taps", "10", "--no-faults", "--json"]) == 1
    tree = json.loads(capsys.readouterr().out)
    assert tree["violations"] and [f"WRONG {row}" for row in tree["wrong"]] == [line]
    with pytest.raises(SystemExit) as wrong_use:
        sim.main(["run", "--faults", "nonsense"])
    assert wrong_use.value.code == 2
