"""What earlier batches brought for passes and packs, kept so that each pool is divided again.

Only the pools that a batch touches are read. Source: card_layouts/settlement/passes.py; X-12.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table

from backend_sync.settlement.tables import settlement_paid, settlement_taps
from backend_sync.storage.database import Database
from card_layouts.settlement.passes import Money, Paid, Pool, Taps, Use
from card_layouts.settlement.totals import Totals

OF_POOLS = (
    "SELECT {columns}, sum(t.{value}) FROM {{keys}} JOIN {table} t ON t.authority = k.authority"
    " AND t.product = k.product AND t.month = k.month GROUP BY {columns}"
)


class PassBook:
    """The two books; `write` adds what a batch brought."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def so_far(self, pools: Iterable[Pool]) -> tuple[Paid, Taps]:
        """Return what earlier batches say of these pools."""
        wanted = sorted(pools)
        paid = self._of(settlement_paid, Money._fields, wanted)
        taps = self._of(settlement_taps, Use._fields, wanted)
        return (
            {Money(*row[:-1]): int(row[-1]) for row in paid},
            {Use(*row[:-1]): int(row[-1]) for row in taps},
        )

    def write(self, number: int, totals: Totals) -> None:
        """Keep what batch `number` brought."""
        for table, found in ((settlement_paid, totals.paid()), (settlement_taps, totals.taps())):
            row = self.database.next_id(table)
            rows = [(row + place, number, *key, value)
                    for place, (key, value) in enumerate(sorted(found.items()))]  # fmt: skip
            self.database.insert(table, rows)

    def _of(self, table: Table, fields: tuple[str, ...], pools: list[Pool]) -> list[Any]:
        columns = ", ".join(f"t.{name}" for name in fields)
        sql = OF_POOLS.format(columns=columns, value=list(table.columns)[-1].name, table=table.name)
        return self.database.rows_of(sql, ("authority", "product", "month"), pools)
