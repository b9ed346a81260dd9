"""Reports of how things stand now: what waits, how devices are, and today beside a week ago.

Small tables (open intents, devices) and the newest end of the books; nothing older is read.
Source: W-5, W-24, W-154, W-155; O-8; trust.md I16.
"""

from backend_sync.ledger.chains import chain_of
from backend_sync.ledger.ranges import size
from backend_sync.ledger.suspense import AGES, age_of
from backend_sync.office.today import LOOK_BACK, first_since
from backend_sync.reports.by_day import POSTED
from backend_sync.reports.definition import OF_OPERATOR, OPERATOR, Asked, Report
from backend_sync.reports.open_lines import SALE_STANDS
from backend_sync.reports.table import Cell, Chart, Row, Table, columns, grouped, order
from card_layouts.records.entries import CASH_SALE

# CROSS JOIN: SQLite keeps this order; else it walks all pendings to look few intents up.
WAITING = "open_intents o CROSS JOIN pendings p LEFT JOIN rides r ON r.id = o.pending"
WAITS = "p.id = o.pending AND o.bits = 0"
WEEK_S = 7 * 86_400
QUIET_S = 86_400
STATES = ("good", "quiet", "gaps", "quarantined")


def suspense(asked: Asked) -> Table:
    """Announced commits without evidence, by age and device: money that is still where it was."""
    rows = asked.database.rows(
        "SELECT o.since, o.device, coalesce(r.operator, 0), p.cents"
        f" FROM {WAITING} WHERE {WAITS} AND p.authority = ?",
        (asked.scope.authority,),
    )  # fmt: skip
    operator = asked.scope.operator or int(asked.values[OPERATOR])
    rows = [row for row in rows if operator in (0, row[2])]  # a load has no operator
    classes = [name for _, name in AGES]
    found = grouped(
        ([classes.index(age_of(asked.now - row[0])), row[2], row[1], 1, row[3]] for row in rows), 3
    )
    named = tuple((classes[int(row[0] or 0)], *row[1:]) for row in found)
    return Table(
        "suspense", asked.about(), asked.currency,
        columns("age word", "operator number", "device number", "waiting count",
                "waiting_cents cents"),
        named, (), Chart("age", "waiting_cents"),
    )  # fmt: skip


def devices(asked: Asked) -> Table:
    """How each device stands that carried somebody: when it was heard, what it lacks."""
    rows: list[Row] = []
    for row in asked.database.rows(
        "SELECT device, epoch, first_seq, seq, chain, head_seq, held, poisoned, quarantined"
        " FROM devices ORDER BY device, epoch"
    ):
        chain = chain_of(row)
        operator = _operator_of(asked, chain.device, chain.epoch)
        if operator is None:
            continue
        newest = asked.database.rows(
            "SELECT received FROM entries WHERE device = ? AND epoch = ? ORDER BY seq DESC LIMIT 1",
            (chain.device, chain.epoch),
        )
        quiet = asked.now - newest[0][0] if newest else None
        missing = size(chain.missing)
        state = STATES[0]
        if chain.quarantined:
            state = STATES[3]
        elif missing:
            state = STATES[2]
        elif quiet is None or quiet >= QUIET_S:
            state = STATES[1]
        rows.append((operator, chain.device, chain.epoch, state, quiet, chain.seq, missing,
                     chain.quarantined))  # fmt: skip
    return Table(
        "devices", asked.about(), asked.currency,
        columns("operator number", "device number", "epoch number", "health word", "quiet age",
                "watermark number", "missing count", "quarantined count"),
        tuple(sorted(rows, key=order)), (), Chart("device", "missing"),
    )  # fmt: skip


def today(asked: Asked) -> Table:
    """What came since the service day began, and by the same hour a week ago, by operator."""
    begins = asked.days.begins(asked.days.day(asked.now))
    rows: list[list[Cell]] = [
        [operator, rides, charged, billed, 0, 0]
        for operator, rides, charged, billed in _came(asked, begins, asked.now + 1)
    ]
    before = _came(asked, begins - WEEK_S, asked.now - WEEK_S + 1)
    rows += [[operator, 0, 0, 0, rides, charged + billed]
             for operator, rides, charged, billed in before]  # fmt: skip
    return Table(
        "today", asked.about(), asked.currency,
        columns("operator number", "rides count", "charged cents", "billed cents",
                "rides_week_ago count", "worth_week_ago cents"),
        grouped(rows, 1), (), Chart("operator", "rides"),
    )  # fmt: skip


REPORTS = (
    Report("suspense", "sales.see", (OF_OPERATOR,), 0, suspense),
    Report("devices", "usage.see", (OF_OPERATOR,), 0, devices),
    Report("today", "usage.see", (OF_OPERATOR,), 0, today),
)


def _came(asked: Asked, since: int, until: int) -> list[tuple[int, int, int, int]]:
    """Return (operator, rides and sales, charged, billed) of what came in [since, until)."""
    own, values = asked.own("r")
    first = first_since(asked.database, "entries", since)
    last = first_since(asked.database, "entries", until) - 1
    counts = f"CASE WHEN r.type = {CASH_SALE} THEN {SALE_STANDS} ELSE {POSTED} END"
    rows = asked.database.rows(
        "SELECT r.operator, count(*), sum(r.charged_cents), sum(r.billed_cents) FROM rides r"
        f" WHERE r.id BETWEEN ? AND ? AND {own} AND {counts} GROUP BY r.operator",
        (first, last, *values),
    )
    return [(int(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in rows]


def _operator_of(asked: Asked, device: int, epoch: int) -> int | None:
    """Return whose a device is by the newest ride of it that is in scope; None without one."""
    own, values = asked.own("r")
    rows = asked.database.rows(
        "SELECT r.operator FROM (SELECT id FROM entries WHERE device = ? AND epoch = ?"
        f" ORDER BY seq DESC LIMIT {LOOK_BACK}) n JOIN rides r ON r.id = n.id WHERE {own} LIMIT 1",
        (device, epoch, *values),
    )
    return int(rows[0][0]) if rows else None
