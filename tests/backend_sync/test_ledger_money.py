"""Accounts, sales, re-rating, missing money, planted faults: what the report says of money."""

import pytest

from backend_sync.ledger import Sale, accounts
from card_layouts.cards.card_layout import KIND_ADJUST, KIND_PASS, KIND_REFUND, G
from card_layouts.cards.zones import zone_bit
from card_layouts.records import entries as types
from card_layouts.records.entries_tap import CALL_NONE, TRIP_NONE
from simulator.worlds.small_tariffs import count_tariff, mounted
from tests.backend_sync.builders import AUTHORITY, OPERATOR, World


def balances(world):
    rows = world.ledger.database.rows("SELECT name, cents FROM balances WHERE cents <> 0")
    return {row[0]: int(row[1]) for row in rows}


def tariff(version=1):
    return mounted(count_tariff([[300]], AUTHORITY, version))


def rated(device, card, more=0, **fields):
    """Tap at the price of `tariff()`, plus `more` cents."""
    minute = (180_000_000 + device.next_seq) // 60
    announced = device.announce(
        card,
        2,
        300 + more,
        body={
            "zone": 1,
            "start_zone": 1,
            "zones": zone_bit(1),
            "charged": 300 + more,
            "start_minute": minute & 0x7FF,
        },
        product=1,
        product_authority=AUTHORITY,
        full=300 + more,
        rule=16,
        operator=OPERATOR,
        trip=TRIP_NONE,
        call=CALL_NONE,
        **{"tariff": 1, "semantics": 1, **fields},
    )
    card.commit(announced)
    device.outcome(announced)


@pytest.mark.requirement("D21", "R-6")
def test_a_load_goes_from_cash_over_prepaid_to_the_card_and_a_ride_to_the_operator(world):
    card, first = world.cards[0], world.devices[1]
    assert world.ledger.import_sales([Sale("s1", 1, 2000, "counter", 5)]) == 1
    assert balances(world) == {"CASH:counter": -2000, "PREPAID:1": 2000}
    first.load(card, 2000, action=1)
    first.tap(card, 300)
    world.post()
    name = f"LIAB:{AUTHORITY}:{world.keyring.pseudonyms([card.uid])[0].hex()}"
    assert balances(world) == {
        "CASH:counter": -2000,
        name: 1700,
        f"REV:{AUTHORITY}:{OPERATOR}": 300,
    }
    assert world.ledger.report()["unpaid_actions"] == 0


@pytest.mark.requirement("D21")
def test_a_load_nobody_paid_is_counted_until_its_sale_comes(world):
    world.devices[1].load(world.cards[0], 2000, action=6)
    world.post()
    assert world.ledger.report()["unpaid_actions"] == 1
    world.ledger.import_sales([("late", 6, 2000, "web", 5)])
    assert world.ledger.report()["unpaid_actions"] == 0


@pytest.mark.requirement("D21")
def test_a_sale_sent_again_is_once_and_a_changed_repeat_is_an_alarm(world):
    sale = ("s1", 1, 2000, "counter", 5)
    assert world.ledger.import_sales([sale, sale]) == 1
    assert world.ledger.import_sales([sale]) == 0
    assert world.ledger.import_sales([("s1", 1, 2500, "counter", 5)]) == 0
    assert balances(world)["PREPAID:1"] == 2000
    assert world.ledger.report()["alarms"] == {"SALE_DIFFERS": 1}


@pytest.mark.requirement("D21", "D11")
def test_an_issue_row_again_changes_nothing(world):
    row = world.plastic(0)[1]
    assert world.ledger.import_issues([row, row]) == 0
    assert world.ledger.report()["cards"] == 2


@pytest.mark.requirement("D21")
def test_refund_and_adjustment_have_accounts_of_their_own(world):
    card, first = world.cards[0], world.devices[1]
    first.load(card, 2000)
    for kind, cents in ((KIND_REFUND, 500), (KIND_ADJUST, 120)):
        body = {"L": card.fields["L"] + cents, "D": card.fields["D"]} if kind == KIND_ADJUST else {}
        announced = first.announce(card, kind, cents, types.ACTION, body=body)
        card.commit(announced)
        first.outcome(announced)
    world.post()
    found = balances(world)
    assert found[f"PAYOUT:{AUTHORITY}"] == 500 and found[f"UNALLOCATED:{AUTHORITY}"] == -120
    assert world.ledger.report()["ledger_cards_cents"] == card.cents == 1620
    assert world.ledger.report()["missing_money"] == []


@pytest.mark.requirement("D21")
def test_a_pass_or_transfer_takes_a_counter_and_no_money(world):
    card, first = world.cards[0], world.devices[1]
    first.tap(card, 0, kind=KIND_PASS)
    world.post()
    report = world.ledger.report()
    assert report["resolved_by"]["P1"] == 1 and report["accounts"] == {}


@pytest.mark.requirement("D21", "W-51")
def test_a_cash_sale_posts_at_once_with_its_rounding_and_a_void_takes_it_back(world):
    first = world.devices[1]
    sale = {"total": 325, "rounding": 10, "authority": AUTHORITY, "operator": 7, "clerk": 9,
            "paid": 1}  # fmt: skip
    first.put(types.CASH_SALE, sale)
    world.post()
    assert balances(world) == {
        "CASH:vehicle:9": -325,
        f"REV:{AUTHORITY}:7": 323,
        f"ROUNDING:{AUTHORITY}": 2,
    }
    first.put(types.CASH_SALE, {**sale, "void_of": 1})
    world.post()
    assert balances(world) == {}


