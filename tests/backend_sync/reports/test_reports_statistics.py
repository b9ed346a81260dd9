"""Public statistics: no cell of fewer than k cards is shown, and no attacker computes one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend_sync.registers.rights import Scope, User, role_of
from backend_sync.reports.days import Days
from backend_sync.reports.definition import ReportRefused
from backend_sync.reports.opening import open_database
from backend_sync.reports.statistics import Release, Statistics
from backend_sync.reports.suppression import TOTAL, Count, bounds, bridges, withheld
from tests.backend_sync.builders import FixedClock
from tests.backend_sync.reports.reports_world import TOWN
from tests.backend_sync.reports.sum_attack import solved
from tests.backend_sync.settled_worlds import DAY, MORNING, Settled

K = 10
ALMA = User("alma", "authority", Scope(TOWN), frozenset(role_of("authority").rights))


def counted(figures):
    """Return the cells of a grid with its totals, a person a ride."""
    counts = {}
    for row, line in enumerate([*figures, [sum(column) for column in zip(*figures, strict=True)]]):
        r = TOTAL if row == len(figures) else row
        for at, figure in enumerate([*line, sum(line)]):
            counts[r, TOTAL if at == len(line) else at] = Count(figure, figure)
    return counts


def public(counts, hidden):
    return {place: None if place in hidden else c.shown for place, c in counts.items()}


GRIDS = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.lists(st.one_of(st.integers(0, 12), st.integers(0, 400)), min_size=width,
                 max_size=width), min_size=1, max_size=6)
)  # fmt: skip


@pytest.mark.requirement("W-148")
@settings(max_examples=150, deadline=None)
@given(GRIDS)
def test_no_attacker_solves_for_a_withheld_cell(figures):
    counts = counted(figures)
    hidden = withheld(counts, K)
    assert {p for p, c in counts.items() if 0 < c.people < K} <= hidden
    assert solved(public(counts, hidden)) == {}
    known = bounds(counts, hidden)
    for place in hidden:
        low, high = known[place]
        assert low <= counts[place].shown <= high and high - low >= K


def only_small_ones(counts, k):
    """A mutant: cells are withheld, and none beside them."""
    return {place for place, count in counts.items() if 0 < count.people < k}


def test_the_attacker_breaks_a_table_without_complementary_suppression():
    figures = [[120, 3, 40], [80, 70, 60], [50, 20, 30]]
    counts = counted(figures)
    assert solved(public(counts, only_small_ones(counts, K))) == {(0, 1): 3}
    hidden = withheld(counts, K)
    assert solved(public(counts, hidden)) == {} and (0, 1) in hidden
    # A ring of four, as few as it takes; no total of the public is lost.
    assert len(hidden) == 4 and not [p for p in hidden if TOTAL in p]


@settings(max_examples=60, deadline=None)
@given(GRIDS)
def test_what_the_graph_calls_a_bridge_is_what_the_attacker_solves(figures):
    counts = counted(figures)
    hidden = only_small_ones(counts, K)
    assert set(solved(public(counts, hidden))) == bridges(hidden)


def test_two_small_cells_that_bound_each_other_are_widened():
    counts = counted([[1, 1, 300], [2, 1, 300], [90, 80, 300]])
    ring = {(0, 0), (0, 1), (1, 0), (1, 1)}  # nobody solves it, and everybody knows: at most 2
    assert solved(public(counts, ring)) == {}
    assert bounds(counts, ring)[0, 0] == (0, 2)
    hidden = withheld(counts, K)
    assert ring < hidden
    assert all(high - low >= K for low, high in bounds(counts, hidden).values())


# From the books ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Rides of 14 cards on two days: operator 10 has many, operator 11 has few of one card."""
    world = Settled(tmp_path_factory.mktemp("town") / "keyring")
    cards = [*world.cards, *(world.card_of(TOWN, index) for index in range(4, 14))]
    for day in range(2):
        for at, card in enumerate(cards):
            world.ride(1, card, MORNING + day * 86_400 + 60 * at)
    for at in range(12):  # twelve rides, and they are one person's
        world.ride(2, cards[0], MORNING + 30_000 + 60 * at, operator=11)
    world.post()
    yield world
    world.close()


@pytest.fixture
def statistics(town, tmp_path):
    database = open_database(tmp_path)
    yield Statistics(town.ledger.database, database, FixedClock(MORNING + 5 * 86_400))
    database.close()


def cells(release):
    return {(day, key): shown for day, key, shown in release.cells}


@pytest.mark.requirement("W-148")
def test_people_are_cards_not_rides(town, statistics):
    days = Days(town.tariffs, TOWN)
    found = cells(statistics.preview(ALMA, days, DAY, DAY + 1, "operator"))
    assert found[DAY, 11] is None and found[DAY + 1, 10] in (None, 14)
    assert found[TOTAL, TOTAL] == 40 or found[TOTAL, TOTAL] is None
    assert solved(found) == {}
    shown = [figure for figure in found.values() if figure is not None]
    assert shown and all(figure == 0 or figure >= K for figure in shown)
    table = statistics.preview(ALMA, days, DAY, DAY + 1, "operator").table()
    assert table.notes == ("note_hidden",) and not any(table.totals)


@pytest.mark.requirement("W-148")
def test_a_day_is_released_once_and_stays_what_it_was(town, statistics):
    days = Days(town.tariffs, TOWN)
    first = statistics.release(ALMA, days, DAY, DAY, "operator")
    assert statistics.release(ALMA, days, DAY, DAY, "operator") == first
    assert statistics.released(TOWN) == [first] and statistics.released(2) == []
    assert Release(**json.loads(first.as_json()))._replace(cells=first.cells) == first
    for last, column, k in ((DAY, "product", K), (DAY + 1, "operator", K), (DAY, "operator", 20)):
        with pytest.raises(ReportRefused, match="a day is released once"):
            statistics.release(ALMA, days, DAY, last, column, k)


@pytest.mark.requirement("W-148", "W-10")
def test_what_cannot_be_released_is_refused_with_what_is_wanted(town, statistics):
    days = Days(town.tariffs, TOWN)
    for change, words in (
        ({"k": 9}, "k 9, wanted 10"),
        ({"column": "card"}, "wanted operator"),
        ({"last": DAY + 40}, "wanted 1 to 31 days"),
        ({"last": DAY + 5}, "is not over yet"),
        ({"last": DAY - 1}, "wanted 1 to 31 days"),
    ):
        asked = {"first": DAY, "last": DAY, "column": "operator", "k": K, **change}
        with pytest.raises(ReportRefused, match=words):
            statistics.preview(ALMA, days, **asked)
    olli = User("olli", "operator", Scope(TOWN, 10), frozenset(role_of("operator").rights))
    with pytest.raises(ReportRefused, match="no right"):
        statistics.release(olli, days, DAY, DAY, "operator")
    assert statistics.released(TOWN) == []
