"""Events in bulk: two who hold keys, one purpose, days that are over, other names each month."""

import csv
import hashlib
import json
import re

import pytest

from backend_sync.ledger.ride_events import ride_events
from backend_sync.links import main as links_main
from backend_sync.links.bulk import Bulk, export_events
from backend_sync.links.purposes import DAY_SECONDS, LinkRefused
from card_layouts.records.entries_tap import OUTCOME_ABORTED
from tests.backend_sync.service_desk import Desk
from tests.backend_sync.settled_worlds import DAY, FERRY, MORNING, TOWN, Settled
from tests.backend_sync.test_key_use import Support

pytestmark = pytest.mark.requirement("T19", "W-148", "X-14")
JULY = 27 * DAY_SECONDS  # from June 4 into the next month


@pytest.fixture
def world(tmp_path, ledger_url):
    """Two cards ride in June, one of them in July; a third ride is taken back, a fourth abroad."""
    made = Settled(tmp_path / "ring", ledger_url)
    made.ride(1, made.cards[0], MORNING + 7 * 60, stop=3)
    made.ride(1, made.cards[1], MORNING + 8 * 60, operator=11)
    back = made.ride(2, made.cards[2], MORNING)
    made.ride(3, made.cards[3], MORNING, area=FERRY, operator=20, stop=30)
    made.ride(2, made.cards[0], MORNING + JULY)
    made.devices[2].outcome(back, OUTCOME_ABORTED)
    made.post()
    made.desk = Desk(tmp_path, lambda name: f"sqlite:///{tmp_path / name}.db", made.keyring)
    made.desk.clock.now = (DAY + 40) * DAY_SECONDS + 5
    yield made
    made.desk.close()
    made.close()


def export(world, to, **how):
    wanted = {"by": "tess", "second": "toby", "purpose": "planning", "authority": TOWN,
              "span_from": DAY * DAY_SECONDS, "span_until": (DAY + 28) * DAY_SECONDS}  # fmt: skip

    def rides(*span):
        return ride_events(world.ledger.database, *span)

    return export_events(world.desk.links, Bulk(**(wanted | how)), rides, to)


def rows_of(folder):
    with (folder / "events.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.requirement("D24")
def test_an_export_says_where_and_roughly_when_and_never_which_card(world, tmp_path):
    made = export(world, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert [(r["date"], r["time"], r["operator"], r["stop"]) for r in
            sorted(rows, key=lambda r: (r["date"], r["operator"]))] == [
        ("2026-06-04", "06:00", "10", "3"), ("2026-06-04", "06:00", "11", "0"),
        ("2026-07-01", "06:00", "10", "0"),
    ]  # fmt: skip
    assert len({row["card"] for row in rows}) == 3, "a card has another name in every month"
    body = (tmp_path / "out" / "events.csv").read_bytes()
    assert rows == sorted(rows, key=lambda row: row["card"])
    for (pseudonym,) in world.ledger.database.rows("SELECT pseudonym FROM cards"):
        assert bytes(pseudonym).hex().encode() not in body
    assert not {"cents", "amount", "charged", "device", "seq"} & set(rows[0])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest == made and made["sha256"] == hashlib.sha256(body).hexdigest()
    assert (made["purpose"], made["rows"], made["months"]) == (
        "planning", 3, ["2026-06", "2026-07"],
    )  # fmt: skip
    (line,) = world.desk.links.audit.lines()
    number, _, head = made["audit"].partition(":")
    assert (line.clerk, line.approvers, line.purpose) == ("tess", "toby", "planning")
    assert world.desk.links.audit.verify((int(number), head)) == []


def test_a_name_of_an_export_is_the_one_that_a_question_gives(world, tmp_path):
    export(world, tmp_path / "out")
    uid = world.cards[1].uid
    number = world.desk.add()
    handle = world.desk.customers.link_card(number, world.desk.links, uid)
    span = {"span_from": DAY * DAY_SECONDS, "span_until": (DAY + 1) * DAY_SECONDS, "card": uid}
    (answer,) = world.desk.links.ask(world.desk.question("own-trips", handle, **span))
    mine = [row for row in rows_of(tmp_path / "out") if row["card"] == answer.pseudonym.hex()]
    assert [row["operator"] for row in mine] == ["11"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"second": ""}, "take two people"),
        ({"second": " TESS "}, "take two people"),
        ({"by": ""}, "who asks"),
        ({"purpose": "curiosity"}, "wanted one of planning, research, fraud-search"),
        ({"span_until": (DAY + 32) * DAY_SECONDS}, "1 to 31 days"),
        ({"span_until": DAY * DAY_SECONDS}, "1 to 31 days"),
        ({"span_from": (DAY + 39) * DAY_SECONDS, "span_until": (DAY + 41) * DAY_SECONDS}, "over"),
    ],
)
def test_what_no_export_may_be_is_refused_and_writes_nothing(world, tmp_path, how, words):
    with pytest.raises(LinkRefused, match=words):
        export(world, tmp_path / "out", **how)
    assert not (tmp_path / "out").exists() and world.desk.links.audit.lines() == []


def test_a_folder_in_use_and_months_without_a_key_are_refused(world, tmp_path):
    export(world, tmp_path / "out")
    before = (tmp_path / "out" / "events.csv").read_bytes()
    with pytest.raises(LinkRefused, match="new or empty folder"):
        export(world, tmp_path / "out")
    assert (tmp_path / "out" / "events.csv").read_bytes() == before
    world.desk.clock.now += 200 * DAY_SECONDS
    with pytest.raises(LinkRefused, match="2026-06"):
        export(world, tmp_path / "late")
    assert not (tmp_path / "late").exists()
    assert [line.outcome for line in world.desk.links.audit.lines()] == ["answered", "epoch gone"]


def test_in_a_bound_folder_two_key_holders_sign_in_for_each_export(tmp_path, capsys):
    made = Settled(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    made.ride(1, made.cards[0], MORNING)
    made.settle()
    made.close()
    support = Support(tmp_path, tmp_path / "users.db", capsys)
    folder, clock = tmp_path / "links", tmp_path / "clock"
    clock.write_text(str((DAY + 3) * DAY_SECONDS))
    assert links_main.main(["init", str(folder), "--keyring", str(tmp_path / "keyring")]) == 0
    support.register("bind", "--folder", folder)
    capsys.readouterr()

    def run(name, *more, by="tess", code=0):
        words = ["events", str(folder), str(tmp_path), "--purpose", "research", "--authority", "1",
                 "--from", "2026-06-04", "--to", str(tmp_path / name), "--clock", str(clock),
                 "--by", by, "--secret", str(support.secret), *map(str, more)]  # fmt: skip
        assert links_main.main(words) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    assert "keys.propose" in run("one", by="anna", code=1)
    assert "signs in himself" in run("one", "--approver", "toby", code=1)
    refusal = run("one", code=1)
    assert "for research, 2026-06-04 to 2026-06-05, use 1" in refusal
    agreed = support.agreed(refusal)
    assert re.search("1 rows in .*SHA-256 [0-9a-f]{64}", run("one", *agreed))
    assert json.loads((tmp_path / "one" / "manifest.json").read_text())["second"] == "toby"
    assert "use 2" in run("two", code=1), "an agreement is for one export"
    assert "is taken, wanted approved" in run("two", *agreed, code=1)
    assert not (tmp_path / "two").exists()