@pytest.mark.requirement("D3", "D21")
def test_every_account_kind_is_in_the_chart_of_spec(world):
    from pathlib import Path

    spec = (Path(__file__).parents[2] / "backend_sync" / "SPEC.md").read_text(encoding="utf-8")
    assert [kind for kind in accounts.KINDS if f"| {kind}" not in spec] == []


@pytest.mark.requirement("D14", "O-17")
def test_every_fare_is_priced_again_and_one_cent_more_is_found(tmp_path):
    world = World(tmp_path, tariffs={(AUTHORITY, 1): tariff()})
    card, first = world.cards[0], world.devices[1]
    first.load(card, 5000)
    rated(first, card)
    rated(first, card)
    rated(first, card, more=1)
    rated(first, card, tariff=2)  # a version nobody archived
    world.post()
    assert world.ledger.report()["rerated"] == {
        "rateable": 4,
        "same": 0,
        "differences": 1,
        "price_only": 2,
        "unrated": 1,
    }
    world.close()


@pytest.mark.requirement("D14")
def test_a_remembered_answer_is_never_taken_for_another_price(tmp_path):
    world = World(tmp_path, tariffs={(AUTHORITY, 1): tariff()})
    card, first = world.cards[0], world.devices[1]
    first.load(card, 5000)
    for more in (0, 0, 1, 0, 2):
        rated(first, card, more=more)
    world.post()
    assert world.ledger.report()["rerated"]["differences"] == 2
    world.close()


@pytest.mark.requirement("D6", "D22")
def test_money_of_a_lost_journal_is_sized_from_the_cards_sums(world):
    card, first, lost = world.cards[0], world.devices[1], world.devices[3]
    first.load(card, 2000)
    lost.tap(card, 450)
    lost.tap(card, 100)
    first.tap(card, 300)
    world.post(first.run())
    [missing] = world.ledger.report()["missing_money"]
    assert missing["cents"] == 550 and missing["missing_counters"] == "2"
    world.post(lost.run())
    assert world.ledger.report()["missing_money"] == []


@pytest.mark.requirement("T6", "T13")
def test_a_record_below_nothing_is_told_though_it_fits_until_its_card_says_otherwise(world):
    card, first, stolen = world.cards[0], world.devices[1], world.devices[3]
    first.load(card, 2000)
    first.tap(card, 300)
    stolen.tap(card.copy(), 5000)  # its thief has read the card, and invents
    world.post()
    [row] = world.ledger.report()["missing_money"]
    assert (row["cents"], row["overdrawn_cents"], row["missing_counters"]) == (0, 3300, "")
    first.tap(card, 100)
    world.post()
    assert world.ledger.report()["missing_money"] == []
    assert world.ledger.report()["forks"] == 2


@pytest.mark.requirement("D16")
def test_a_withheld_journal_shows_as_a_gap_once_a_later_entry_comes(world):
    first = world.devices[1]
    for _ in range(4):
        first.tap(world.cards[0])
    world.post(first.run(1, 2), first.run(7, 8))
    report = world.ledger.report()
    assert report["lost"] == 4
    assert report["gaps"] == [
        {
            "device": 1,
            "epoch": 0,
            "watermark": 2,
            "head": 8,
            "missing": "3-6",
            "missing_count": 4,
            "quarantined": 0,
        }
    ]


@pytest.mark.parametrize(
    ("plant", "lost", "doubled"), [("drop-one-entry", 1, 0), ("post-twice", 0, 1), ("", 0, 0)]
)
@pytest.mark.requirement("R-19")
def test_a_planted_fault_is_found_by_the_report(tmp_path, monkeypatch, plant, lost, doubled):
    monkeypatch.setenv("TORNELLO_PLANT", plant)
    world = World(tmp_path)
    card, first = world.cards[0], world.devices[1]
    first.load(card)
    for _ in range(5):
        first.tap(card)
    world.post()
    report = world.ledger.report()
    assert (report["lost"], report["doubled"]) == (lost, doubled)
    assert (report["ledger_cards_cents"] == card.cents) == (not plant)
    assert report["trial_balance_cents"] == 0
    world.close()


@pytest.mark.requirement("D22")
def test_a_planted_second_commit_at_one_counter_is_found(world):
    """The detector must not trust the resolver: rows as a faulty one would have left them."""
    card, first, second = world.cards[0], world.devices[1], world.devices[2]
    world.tampered = True
    first.load(card)
    second.intent(card, 100)
    first.tap(card, 100)
    world.post()
    database = world.ledger.database
    with database.transaction():
        torn = database.rows(
            "SELECT id FROM pendings WHERE id NOT IN (SELECT pending FROM resolutions"
            " WHERE rule = 'P1')"
        )[0][0]
        wrong = (
            "DROP TRIGGER resolutions_no_delete"
            if database.sqlite
            else ("ALTER TABLE resolutions DISABLE TRIGGER ALL")
        )
        database.connection.exec_driver_sql(wrong)
        database.run("DELETE FROM resolutions WHERE pending = ?", [(torn,)])
        database.run("INSERT INTO resolutions VALUES (?, 'P1', NULL, 0)", [(torn,)])
    report = world.ledger.report()
    assert report["doubled"] == 1 and report["lost"] == 1


@pytest.mark.requirement("D21", "D5")
def test_card_rows_agree_with_what_is_on_each_card(world):
    for card in world.cards:
        world.devices[1].load(card, 2500)
        world.devices[2].tap(card, 300)
    world.post()
    rows = {row["pseudonym"]: row for row in world.ledger.report(True)["card_rows"]}
    for card in world.cards:
        row = rows[world.keyring.pseudonyms([card.uid])[0].hex()]
        assert (row["balance_cents"], row["n"]) == (card.cents, G.unpack(card.newest)["n"])
