"""Queries of one's own: a closed grammar, bound to a scope, read only, limited, in versions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from backend_sync.registers.rights import Scope, User, role_of
from backend_sync.reports.asking_books import Reader, answer
from backend_sync.reports.days import Days
from backend_sync.reports.definition import ReportRefused
from backend_sync.reports.opening import open_database
from backend_sync.reports.query import parse, read
from backend_sync.reports.saved import SavedQueries
from backend_sync.reports.sources import SOURCES
from backend_sync.storage.disk import DiskRefused
from tests.backend_sync.builders import FixedClock
from tests.backend_sync.reports.reports_world import FERRY, TOWN, Reported
from tests.backend_sync.settled_worlds import DAY, MORNING

JUNE = {"from": "2026-06-01", "to": "2026-06-30"}
RIDES = {"source": "rides", "columns": ["day", "operator"], "measures": ["rides", "charged"],
         "period": JUNE}  # fmt: skip
SQL = "1; DROP TABLE rides; --"


def person(name, role="authority", authority=TOWN, operator=0, rights=None):
    given_rights = role_of(role).rights if rights is None else rights
    return User(name, role, Scope(authority, operator), frozenset(given_rights))


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Reported(tmp_path / "keyring", ledger_url)
    made.live()
    made.url = made.ledger.database.engine.url.render_as_string(hide_password=False)
    yield made
    made.close()


def ask(world, query, scope=Scope(TOWN), clock=None, limit_ms=10_000):  # noqa: B008
    with Reader(world.url, clock or world.clock, limit_ms) as reader:
        return answer(read(query), reader, world.tariffs, scope)


@pytest.mark.requirement("W-153", "W-155")
def test_a_query_adds_up_what_the_reports_add_up(world):
    table = ask(world, RIDES)
    days = world.table("passengers")
    sold = world.table("tickets")
    assert table.totals[2] == sum(row[3] for row in days.rows) + sum(row[4] for row in sold.rows)
    only = ask(world, {**RIDES, "where": [{"column": "operator", "is": "one of", "values": [11]},
                                          {"column": "day", "is": "at least",
                                           "values": ["2026-06-05"]}]})  # fmt: skip
    assert {row[:2] for row in only.rows} == {(DAY + 1, 11)}
    biggest = ask(world, {**RIDES, "columns": ["operator"], "sort": "-charged", "limit": 1})
    assert len(biggest.rows) == 1 and biggest.notes == ("note_cut",)
    every = ask(world, {**RIDES, "columns": ["operator"]})
    assert biggest.rows[0][2] == max(row[2] for row in every.rows)


@pytest.mark.requirement("W-153", "W-10")
def test_every_source_is_bound_to_its_scope_and_tells_no_card(world):
    for name, source in SOURCES.items():
        query = {"source": name, "columns": list(source.columns)[:6],
                 "measures": list(source.measures)}  # fmt: skip
        if source.most_days:
            query["period"] = JUNE
        own, foreign = ask(world, query), ask(world, query, Scope(FERRY))
        assert own.rows and own.rows != foreign.rows, name
        pseudonyms = [bytes(row[0]).hex() for row in
                      world.ledger.database.rows("SELECT pseudonym FROM cards")]  # fmt: skip
        assert not [p for p in pseudonyms if p in str(own.rows)]
        if source.whole:
            with pytest.raises(ReportRefused, match="of a whole authority"):
                ask(world, query, Scope(TOWN, 10))
        elif "operator" in query["columns"]:
            place = query["columns"].index("operator")
            assert {row[place] for row in ask(world, query, Scope(TOWN, 11)).rows} <= {11}
    postings = ask(world, {"source": "postings", "columns": ["kind"], "measures": ["cents"],
                           "period": JUNE})  # fmt: skip
    cash = dict(postings.rows)["CASH"]
    assert cash == sum(world.balance("CASH").values()) < 0 == postings.totals[1]
    slips = ask(world, {"source": "slips", "columns": ["day"], "measures": ["taken"],
                        "period": JUNE})  # fmt: skip
    assert dict(slips.rows) == {DAY: 2000, DAY + 1: 2000}


BAD = [
    (lambda q: q.update(source=SQL), "source: found"),
    (lambda q: q.update(columns=[SQL]), "columns: found"),
    (lambda q: q.update(measures=["count(*)"]), "measures: found"),
    (lambda q: q.update(measures=[]), "list of 1 to 6"),
    (lambda q: q.update(columns=["day", "day"]), "each name once"),
    (lambda q: q.update(sort="--rides"), "sort: found"),
    (lambda q: q.update(sort=SQL), "sort: found"),
    (lambda q: q.update(limit=10**9), "limit: found 1000000000, wanted a whole number of 1"),
    (lambda q: q.update(limit=True), "limit: found true"),
    (lambda q: q.update(more=1), 'found "more", wanted of source'),
    (lambda q: q.update(period={"from": "2026-01-01", "to": "2026-12-31"}), "365 days"),
    (lambda q: q.update(period={"from": SQL, "to": "2026-12-31"}), "wanted a date"),
    (lambda q: q.update(period={"last_days": 9, "from": "x"}), "last_days, or from and to"),
    (lambda q: q.update(where=[{"column": "day", "is": "like", "values": ["%"]}]), r"\]\.is"),
    (lambda q: q.update(where=[{"column": SQL, "is": "is", "values": [1]}]), r"\]\.column"),
    (
        lambda q: q.update(where=[{"column": "product", "is": "is", "values": [SQL]}]),
        "whole number",
    ),
    (lambda q: q.update(where=[{"column": "product", "is": "is", "values": [1, 2]}]), "1 to 1"),
    (
        lambda q: q.update(where=[{"column": "payer", "is": "is", "values": ["x" * 99]}]),
        "64 letters",
    ),
    (lambda q: q.update(where=[{"column": "product", "is": ["is"], "values": [1]}]), r"\.is"),
]


@pytest.mark.requirement("W-153")
@pytest.mark.parametrize(("change", "words"), BAD)
def test_what_the_grammar_does_not_know_is_refused_by_its_part(change, words):
    query = json.loads(json.dumps(RIDES))
    change(query)
    with pytest.raises(ReportRefused, match=words):
        read(query)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                    lambda part: st.lists(part, max_size=3)
                    | st.dictionaries(st.sampled_from(["source", "columns", "measures", "where",
                                                       "period", "sort", "limit", "values"]),
                                      part, max_size=4), max_leaves=8))  # fmt: skip
def test_any_json_is_a_query_or_refused(found):
    try:
        made = read(found)
    except ReportRefused:
        return
    assert parse(made.as_json()) == made


def test_a_text_that_is_sql_is_only_a_text(world):
    where = [{"column": "payer", "is": "is", "values": ["' OR 1=1 --"]}]
    assert ask(world, {**RIDES, "where": where}).rows == ()
    assert read({**RIDES, "where": where}) == parse(read({**RIDES, "where": where}).as_json())


@pytest.mark.requirement("W-153", "D20")
def test_the_connection_of_a_query_cannot_write_and_is_given_up_in_time(world):
    with Reader(world.url, world.clock) as reader:
        with pytest.raises((DBAPIError, DiskRefused)):
            reader.rows("DELETE FROM alarms", ())
        with pytest.raises((DBAPIError, DiskRefused)):
            reader.rows("CREATE TABLE x (y INT)", ())
    endless = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
               " SELECT count(*) FROM n")  # fmt: skip
    with Reader(world.url, Ticking(), 20) as reader:
        with pytest.raises(ReportRefused, match="took longer than 0.02 s and was given up"):
            reader.rows(endless, ())
        assert reader.rows("SELECT 1", ())[0][0] == 1  # the next one is not


class Ticking(FixedClock):
    """A clock that goes on by a millisecond each time it is looked at."""

    def monotonic_ms(self):
        self.now += 1
        return self.now


# Saved ones -----------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    database = open_database(tmp_path)
    made = SavedQueries(database, FixedClock(MORNING))
    yield made
    database.close()


ALMA, BERT, OLLI = person("alma"), person("bert"), person("olli", "operator", operator=10)


@pytest.mark.requirement("W-153", "X-14")
def test_versions_stay_and_another_person_puts_one_in_production(saved):
    first = saved.save(ALMA, TOWN, "week", read(RIDES))
    assert saved.save(BERT, TOWN, "week", read(RIDES)) == first  # the same again
    second = saved.save(ALMA, TOWN, "week", read({**RIDES, "limit": 5}))
    assert (first.version, second.version) == (1, 2)
    assert saved.in_production(TOWN, "week") is None
    with pytest.raises(ReportRefused, match="alma made it; another person"):
        saved.produce(ALMA, TOWN, "week", 1)
    saved.produce(BERT, TOWN, "week", 1)
    assert saved.in_production(TOWN, "week") == first and saved.names(FERRY) == []
    saved.produce(BERT, TOWN, "week", 2)
    assert saved.in_production(TOWN, "week").query.limit == 5
    saved.withdraw(BERT, TOWN, "week")
    assert saved.in_production(TOWN, "week") is None
    with pytest.raises(DBAPIError, match="append-only"), saved.database.transaction():
        saved.database.execute("UPDATE saved_queries SET body = '{}'")


@pytest.mark.requirement("W-153", "W-10", "W-11")
@pytest.mark.parametrize(
    ("by", "authority", "words"),
    [(OLLI, TOWN, "no right 'reports.make'"), (ALMA, FERRY, "no right"),
     (person("zoe", rights={"reports.make"}), TOWN, "no right 'usage.see'")],
)  # fmt: skip
def test_nobody_saves_what_he_may_not_ask(saved, by, authority, words):
    with pytest.raises(ReportRefused, match=words):
        saved.save(by, authority, "week", read(RIDES))
    assert saved.names(TOWN) == []


@pytest.mark.requirement("W-153", "W-24")
def test_a_scheduled_query_is_due_once_a_day_by_the_authoritys_clock(saved):
    days = Days({}, TOWN)  # without a tariff: days of UTC
    query = read({**RIDES, "period": {"last_days": 7}})
    saved.save(ALMA, TOWN, "week", query)
    with pytest.raises(ReportRefused, match="not in production"):
        saved.schedule(ALMA, TOWN, "week", "day")
    saved.produce(BERT, TOWN, "week", 1)
    saved.schedule(ALMA, TOWN, "week", "day")
    assert saved.due(days, MORNING) == []  # today began before it was scheduled
    tomorrow = (DAY + 1) * 86_400
    assert saved.due(days, tomorrow - 1) == []
    (due,) = saved.due(days, tomorrow + 5)
    assert (due.saved.name, due.at, query.days(DAY + 1)) == ("week", tomorrow, (DAY - 6, DAY))
    saved.made(due, "alma")
    saved.made(due, "alma")
    assert saved.due(days, tomorrow + 86_399) == [] != saved.due(days, tomorrow + 86_400)
    saved.schedule(ALMA, TOWN, "week", "week")
    monday = (DAY + 4) * 86_400  # DAY is a Thursday
    assert saved.due(days, monday - 1) == [] != saved.due(days, monday)
    saved.schedule(ALMA, TOWN, "week", "")
    assert saved.due(days, monday + 10 * 86_400) == []
