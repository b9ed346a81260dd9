"""What was paid for passes is divided by taps or by shares, to the cent, late taps included."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend_sync.actions.desk import Order, create, review
from backend_sync.settlement.close import every_batch
from backend_sync.settlement.holds import differences
from backend_sync.settlement.statements import statements
from card_layouts.cards.card_layout import P_SLOT
from card_layouts.fares import sections as s
from card_layouts.records.entries_service import ACT_PRODUCT
from card_layouts.settlement import passes
from card_layouts.settlement.passes import Money, Pools, Use
from card_layouts.settlement.shares import tax_inside, taxes_inside
from tests.backend_sync.restored_worlds import Story
from tests.backend_sync.settled_worlds import DAY, FERRY, MORNING, TOWN, Settled, package

SEASON, ACTION = 2, 700
SEASON_CENTS = 4799
SHARES = 'passes = "shares"\nshares = { koivula-bus = 85, koivula-ferry = 15 }\n' \
    "operators = { koivula-bus = 10, koivula-ferry = 20 }"  # fmt: skip
BY_SHARES = (('revenue = "first_boarding"', f'revenue = "first_boarding"\n{SHARES}'),)
NEXT_RATE = (("permille = 140 }", "permille = 140 }, { from = 2026-06-05, permille = 255 }"),)


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Settled(tmp_path / "keyring", ledger_url)
    yield made
    made.close()


def earned(world):
    """Return {(area, operator): gross over all batches}."""
    found = Counter()
    for closed in every_batch(world.ledger.database):
        for row in closed.values["operators"]:
            found[row[0], row[1]] += row[6]
    return {name: cents for name, cents in found.items() if cents}


def booked(world, kind="REV"):
    """Return {account: cents} as the books say."""
    rows = world.ledger.database.rows(
        "SELECT a.name, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
        " WHERE a.kind = ? GROUP BY a.name", (kind,)
    )  # fmt: skip
    return {name: int(cents) for name, cents in rows if cents}


def agree(world):
    """The auditor and the books say what the batches say."""
    assert world.findings() == []
    assert differences(world.ledger.database, world.keyring.signing.ledger.public) == []
    owners = world.ledger.database.rows(
        "SELECT a.authority, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
        " GROUP BY a.authority HAVING sum(p.cents) <> 0"
    )
    assert list(owners) == []


@pytest.mark.requirement("X-1", "X-12", "R-13", "R-14", "D25")
def test_a_pass_is_earned_by_those_who_carried_its_holder_tap_by_tap(world):
    first, second = world.cards[:2]
    world.sell("p-1", ACTION, SEASON, SEASON_CENTS, MORNING, first)
    for minute in range(2):
        world.ride(1, first, MORNING + 600 + 60 * minute, right=SEASON)
    world.ride(2, first, MORNING + 7200, right=SEASON, operator=11)
    world.ride(3, second, MORNING)  # a purse has no part in it
    values = world.settle().values
    assert values["passes"] == [[1, SEASON, 202606, 1, "transport", 140, SEASON_CENTS]]
    assert [row[4:] for row in values["uses"]] == [[10, "transport", 140, 2],
                                                   [11, "transport", 140, 1]]  # fmt: skip
    # Two taps of three: 3199.33 and 1599.67 cents.
    assert earned(world) == {(1, 10): 3199 + 240, (1, 11): 1600}
    tax = {row[1]: row[7] for row in values["operators"]}
    assert sum(tax.values()) == tax_inside(SEASON_CENTS + 240, 140) == 619
    assert booked(world) == {"REV:1:10": 3439 - tax[10], "REV:1:11": 1600 - tax[11]}
    agree(world)


@pytest.mark.requirement("X-12")
def test_what_nobody_carried_yet_waits_and_a_late_tap_corrects_the_old_month(world):
    card = world.cards[0]
    world.sell("p-1", ACTION, SEASON, SEASON_CENTS, MORNING, card)
    world.settle()
    assert earned(world) == {(1, 0): SEASON_CENTS}
    world.ride(1, card, MORNING + 60, right=SEASON)
    second = world.settle(DAY + 1)
    assert earned(world) == {(1, 10): SEASON_CENTS}
    assert second.values["sums"] == [0, 0, 0, 0]
    # The tax went along: the scheme keeps none, the operator bears all of it.
    assert [row[6:8] for row in second.values["operators"]] == [[-4799, -589], [4799, 589]]
    world.ride(2, card, MORNING + 9000, right=SEASON, operator=11)
    world.settle(DAY + 40)  # it docks in the next month: its own service day counts
    assert earned(world) == {(1, 10): 2400, (1, 11): 2399}
    assert booked(world) == {"REV:1:10": 2400 - 294, "REV:1:11": 2399 - 295}
    agree(world)


@pytest.mark.requirement("I10", "X-12")
def test_books_that_were_put_back_divide_what_they_hold_of_a_pass_and_its_taps(tmp_path):
    story = Story(tmp_path)
    card = story.world.cards[0]
    story.world.sell("p-1", ACTION, SEASON, SEASON_CENTS, MORNING, card)
    story.world.ride(1, card, MORNING + 600, right=SEASON)
    story.send((1,))
    story.settle()
    copy = story.copy("1")
    story.world.ride(2, card, MORNING + 7200, right=SEASON, operator=11)
    story.world.ride(3, card, MORNING + 20_000, right=SEASON, operator=11)
    story.send((2,), (3,))
    story.settle()
    assert story.earned() == {10: 1600, 11: 3199}
    story.put_back(copy)
    story.send((2,), (3, 1, 1))  # the OUTCOME of the last one is not here again
    story.settle()
    assert story.earned() == {10: 2400, 11: 2399}
    story.send((3,))
    story.settle()
    assert story.earned() == {10: 1600, 11: 3199}
    assert story.findings() == []
    story.close()


@pytest.mark.requirement("X-12")
def test_taps_of_another_month_have_no_part_in_a_pool(world):
    card = world.cards[0]
    world.sell("p-1", ACTION, SEASON, 3000, MORNING, card)
    world.ride(1, card, MORNING + 60, right=SEASON)
    world.ride(2, card, MORNING + 27 * 86_400, right=SEASON, operator=11)  # 1 July
    values = world.settle(DAY + 30).values
    assert [(row[2], row[4]) for row in values["uses"]] == [(202606, 10), (202607, 11)]
    assert earned(world) == {(1, 10): 3000}
    agree(world)


@pytest.mark.requirement("X-12")
def test_fixed_shares_divide_a_pass_as_the_tariff_says_also_before_anybody_rides(
    tmp_path, ledger_url
):
    world = Settled(tmp_path / "keyring", ledger_url, changes=BY_SHARES)
    world.sell("p-1", ACTION, SEASON, SEASON_CENTS, MORNING, world.cards[0])
    world.settle()
    assert earned(world) == {(1, 10): 4079, (1, 20): 720}  # 85 and 15 of 100: 4079.15, 719.85
    world.sell("p-2", ACTION + 1, SEASON, 1, MORNING, world.cards[1])
    world.ride(2, world.cards[1], MORNING + 60, right=SEASON, operator=11)
    world.settle(DAY + 1)
    assert earned(world) == {(1, 10): 4080, (1, 20): 720}
    agree(world)
    world.close()


@pytest.mark.requirement("X-1")
def test_a_rate_that_changes_taxes_each_sale_by_its_own_day_and_a_late_one_by_its_own(
    tmp_path, ledger_url
):
    world = Settled(tmp_path / "keyring", ledger_url, changes=NEXT_RATE)
    first, second = world.cards[:2]
    world.sell("p-1", ACTION, SEASON, SEASON_CENTS, MORNING, first)
    world.sell("p-2", ACTION + 1, SEASON, SEASON_CENTS, MORNING + 86_400, second)
    world.ride(1, first, MORNING + 60, right=SEASON)
    world.ride(2, second, MORNING + 86_500, right=SEASON, operator=11)
    values = world.settle(DAY + 1).values
    assert values["tax"] == [[1, "transport", 140, 4799, 589], [1, "transport", 255, 4799, 975]]
    gross = {row[1]: row[6:8] for row in values["operators"] if row[1]}
    assert gross == {10: [4800, 783], 11: [4798, 781]}
    world.sell("p-3", ACTION + 2, SEASON, 1001, MORNING + 120, world.cards[2])
    late = world.settle(DAY + 2).values
    assert late["tax"] == [[1, "transport", 140, 1001, 123]]
    agree(world)
    world.close()


@pytest.mark.requirement("X-1", "W-23")
def test_a_pass_that_is_taken_back_takes_back_what_operators_got_and_the_tax(world):
    card, action = world.cards[0], ACTION
    world.sell("p-1", action, SEASON, SEASON_CENTS, MORNING, card)
    world.ride(1, card, MORNING + 60, right=SEASON)
    world.settle()
    with world.ledger.books() as books:
        lines = [("REV:1:0", 1, -SEASON_CENTS), ("CASH:counter", 1, SEASON_CENTS)]
        books.transfer("test:1", "REFUND", lines)
    values = world.settle(DAY + 1).values
    # The books did not say what was given back: it is the scheme's, untaxed.
    assert values["channels"] == [[1, "REFUND", 1, -SEASON_CENTS]]
    assert earned(world) == {(1, 0): -SEASON_CENTS, (1, 10): SEASON_CENTS}
    agree(world)


names = st.sampled_from((0, 10, 11, 12))
bought = st.tuples(st.sampled_from((1, 2)), st.integers(-500, 9000))
tapped = st.tuples(st.sampled_from((1, 2)), st.sampled_from((1, 2)), names, st.integers(1, 5))


class ByUse:
    def passes(self, authority, version):
        return s.PASSES_BY_USE, []


@pytest.mark.requirement("X-12")
@given(st.lists(st.one_of(bought, tapped), max_size=25), st.lists(st.integers(0, 25), max_size=4))
def test_however_sales_and_taps_fall_into_batches_everybody_ends_with_the_same_cents(rows, cuts):
    def money_and_taps(part):
        paid, taps = Counter(), Counter()
        for row in part:
            if len(row) == 2:
                paid[Money(row[0], SEASON, 202606, 1, "low", 140)] += row[1]
            else:
                area, sold, operator, count = row
                taps[Use(sold, SEASON, 202606, area, operator, "low", 140)] += count
        return dict(paid), dict(taps)

    def settled(parts):
        pools, got = Pools(), Counter()
        for part in parts:
            new = money_and_taps(part)
            touched = {name[:3] for names in new for name in names}
            moved = passes.moves(ByUse(), pools.so_far(touched), new)
            assert sum(moved.values()) == 0
            got.update(moved)
            pools.add(new[0].items(), new[1].items())
        return {part: cents for part, cents in got.items() if cents}

    edges = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    parts = [rows[low:high] for low, high in zip(edges, edges[1:], strict=False)]
    assert settled(parts) == settled([rows])


@pytest.mark.requirement("X-1")
@given(st.lists(st.integers(-9000, 9000), min_size=1, max_size=9), st.integers(0, 999))
def test_the_taxes_of_parts_are_the_tax_of_the_whole_and_none_is_a_cent_off(gross, permille):
    taxes = taxes_inside(gross, permille)
    assert sum(taxes) == tax_inside(sum(gross), permille)
    for cents, tax in zip(gross, taxes, strict=True):
        assert abs(tax * (1000 + permille) - cents * permille) < 1000 + permille


@pytest.mark.requirement("X-1", "D9")
def test_a_pass_bought_on_the_web_is_taxed_and_shared_as_one_sold_at_a_counter(world):
    card = world.cards[0]
    world.clock.now = MORNING
    right = bytes(P_SLOT.pack({"product": SEASON, "authority_use": 1}))
    account = int(world.ledger.database.value("SELECT min(id) FROM cards WHERE issuer = 1"))
    with world.ledger.books() as books:
        order = Order("web-1", account, ACT_PRODUCT, SEASON_CENTS, "web", 0, MORNING + 10**6,
                      1, right + b"\0")  # fmt: skip
        number, _ = create(books, order)
    world.devices[1].product(card, number, right)
    world.ride(1, card, MORNING + 60, right=SEASON)
    world.post()
    with world.ledger.books() as books:
        assert review(books, [account]) == {number: "EXECUTED"}
    values = world.settle().values
    assert values["passes"] == [[1, SEASON, 202606, 1, "transport", 140, SEASON_CENTS]]
    assert values["tax"] == [[1, "transport", 140, SEASON_CENTS, 589]]
    assert earned(world) == {(1, 10): SEASON_CENTS}
    agree(world)


GUEST = """[products.guest]
number = 5
kind = "pass"
rank = 10
prices = "value"
span = { days = 30, from = "first_use" }

