"""`tornello ledger ...` on a real folder: reports, one card, replay, imports, bad input."""

import json
import sqlite3

import pytest

from backend_sync.ledger.main import main
from card_layouts.records.entries_tap import OUTCOME_ABORTED
from simulator.worlds.product_tariff import product_tariff
from simulator.worlds.small_tariffs import count_tariff, mounted
from simulator.worlds.tap_world import NOW
from tests.backend_sync.audited_worlds import Town, open_keyring, open_ledger, post
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.test_ledger_money import rated
from tests.firmware.product_worlds import HOUR_S, SEASON


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
    [row] = asked(capsys, "open", folder)[1]["intents"]
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


@pytest.fixture
def town(tmp_path):
    """A folder with one card, an honest tap and one of a gate that sees no right; nothing told."""
    ring = open_keyring(tmp_path / "keyring")
    played = Town(SEASON)
    played.tap(NOW)
    played.tap(NOW + HOUR_S, 2)
    books = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", ring)
    post(books, played.slots())
    books.close()
    ring.close()
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "authority-244.ttar").write_bytes(product_tariff(AUTHORITY))
    given = played.batch()
    row = {"authority": given.authority, "batch": given.batch, "head": given.head.hex()}
    (tmp_path / "town.batches").write_text(json.dumps([row]))
    (tmp_path / "town.issues").write_bytes(played.issue_row())
    return tmp_path


@pytest.mark.requirement("D14", "D27", "O-17")
def test_a_wrong_choice_is_found_and_named_by_command(town, capsys):
    assert asked(capsys, "audit", town)[1]["because"] == {"card made elsewhere": 2}
    batches = town / "town.batches"
    assert asked(capsys, "import-issues", town, "--file", town / "town.issues") == (0, {"new": 1})
    assert asked(capsys, "import-batches", town, "--file", batches) == (0, {"new": 1})
    assert asked(capsys, "import-batches", town, "--file", batches) == (0, {"new": 0})
    code, found = asked(capsys, "audit", town)
    assert (code, found["cards"], found["same"], found["differences"]) == (1, 1, 1, 1)
    assert asked(capsys, "audit", town)[1]["cards"] == 0
    assert asked(capsys, "audit", town, "--again")[1] == found
    code, [row] = asked(capsys, "differences", town)
    assert (code, row["device"]) == (1, 4713) and "from the purse" in row["validator"]
    assert main(["differences", str(town)]) == 1
    assert "device 4713 epoch 2 seq 1: the validator 2.50" in capsys.readouterr().out
    assert asked(capsys, "verify", town)[0] == 1


@pytest.mark.requirement("D27")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "not a list of batches"),
        ('[{"authority": 1, "batch": 2, "head": "00"}]', "S:"),
        ('[{"authority": 1, "batch": 2}]', "head is missing"),
        ("[1]", "not a list of batches"),
    ],
)
def test_a_file_that_holds_no_batches_is_one_sentence(town, text, words, capsys):
    (town / "wrong").write_text(text)
    assert main(["import-batches", str(town), "--file", str(town / "wrong")]) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


@pytest.mark.requirement("O-17")
def test_a_wrong_price_on_a_card_made_elsewhere_is_named_too(tmp_path, capsys):
    tariffs = {(AUTHORITY, 1): mounted(count_tariff([[300]], AUTHORITY))}
    world = World(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}", tariffs=tariffs)
    world.devices[1].load(world.cards[0])
    rated(world.devices[1], world.cards[0], more=1)
    world.post()
    world.close()
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "a.ttar").write_bytes(count_tariff([[300]], AUTHORITY))
    code, [row] = asked(capsys, "differences", tmp_path)
    assert code == 1
    assert row["validator"] == "3.01 (full 3.01): charge by product 1, zones 1, from the purse"
    assert row["ledger"] == "3.00 (full 3.00): charge by product 1, zones 1, from the purse"


# Whether the books are whole, and copies of them ----------------------------------------


@pytest.mark.requirement("X-14", "D16")
def test_a_posting_set_to_nothing_is_refused_and_then_named(folder, capsys):
    plain = sqlite3.connect(folder / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match="postings is append-only"):
        plain.execute("update postings set cents=0")
    code, found = asked(capsys, "verify-chain", folder)
    assert (code, found["wrong"], found["keyring"]) == (0, [], "")
    plain.execute("drop trigger postings_no_update")
    plain.execute("update postings set cents=0 where id=1")
    plain.commit()
    plain.close()
    assert main(["verify-chain", str(folder)]) == 1
    words = capsys.readouterr().out
    assert "postings 1: was changed: mark " in words and "want cents -2000" in words
    assert "1 are not as they were sealed" in words


@pytest.mark.requirement("D16", "D20")
def test_a_backup_is_made_compared_and_restored_by_command(folder, capsys):
    copy = folder / "books-1.db"
    code, made = asked(capsys, "backup", folder, str(copy))
    assert code == 0 and made["bytes"] == copy.stat().st_size
    assert asked(capsys, "lapse", folder)[0] == 0
    code, found = asked(capsys, "verify-chain", folder, "--against", str(copy))
    assert (code, found["wrong"]) == (0, [])
    assert main(["verify-chain", str(folder), "--head", made["head"][:-1] + "x"]) == 1
    assert "wanted the kept" in capsys.readouterr().out
    code, said = asked(capsys, "restore", folder, str(copy))
    assert (code, said["incarnation"], said["head"]) == (0, 2, made["head"])
    assert asked(capsys, "verify", folder)[1]["entries"] == 7
    assert main(["backup", str(folder), str(copy)]) == 2
    assert "backups are never replaced" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["backup", "postgresql+psycopg://x/y", "b.db"], "pg_dump --format=custom"),
        (["restore", "postgresql+psycopg://x/y", "b.db"], "pg_restore, then `tornello keyring"),
        (["backup", "nowhere.db", "b.db"], "nowhere.db: no such ledger"),
        (["restore", "{folder}", "{folder}/nothing.db"], "nothing.db: no such file"),
        (["verify-chain", "{folder}", "--head", "abc"], "wanted 'ledger:seal:head'"),
        (["verify-chain", "{folder}", "--against", "{folder}/no.db"], "no.db: no such file"),
    ],
)
def test_a_copy_that_cannot_be_made_is_one_sentence(folder, capsys, arguments, words):
    assert main([part.format(folder=folder) for part in arguments]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
