"""Reports over rides by their own service day: boardings, and tickets sold on vehicles.

Read by the index on (day, authority): as many rows as there were rides on those days, so a period
is short; longer ones are the settled reports'. A ride counts once it is posted, on the day it was
made, however late it came. Source: W-151, W-155; O-8, O-9; decision D2.
"""

from backend_sync.reports.definition import (
    OF_OPERATOR,
    OF_PRODUCT,
    PERIOD,
    PRODUCT,
    Asked,
    Report,
)
from backend_sync.reports.open_lines import SALE_STANDS
from backend_sync.reports.table import Chart, Row, Table, columns, order
from card_layouts.records.entries import CASH_SALE, INTENT

MOST_DAYS = 62
POSTED = "(SELECT coalesce(sum(p.sign), 0) FROM ride_postings p WHERE p.ride = r.id) > 0"


def passengers(asked: Asked) -> Table:
    """How many boarded, by day, operator and passenger group; a companion is in his ride."""
    rows = _rows(
        asked, "r.day, r.operator, r.rider",
        "count(*), sum(CASE WHEN r.transfers > 0 THEN 1 ELSE 0 END),"
        " sum(CASE WHEN r.full_cents = 0 OR r.charged_cents = 0 THEN 1 ELSE 0 END)",
        f"r.type = {INTENT} AND {POSTED}",
    )  # fmt: skip
    return Table(
        "passengers", asked.about(), asked.currency,
        columns("day day", "operator number", "rider number", "boardings count",
                "transfers count", "uncharged count"),
        rows, (), Chart("day", "boardings"),
    )  # fmt: skip


def tickets(asked: Asked) -> Table:
    """What vehicles sold: one less for each that was taken back."""
    rows = _rows(
        asked, "r.day, r.operator, r.product, r.channel",
        "sum(CASE WHEN r.full_cents < 0 OR r.charged_cents < 0 THEN -1 ELSE 1 END),"
        " sum(r.charged_cents), sum(r.billed_cents)",
        f"r.type = {CASH_SALE} AND {SALE_STANDS}",
    )  # fmt: skip
    return Table(
        "tickets", asked.about(), asked.currency,
        columns("day day", "operator number", "product number", "channel text", "sold count",
                "charged cents", "billed cents"),
        rows, (), Chart("day", "charged"),
    )  # fmt: skip


REPORTS = (
    Report("passengers", "usage.see", (*PERIOD, OF_OPERATOR, OF_PRODUCT), MOST_DAYS, passengers),
    Report("tickets", "sales.see", (*PERIOD, OF_OPERATOR, OF_PRODUCT), MOST_DAYS, tickets),
)


def _rows(asked: Asked, keys: str, figures: str, which: str) -> tuple[Row, ...]:
    own, values = asked.own("r")
    product = int(asked.values[PRODUCT])
    if product:
        own, values = f"{own} AND r.product = ?", [*values, product]
    rows = asked.database.rows(
        f"SELECT {keys}, {figures} FROM rides r WHERE r.day BETWEEN ? AND ? AND {own}"
        f" AND {which} GROUP BY {keys}",
        (asked.first, asked.last, *values),
    )
    found = (tuple(c if isinstance(c, str) else int(c) for c in row) for row in rows)
    return tuple(sorted(found, key=order))
