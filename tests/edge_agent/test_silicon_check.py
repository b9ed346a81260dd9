"""`card check-silicon`: our card answers as we expect, another one is found out, all is covered."""

import argparse
import json
import re

import pytest

from edge_agent.counter import silicon_check
from edge_agent.counter.desk import CounterError
from edge_agent.counter.silicon_answers import EVIDENCE
from edge_agent.counter.silicon_points import NOT_ASKED, POINTS
from edge_agent.counter.silicon_special import SPECIAL, TICKET
from simulator.desfire_card import (
    Cut,
    DesfireCard,
    card,
    commands_content,
    image_to_json,
    transaction,
)
from simulator.desfire_card.channel import Ev1Channel
from simulator.desfire_card.image import CardKey
from simulator.field import Tear, commit_torn
from simulator.prng import Prng
from simulator.tears.plants import commit_unmarked
from simulator.ultralight_c import UltralightC
from tests import figures
from tests.edge_agent.table_reader import desk_with

pytestmark = pytest.mark.requirement("D4", "D7")
UID = bytes.fromhex("04112233445566")


class TickingClock:
    """Every look is a millisecond later."""

    now_ms = 0

    def monotonic_ms(self):
        self.now_ms += 1
        return self.now_ms


def factory_card():
    return DesfireCard.blank(UID, Prng(1).bytes)


def options(*arguments):
    parser = argparse.ArgumentParser(description="check-silicon.")
    silicon_check.add_options(parser)
    return parser.parse_args(arguments)


def check(on_table, *arguments, report, ask=lambda words: pytest.fail(words), desk=None):
    """Run the command; return (exit code, checks by id, what the report says about the card)."""
    desk = (desk or desk_with(on_table))._replace(clock=TickingClock())
    code = silicon_check.run(options("--yes", "--report", str(report), *arguments), desk, ask)
    tree = json.loads(report.read_text())
    return code, {row["id"]: row for row in tree.pop("checks")}, tree


@pytest.fixture
def report(tmp_path):
    return tmp_path / "report.json"


def different(checks):
    return {name for name, row in checks.items() if row["verdict"] == "DIFFERENT"}


def test_our_card_answers_every_check_as_we_expect(report):
    made = factory_card()
    code, checks, about = check(made, "--all", report=report)
    assert code == 0 and not different(checks)
    left_out = {name for name, row in checks.items() if row["verdict"] == "not asked"}
    assert left_out == {"N.1", "N.2", "7.8", *NOT_ASKED}
    assert len(checks) - len(left_out) > 300 and checks["7.7"]["verdict"] == "measured"
    assert about["card"] == "DESFire" and about["version"].startswith("0401010100")
    figures.add("checks for a real card, answered by ours", len(checks) - len(left_out))


def test_every_cell_we_are_unsure_of_has_a_check(report):
    _, checks, _ = check(factory_card(), report=report)
    unsure = {f"{command} {status}" for (command, status), tag in EVIDENCE.items() if tag in "P?"}
    assert unsure <= set(checks)
    assert all(checks[name]["verdict"] != "not asked" or name in NOT_ASKED for name in unsure)


def test_every_point_of_card_md_section_7_has_a_check():
    names = [point.id for point in POINTS] + [row[0] for row in (*SPECIAL, *TICKET)]
    there = {int(re.match(r"7\.(\d+)", name).group(1)) for name in names if name.startswith("7.")}
    # 3 is LimitedCredit with its flag off: a cell of the table.
    assert there | {3} == set(range(1, 12)) and EVIDENCE["1C", "9D"] == "?"


def test_the_card_is_given_back_as_the_factory_made_it(report):
    made = factory_card()
    before = image_to_json(made.image)
    check(made, report=report)
    assert image_to_json(made.image) == before


def test_no_uid_and_no_date_of_making_are_in_the_report(report):
    check(factory_card(), report=report)
    assert UID.hex() not in report.read_text().lower()


def test_a_card_that_wants_the_write_right_for_debits_is_found_out(report, monkeypatch):
    """The first point of card.md section 7: our purse would not work on such a card."""
    allowed = commands_content.comm_for

    def stricter(channel, comm, rights, nibbles, *free_get):
        if len(nibbles) == 3 and not free_get:  # a Debit: any of the three rights
            nibbles = (commands_content.WRITE, commands_content.READ_WRITE)
        return allowed(channel, comm, rights, nibbles, *free_get)

    monkeypatch.setattr(commands_content, "comm_for", stricter)
    code, checks, _ = check(factory_card(), report=report)
    assert code == 1 and different(checks) == {"7.1a", "7.1b"}
    assert checks["7.1a"]["found"] == "AE (already at @enc DC 10 01000000)"


