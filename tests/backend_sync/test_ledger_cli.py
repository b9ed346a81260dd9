"""`tornello ledger ...` on a real folder: reports, one card, replay, imports, bad input."""

import json
import sqlite3

import pytest

from backend_sync.ledger.main import main
from card_layouts.records.entries_tap import OUTCOME_ABORTED
from tests.backend_sync.builders import World


@pytest.fixture
def folder(tmp_path):
    """A folder as the demo keeps it: ledger.db and keyring/; nothing is running."""
    world = World(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    card, first, second = world.cards[0], world.devices[1], world.devices[2]
    world.ledger.import_sales([("s1", 1, 2000, "counter", 5)])
    first.load(card)
    first.tap(card)
    second.outcome(second.intent(card), OUTCOME_ABORTED)
    second.intent(card)
    world.post()
    (tmp_path / "issues.bin").write_bytes(world.plastic(0)[1] + world.plastic(50)[1])
    world.close()
    return tmp_path


def asked(capsys, *arguments):
    code = main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.requirement("D27")
def test_report_says_every_total_and_one_sentence(folder, capsys):
    code, found = asked(capsys, "report", folder, "--cards")
    assert code == 0 and found["ledger_cards_cents"] == 1700
    assert found["open_intents"] == 1 and len(found["card_rows"]) == 2
    assert main(["report", str(folder / "ledger.db")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Not settled: 1 open."


@pytest.mark.requirement("D27", "R-19")
def test_verify_fails_when_a_posting_is_missing(folder, capsys):
    assert asked(capsys, "verify", folder)[0] == 0
    plain = sqlite3.connect(folder / "ledger.db")
    plain.execute("DROP TRIGGER postings_no_delete")
    plain.execute("DELETE FROM postings WHERE pending = (SELECT max(pending) FROM postings)")
    plain.commit()
    plain.close()
    code, found = asked(capsys, "verify", folder)
    assert code == 1 and found["lost"] == 1


@pytest.mark.requirement("D21")
def test_the_trial_balance_sums_to_zero(folder, capsys):
    code, found = asked(capsys, "trial-balance", folder)
    assert code == 0 and found["sum"] == 0
    assert ["LIAB", "EUR", 1700, 1] in found["accounts"]


@pytest.mark.requirement("D1", "D11")
def test_card_opens_by_account_or_pseudonym_and_never_by_printed_number(folder, capsys):
    code, found = asked(capsys, "card", folder, "--card", "1")
    assert code == 0
    assert [c["state"] for c in found["commits"]] == ["posted", "posted", "voided", "open"]
    assert asked(capsys, "card", folder, "--card", found["pseudonym"][:8])[1] == found
    assert main(["card", str(folder), "--card", "31000000"]) == 2
    assert "no card" in capsys.readouterr().err


@pytest.mark.requirement("D22")
def test_open_gaps_and_forks_are_lists(folder, capsys):
    [row] = asked(capsys, "open", folder)[1]
    assert (row["device"], row["seq"], row["cents"]) == (2, 3, 300)
    assert [g["watermark"] for g in asked(capsys, "gaps", folder)[1]] == [4, 3]
    assert asked(capsys, "forks", folder) == (0, [])


@pytest.mark.requirement("D13", "D16")
def test_replay_opens_every_slot_and_under_swapped_devices_none(folder, capsys):
    code, found = asked(capsys, "replay", folder)
    assert (code, found["accepted"], found["refused"], found["different"]) == (0, 7, 0, 0)
    code, found = asked(capsys, "replay", folder, "--swap-devices")
    assert (code, found["accepted"], found["refused"]) == (0, 0, 7)
    assert found["by_reason"] == {"bad seal": 7}


@pytest.mark.requirement("D11", "D21")
def test_cards_and_sales_are_brought_in_once(folder, capsys):
    sales = folder / "sales.json"
    sales.write_text(
        json.dumps([{"sale_id": 2, "action_id": 9, "cents": 500, "channel": 1, "time": 7}])
    )
    for new in (1, 0):
        assert asked(capsys, "import-issues", folder, "--file", folder / "issues.bin")[1] == {
            "new": new
        }
        assert asked(capsys, "import-sales", folder, "--file", sales)[1] == {"new": new}
    assert asked(capsys, "lapse", folder)[1] == {"lapsed": 1}  # the machine's clock is years later


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "{}/none.db"), "no such ledger"),
        (("report", "sqlite:///{}/none.db"), "no such ledger"),
        (("import-issues", "{}", "--file", "{}/short.bin"), "wanted rows of 64"),
        (("import-issues", "{}", "--file", "{}/absent.bin"), "No such file"),
        (("import-issues", "{}", "--file", "{}/blank.bin"), "ISSUE.state"),
        (("import-sales", "{}", "--file", "{}/short.bin"), "not a list of sales"),
        (("report", "{}/short.bin"), "not a database"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(folder, capsys, arguments, words):
    (folder / "short.bin").write_bytes(b"x" * 63)
    (folder / "blank.bin").write_bytes(bytes(64))
    assert main([a.format(folder) for a in arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err and len(said.err.splitlines()) == 1 and not said.out


@pytest.mark.requirement("D20")
def test_reading_changes_nothing(folder, capsys):
    before = (folder / "ledger.db").read_bytes()
    for command in ("report", "verify", "gaps", "forks", "open", "trial-balance"):
        main([command, str(folder)])
    capsys.readouterr()
    assert (folder / "ledger.db").read_bytes() == before
