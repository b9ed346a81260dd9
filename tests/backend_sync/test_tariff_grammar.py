"""Each key of the grammar is written in some tariff that a test reads, and means what it says."""

import datetime
from pathlib import Path

import pytest

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.feed import Stop
from backend_sync.tariffs.grammar import KEYS
from backend_sync.tariffs.linter import check
from backend_sync.tariffs.self_test import BROKEN, SHIPPED
from backend_sync.tariffs.source import read_source
from backend_sync.tariffs.when import day
from backend_sync.tariffs.zoned import zone_names
from card_layouts.cards.zones import zones_bitmap, zones_run

EVERY = Path(__file__).parent / "every_key.toml"
INNER, MIDDLE, OUTER = 1, 2, 3


def book() -> m.Book:
    return read_tariff(EVERY).book


def fits(pattern: list[str], path: tuple) -> bool:
    return len(pattern) == len(path) and all(
        p == "*" or (p == "[]" and isinstance(key, int)) or p == key
        for p, key in zip(pattern, path)
    )


def test_each_key_of_the_grammar_is_read_by_a_test():
    paths = [EVERY, *SHIPPED.glob("*/*.toml"), BROKEN / "ppu-interval.toml"]
    written = {key for path in paths for key in read_source(path).places} | {("include",)}
    # A window or waiver may be one table or several: the place in the list is no key.
    written |= {(*key[:2], *key[3:]) for key in written if key[0] in ("windows", "accept")}
    unread = [
        key.path
        for key in KEYS
        if not any(fits(key.path.replace("[]", ".[]").split("."), path) for path in written)
    ]
    assert unread == []


def test_every_key_is_a_tariff_without_a_finding():
    assert [str(finding) for finding in check(EVERY).findings] == []


def test_runs_and_pairs_are_sold_as_exactly_these_zones():
    value, pairs = book().tables[0], book().tables[1]
    assert value.prices[zones_run(INNER, OUTER)] == {2: 60, 0: 30, 5: 30}
    assert value.prices[zones_run(INNER, MIDDLE)] == {2: 45, 0: 23, 5: 23}
    assert value.when[0].prices == {int(zones_bitmap([z])): {2: 20} for z in (1, 2, 3)}
    assert pairs.prices[zones_bitmap([INNER, OUTER])] == {2: 60}


def test_a_window_of_several_tables_holds_when_any_does():
    first, second = book().windows
    assert (first.weekdays, first.civil, first.or_window) == (0b1100000, True, 1)
    assert (second.from_minute, second.to_minute, second.calendar) == (1080, 1440, 0)
    summer = book().calendars[0].days
    assert len(summer) == 66  # 66 working days of June to August, less one, and Christmas Eve
    assert min(summer) == day(datetime.date(2026, 6, 1))


@pytest.mark.requirement("W-38")
def test_minutes_by_set_fill_the_sets_not_listed():
    transfer = book().transfers[0]
    assert transfer.by_set[zones_run(INNER, INNER)] == 60
    assert transfer.by_set[zones_run(INNER, OUTER)] == 90
    assert (transfer.legs, transfer.upgrade) == (2, False)
    assert (transfer.pass_back_s, transfer.pass_back) == (120, m.PASS_BACK_REFUSE)


def test_products_take_their_spans_caps_and_refunds():
    value, capped, year, hour = book().products
    assert (value.name, value.refund) == ("Travel money", m.Refund(20, 5, False))
    assert (value.companions, value.companions_max) == (m.COMPANIONS_OWN, 4)
    assert capped.cap == m.Cap(table=2, days=1, clip=False)
    assert (year.span, year.scheme, year.successor_days) == (m.SPAN_YEAR, 1, 30)
    assert (hour.span, hour.minutes) == (m.SPAN_FIRST_USE, 90)


@pytest.mark.requirement("W-66", "W-67")
def test_a_group_may_have_limits_of_its_own_at_a_channel():
    child, others = book().load
    assert (child.minimum, child.maximum, child.groups) == (20, 200, 1)
    assert (others.minimum, others.maximum, others.groups & 1) == (50, 500, 0)


@pytest.mark.requirement("W-98", "W-107", "W-67")
def test_what_a_channel_sells_and_what_a_card_costs():
    whole = book()
    (sold,) = whole.sells
    assert (sold.channel, sold.listed, whole.tables[sold.table].name) == ("counter", True, "day")
    assert whole.card == m.CardTerms(350, 500)


def test_earlier_zones_other_books_and_payers_are_numbers():
    whole = book()
    assert whole.schemes == (m.Scheme(1, (zones_run(1, 2), zones_run(3, 3))),)
    assert whole.accepts == (m.Acceptance(78, 12, 2),)
    (lake,) = whole.others
    assert lake.agencies == ("lake",) and (lake.feed_zones, lake.other_zone) == ({"Lake": 1}, 1)
    guest = whole.groups[2]
    assert (whole.payers, guest.payer, guest.full) == (("council",), m.PAYER_SPONSOR, 2)
    assert whole.groups[0].following == 2
    assert (whole.skip, whole.away, whole.lean) == (m.SKIP_TOUCHED, m.AWAY_ASK, m.LEAN_DOWN)
    assert whole.night_without_purse is False and whole.decimals == 0


@pytest.mark.requirement("W-33", "W-37")
def test_stops_take_the_tariff_s_zones():
    stops = [Stop("S1", "a", "X"), Stop("S2", "b", ""), Stop("S3", "c", "I", ("Middle", "Q"))]
    assert [zone_names(book(), stop) for stop in stops] == [
        ("Inner",),
        ("Inner", "Middle"),
        ("Inner", "Middle", "Outer"),
    ]