def test_a_card_with_another_status_is_found_out_and_shown(report, monkeypatch, capsys):
    monkeypatch.setattr(card, "COMMAND_ABORTED", 0x1C)
    code, checks, _ = check(factory_card(), report=report)
    assert code == 1
    assert different(checks) == {name for name in checks if name.endswith(" CA")}
    assert "our card: CA   this card: 1C" in capsys.readouterr().out


def test_nothing_is_done_without_the_word(report):
    made, asked = factory_card(), []

    def ask(words):
        asked.append(words)
        return "yes"

    with pytest.raises(CounterError, match="nothing was done"):
        silicon_check.run(options(), desk_with(made), ask)
    assert "THIS WIPES THE CARD" in asked[0]

    def nobody(words):
        raise EOFError

    with pytest.raises(CounterError, match="nothing was done"):
        silicon_check.run(options(), desk_with(made), nobody)
    assert image_to_json(made.image) == image_to_json(factory_card().image)


def test_a_card_with_another_key_is_left_alone(report):
    made = factory_card()
    made.image.picc_key = CardKey("AES", b"k" * 16, 1)
    before = image_to_json(made.image)
    with pytest.raises(CounterError, match="neither the factory's nor zero"):
        check(made, report=report)
    assert image_to_json(made.image) == before


def lifting(desk):
    """Return an `ask` that takes the card away in the middle of the next commit."""
    reader = desk.open_reader("")

    def ask(words):
        if words.startswith("Lift"):
            step = 1 + int(words.split()[1]) % 4
            reader.field.plan(commit_torn(step, back_after_polls=1))

    return ask


def test_a_card_lifted_in_its_commit_is_whole(report):
    desk = desk_with(factory_card())
    code, checks, _ = check(None, "--hand", report=report, ask=lifting(desk), desk=desk)
    assert code == 0 and checks["7.8"]["verdict"] == "same as model"


def test_a_card_that_tears_its_commit_is_found_out(report, monkeypatch):
    monkeypatch.setattr(transaction, "commit", commit_unmarked)
    desk = desk_with(factory_card())
    code, checks, _ = check(None, "--hand", report=report, ask=lifting(desk), desk=desk)
    assert code == 1 and different(checks) == {"7.8"}
    assert checks["7.8"]["found"].startswith("mixed: the files are ")


@pytest.mark.parametrize(
    ("at_once", "found"), [(False, "+0, then +1"), (True, "+1, then +1")], ids=["ours", "other"]
)
def test_an_ultralight_is_asked_for_its_counter(report, at_once, found):
    made = UltralightC.blank(UID, Prng(1).bytes)
    made.image.counter = 5
    made.at_once = at_once
    code, checks, about = check(made, report=report)
    assert checks["7.11"]["found"] == found and about["card"] == "Ultralight"
    assert code == (1 if at_once else 0)


def test_what_was_answered_is_kept_when_the_card_is_taken_away(report):
    made = factory_card()
    desk = desk_with(made)
    reader = desk.open_reader("")
    reader.field.plan(Tear(exchange=700, cut=Cut("in", 0)))
    with pytest.raises(CounterError, match="the card is gone; lay it on the reader"):
        check(made, report=report, desk=desk)
    checks = json.loads(report.read_text())["checks"]
    assert 20 < len(checks) < 240


def test_a_card_whose_mac_is_wrong_is_told_of_and_not_believed(report, monkeypatch):
    """The MAC of answers only: the card is no DESFire at all, and every scene fails by name."""
    sound = Ev1Channel.plain_out
    monkeypatch.setattr(
        Ev1Channel, "plain_out", lambda self, data: sound(self, data)[:-1] + b"\x00"
    )
    with pytest.raises(CounterError, match="does not take the factory's key back"):
        check(factory_card(), report=report)
    checks = json.loads(report.read_text())["checks"]
    assert any("wrong MAC" in row["found"] for row in checks)


def test_a_report_of_lines_can_be_read_without_a_program(tmp_path):
    path = tmp_path / "report.txt"
    desk = desk_with(factory_card())._replace(clock=TickingClock())
    silicon_check.run(options("--yes", "--report", str(path)), desk)
    assert "7.2 | GetValue through the write right alone | @app; " in path.read_text()


def test_an_answer_the_air_lost_is_asked_for_once_more(report):
    desk = desk_with(factory_card())
    gone = [Tear(exchange=at, cut=Cut("in", 0), back_after_polls=1) for at in (90, 333, 700)]
    desk.open_reader("").field.plan(*gone)
    code, checks, _ = check(None, report=report, desk=desk)
    assert code == 0 and not different(checks)
    assert desk.open_reader("").field.tears_met == gone