[[foreign]]
authority = 1
product = 2
as = "guest"

[load.counter]"""
FERRY_RATE = ("from = 2026-01-01, permille = 140", "from = 2026-01-01, permille = 100")


@pytest.mark.requirement("W-41", "X-1", "X-12", "R-14")
def test_a_pass_that_also_holds_in_another_area_is_earned_there_too_and_cleared(
    tmp_path, ledger_url
):
    bodies = {
        (TOWN, 1): package("tariff.toml"),
        (FERRY, 1): package("ferry.toml", changes=(("[load.counter]", GUEST), FERRY_RATE)),
    }
    world = Settled(tmp_path / "keyring", ledger_url, bodies=bodies)
    card = world.cards[0]
    world.sell("p-1", ACTION, SEASON, 1000, MORNING, card)
    for hour in range(2):
        world.ride(1, card, MORNING + 600 + 7200 * hour, right=SEASON)
    world.ride(3, card, MORNING + 4000, right=SEASON, area=FERRY, operator=20, stop=30)
    values = world.settle().values
    assert earned(world) == {(1, 10): 667, (2, 20): 333}
    assert values["clearing"] == [[1, 2, 333]]
    # Sold at 14 %, of which a third is earned where rides are taxed at 10 %.
    assert values["tax"] == [[1, "transport", 140, 667, 82], [2, "transport", 100, 333, 30]]
    reports = {s.party: s for s in statements(every_batch(world.ledger.database)[0])}
    assert reports["operator-2-20"].tables["shared"] == [[1, 2, 20, "transport", 100, 333]]
    assert reports["operator-2-20"].due == 333 and reports["authority-1"].due == -333
    assert booked(world, "CLEARING") == {"CLEARING:1:2": 333, "CLEARING:2:1": -333}
    agree(world)
    world.close()
