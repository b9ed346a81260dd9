"""What counters sold and gave back, slip by slip, added up by day, channel and kind.

Slips are numbered in the order in which they came: where a day begins is found by halving, and no
posting is read. Of cards that the authority issued. Source: W-151, X-15; R-9.
"""

from backend_sync.office.today import first_since
from backend_sync.reports.definition import PERIOD, Asked, Report
from backend_sync.reports.table import Cell, Chart, Table, columns, grouped

MOST_DAYS = 62


def counters(asked: Asked) -> Table:
    """Slips of the days on which they reached the books."""
    rows: list[list[Cell]] = []
    days, begins = asked.days, asked.days.begins(asked.first)
    first = first_since(asked.database, "slips", begins)
    last = first_since(asked.database, "slips", days.begins(asked.last + 1)) - 1
    for row in asked.database.rows(
        "SELECT s.received, s.channel, s.kind, s.product, s.paid, s.cents, s.rounding FROM slips s"
        " JOIN cards c ON c.id = s.card WHERE s.id BETWEEN ? AND ? AND c.issuer = ?",
        (first, last, asked.scope.authority),
    ):
        cents, rounding = int(row[5]), int(row[6])
        product = row[3] or None  # a load is of none
        rows.append(
            [days.day(row[0]), *row[1:3], product, row[4], 1, cents, rounding, cents + rounding]
        )
    return Table(
        "counters", asked.about(), asked.currency,
        columns("day day", "channel text", "kind word", "product number", "paid word",
                "slips count", "price cents", "rounding cents", "taken cents"),
        grouped(rows, 5), (), Chart("kind", "taken"),
    )  # fmt: skip


REPORTS = (Report("counters", "sales.see", PERIOD, MOST_DAYS, counters, whole=True),)
