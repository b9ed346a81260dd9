"""What a query of one's own may ask: a closed list of sources, their columns and their measures.

All SQL stands here; nothing of it comes from a user. Every source is bound to a scope and a period,
and reads by an index: rides by their service day, slips and postings by their numbers, devices and
open intents whole, for they are few. Source: W-10, W-153; D11: no column tells of a card.
"""

from collections.abc import Callable
from typing import NamedTuple

from backend_sync.office.today import LOOK_BACK, first_since
from backend_sync.reports.by_day import POSTED
from backend_sync.reports.definition import Asked
from backend_sync.reports.open_lines import SALE_STANDS
from backend_sync.reports.running import WAITING, WAITS
from backend_sync.reports.table import CENTS, COUNT, DAY, NUMBER, TEXT, WORD
from card_layouts.records.entries import CASH_SALE

MOST_DAYS = 62


class Piece(NamedTuple):
    """A column or measure: its type, and its SQL; `{day}` stands for the source's day."""

    type: str
    sql: str


class Bound(NamedTuple):
    """FROM and WHERE of one request; `day` is the SQL of its service day, if it has one."""

    sql: str
    values: tuple[int, ...]
    day: str = ""


class Source(NamedTuple):
    """`most_days` 0: it has no period. `whole`: of an authority, never of an operator alone."""

    right: str
    most_days: int
    bind: Callable[[Asked], Bound]
    columns: dict[str, Piece]
    measures: dict[str, Piece]
    whole: bool = False


def _rides(asked: Asked) -> Bound:
    own, values = asked.own("r")
    counts = f"CASE WHEN r.type = {CASH_SALE} THEN {SALE_STANDS} ELSE {POSTED} END"
    return Bound(
        f"FROM rides r WHERE r.day BETWEEN ? AND ? AND {own} AND {counts}",
        (asked.first, asked.last, *values), "r.day",
    )  # fmt: skip


def _slips(asked: Asked) -> Bound:
    days = asked.days
    begins = [days.begins(day) for day in range(asked.first, asked.last + 2)]
    # Whole numbers of our own: days of an authority's clock are not of equal length.
    cases = " ".join(
        f"WHEN s.received < {ends} THEN {asked.first + place}"
        for place, ends in enumerate(begins[1:])
    )
    first, after = (first_since(asked.database, "slips", at) for at in (begins[0], begins[-1]))
    return Bound(
        "FROM slips s JOIN cards c ON c.id = s.card WHERE s.id BETWEEN ? AND ? AND c.issuer = ?",
        (first, after - 1, asked.scope.authority), f"CASE {cases} END",
    )  # fmt: skip


def _postings(asked: Asked) -> Bound:
    """Bind postings of closed days; those since the last closing are of every day after it."""
    return Bound(
        "FROM postings p JOIN accounts a ON a.id = p.account WHERE p.id > ? AND p.id <= ?"
        " AND a.authority = ?",
        (_taken(asked, "<", asked.first), _last(asked), asked.scope.authority),
    )


def _last(asked: Asked) -> int:
    newest = asked.database.value("SELECT coalesce(max(day), -1) FROM settlement_batches")
    if asked.last > int(newest):
        return int(asked.database.value("SELECT coalesce(max(id), 0) FROM postings"))
    return _taken(asked, "<=", asked.last)


def _taken(asked: Asked, sign: str, day: int) -> int:
    """Return the last posting of the newest batch whose day is < or <= `day`."""
    rows = asked.database.rows(
        f"SELECT postings_last FROM settlement_batches WHERE day {sign} ? ORDER BY day DESC"
        " LIMIT 1", (day,),
    )  # fmt: skip
    return int(rows[0][0]) if rows else 0


def _suspense(asked: Asked) -> Bound:
    own, values = asked.own("p")
    if not asked.scope.operator:
        return Bound(f"FROM {WAITING} WHERE {WAITS} AND {own}", tuple(values))
    own, values = asked.own("r")
    of_rides = WAITING.replace("LEFT JOIN rides r ON r.id = o.pending", "CROSS JOIN rides r")
    return Bound(f"FROM {of_rides} WHERE {WAITS} AND r.id = o.pending AND {own}", tuple(values))


def _devices(asked: Asked) -> Bound:
    """Bind devices of which one of the newest rides is in scope, as the report `devices` does."""
    own, values = asked.own("r")
    return Bound(
        "FROM devices d WHERE EXISTS (SELECT 1 FROM (SELECT e.id FROM entries e"
        " WHERE e.device = d.device AND e.epoch = d.epoch ORDER BY e.seq DESC"
        f" LIMIT {LOOK_BACK}) n JOIN rides r ON r.id = n.id WHERE {own})",
        tuple(values),
    )


def _numbers(alias: str, *names: str) -> dict[str, Piece]:
    return {name: Piece(NUMBER, f"{alias}.{name}") for name in names}


_DAY = {"day": Piece(DAY, "{day}")}
# Accounts of one card or action are told by their kind alone.
_ACCOUNT = (
    "CASE WHEN a.kind IN ('LIAB', 'PLEDGE', 'PREPAID', 'UNALLOCATED') THEN a.kind ELSE a.name END"
)
SOURCES = {
    "rides": Source(
        "usage.see", MOST_DAYS, _rides,
        {**_DAY, **_numbers("r", "operator", "product", "rider", "concession", "device", "issuer",
                            "tariff", "zones", "rule"),
         "payer": Piece(TEXT, "r.payer"), "channel": Piece(TEXT, "r.channel")},
        {"rides": Piece(COUNT, "count(*)"), "charged": Piece(CENTS, "sum(r.charged_cents)"),
         "billed": Piece(CENTS, "sum(r.billed_cents)"), "full": Piece(CENTS, "sum(r.full_cents)"),
         "transfers": Piece(COUNT, "sum(CASE WHEN r.transfers > 0 THEN 1 ELSE 0 END)")},
    ),
    "slips": Source(
        "sales.see", MOST_DAYS, _slips,
        {**_DAY, "product": Piece(NUMBER, "NULLIF(s.product, 0)"),  # a load is of none
         **_numbers("s", "device", "clerk", "shift"),
         "kind": Piece(WORD, "s.kind"), "paid": Piece(WORD, "s.paid"),
         "channel": Piece(TEXT, "s.channel")},
        {"slips": Piece(COUNT, "count(*)"), "price": Piece(CENTS, "sum(s.cents)"),
         "rounding": Piece(CENTS, "sum(s.rounding)"),
         "taken": Piece(CENTS, "sum(s.cents + s.rounding)")},
        whole=True,
    ),
    "postings": Source(
        "sales.see", MOST_DAYS, _postings,
        {"kind": Piece(TEXT, "a.kind"), "account": Piece(TEXT, _ACCOUNT),
         "rule": Piece(TEXT, "p.rule")},
        {"postings": Piece(COUNT, "count(*)"), "cents": Piece(CENTS, "sum(p.cents)")},
        whole=True,
    ),
    "suspense": Source(
        "sales.see", 0, _suspense,
        {"operator": Piece(NUMBER, "r.operator"), "device": Piece(NUMBER, "o.device")},
        {"waiting": Piece(COUNT, "count(*)"), "waiting_cents": Piece(CENTS, "sum(p.cents)")},
    ),
    "devices": Source(
        "usage.see", 0, _devices,
        _numbers("d", "device", "epoch"),
        {"devices": Piece(COUNT, "count(*)"), "quarantined": Piece(COUNT, "sum(d.quarantined)")},
    ),
}  # fmt: skip
