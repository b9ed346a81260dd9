"""`./tornello sim tears`: lists, sums, and that planted mistakes end it with 1."""

import json
import re

import pytest

from simulator.commands import main as sim
from simulator.tears.plants import PLANTS
from simulator.tears.search import pairs
from tests import figures

pytestmark = pytest.mark.requirement("D30", "I14")
SUM = re.compile(r"bytes sent (\d+) \+ bytes received (\d+) \+ internal writes (\d+) = (\d+)")

LONG_LISTS = ("refund", "re-tap")
WRITES_OF_THE_COMMIT = [  # every cut leaves the card old or new
    "0 journal mark old",
    "1 file 1 in place new",
    "2 file 2 in place new",
    "3 file 8 in place new",
    "4 mark taken away new",
]


def said(capsys, *arguments):
    code = sim.main(["tears", *arguments])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    "flow",
    ["debit", "ticket", *(pytest.param(name, marks=pytest.mark.full) for name in LONG_LISTS)],
)
def test_the_list_has_a_line_for_every_byte_and_write_it_sums_up(capsys, flow):
    code, text = said(capsys, "--flow", flow, "--list")
    lines = text.splitlines()
    (at,) = [number for number, line in enumerate(lines) if SUM.fullmatch(line)]
    sent, received, writes, total = map(int, SUM.fullmatch(lines[at]).groups())
    assert code == 0 and at == total == sent + received + writes
    assert [int(line.split()[0]) for line in lines[:at]] == list(range(1, total + 1))
    assert sum(" step " in line for line in lines[:at]) == writes
    assert {line.split()[-1] for line in lines[:at]} <= {"old", "new", "same"}
    if flow == "debit":
        named = text.split("what a cut before each leaves:\n")[1].splitlines()
        assert [" ".join(line.split()) for line in named] == WRITES_OF_THE_COMMIT


def test_the_summary_counts_what_must_be_nothing(capsys):
    code, text = said(capsys, "--flow", "key", "--doubles", "classes", "--pairs", "5")
    assert code == 0
    assert "gate opened without commit 0, refused but charged 0, green but uncharged 0" in text
    assert "exceptions 0, wrong in the end 0, neither old nor new 0" in text
    assert "2 tears in a row: " in text and "5 random pairs from seed 1: 0 wrong" in text


def test_the_same_is_there_as_json(capsys):
    code, text = said(capsys, "--flow", "inspection", "--json")
    tree = json.loads(text)
    (flow,) = tree["flows"]
    assert code == 0 and set(tree["violations"].values()) == {0}
    assert len(flow["positions"]) == flow["bytes_sent"] + flow["bytes_received"] == 295
    code, text = said(capsys, "--flow", "inspection", "--list", "--json")
    assert json.loads(text) == flow


WANTED = {
    "no-mark": ("neither old nor new", 2),
    "early-gate": ("gate opened without commit", 15),
    "silence-is-no": ("refused but charged", 13),
    "free-ride": ("green but uncharged", 3 * 316),  # a debit without Debit is a transfer
    "count-first": ("exceptions", 141),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_mistake_is_found_and_ends_with_1(capsys, name):
    kind, count = WANTED[name]
    code, text = said(capsys, "--plant", name, "--json")
    tree = json.loads(text)
    assert code == 1 and tree["violations"][kind] == count
    assert tree["examples"] and "terminal 0 torn in exchange" in tree["examples"][0]
    figures.add("planted mistakes of a card or terminal found by tears", 1)


def test_a_planted_mistake_is_gone_afterwards(capsys):
    for _ in range(2):
        assert said(capsys, "--plant", "count-first")[0] == 1
        assert said(capsys, "--flow", PLANTS["count-first"].flow().name)[0] == 0


def test_random_pairs_find_mistakes_too_and_one_pair_is_played_again_by_its_seed():
    found = pairs(PLANTS["free-ride"].flow(), 3, 7)
    assert found.total == 3
    again = pairs(PLANTS["free-ride"].flow(), 1, 9)
    assert again.examples[0] == found.examples[2]


@pytest.mark.parametrize("arguments", [("--list",), ("--flow", "reading"), ("--pairs", "-1")])
def test_wrong_use_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        said(capsys, *arguments)
    assert end.value.code == 2
