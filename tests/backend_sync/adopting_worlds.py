"""Worlds whose books are put back to an older copy, on both databases."""

import shutil
import uuid
from pathlib import Path

from sqlalchemy import create_engine, make_url

from backend_sync.ledger.ledger import Ledger
from backend_sync.settlement.adopt import adopt
from backend_sync.settlement.close import close_day, every_batch, lines_of
from backend_sync.settlement.export import export
from backend_sync.settlement.holds import differences
from card_layouts.settlement import lines as ln
from card_layouts.settlement.batch import COLUMNS, TOTALS
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.settled_worlds import Settled, lines_in

SQLITE = "sqlite:///"
REV = (
    "SELECT a.name, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
    " WHERE a.kind IN ('REV', 'CONCESSION') AND p.rule <> 'VAT' GROUP BY a.name"
)
BY_OWNER = (
    "SELECT a.authority, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
    " GROUP BY a.authority HAVING sum(p.cents) <> 0"
)

COUNTED = {
    "lines", "charged", "billed", "moved", "gross", "tax", "net", "cents", "borne by nobody",
    "taps",
}  # fmt: skip


class Restoring:
    """Of a settled world: it keeps what it exports, and goes back to a copy of its books."""

    @property
    def exported(self):
        return self.folder.parent / f"{self.folder.name} exported"

    def close_with(self, day, *names):
        """Post what these devices wrote so far, nothing else; close the day and export it."""
        runs = [self.devices[name].run() for name in names if self.devices[name].slots]
        if runs:
            self.post(*runs)
        closed = close_day(self.ledger, day, self.hashes)
        self.export()
        return closed

    def export(self):
        export(self.ledger.database, self.exported, self.keyring, self.bodies)

    @property
    def public(self):
        return self.keyring.signing.ledger.public

    def adopt(self, folder=None):
        return adopt(self.ledger, folder or self.exported)

    def copy(self):
        """Return a copy of the books as they are."""
        self.ledger.close()
        copied = self._copied(self.url)
        self._open()
        return copied

    def restore(self, copied):
        """Put a copy of the books in their place."""
        self.ledger.close()
        self.url = self._copied(copied)
        self.keyring.restored()
        self._open()

    def _open(self):
        self.ledger = Ledger(self.url, self.clock, self.keyring, self.tariffs, AUTHORITY)

    def _copied(self, url):
        name = f"copy_{uuid.uuid4().hex}"
        if url.startswith(SQLITE):
            path = self.folder.parent / f"{name}.db"
            shutil.copy(Path(url.removeprefix(SQLITE)), path)
            return f"{SQLITE}{path}"
        found = make_url(url)
        engine = create_engine(found.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {found.database}")
        engine.dispose()
        return found.set(database=name).render_as_string(hide_password=False)

    # What must hold

    def agree(self, is_closed=True):
        """Nothing differs, from outside and from inside; after a closing nor between owners."""
        assert self.findings() == []
        assert differences(self.ledger.database, self.public) == []
        assert not is_closed or self.ledger.database.rows(BY_OWNER) == []

    def told(self, number):
        """Return (kind, sign, device, seq) of each line of a batch."""
        return [
            (line.kind, line.sign, line.device, line.seq)
            for line in map(ln.decode_line, lines_in(lines_of(self.ledger.database, number)))
        ]

    def moved(self):
        """Return {account: cents} of revenue and of what payers owe, tax not taken out."""
        return {name: int(cents) for name, cents in self.ledger.database.rows(REV) if cents}

    def settled(self):
        """Return {(table, what it is about, column): sum over all batches}, tax left out."""
        sums = {}
        for closed in every_batch(self.ledger.database):
            for name in (*TOTALS, "loads", "takings"):
                for row in closed.values[name]:
                    _add(sums, name, dict(zip(COLUMNS[name], row, strict=True)))
        return {place: count for place, count in sums.items() if count}


class Restorable(Restoring, Settled):
    """A settled world whose books are put back."""


def _add(sums, name, row):
    """Add a row up by what it is about; tax is rounded once a batch."""
    what = tuple(value for column, value in row.items() if column not in COUNTED)
    for column in COUNTED & row.keys() - {"tax", "net"}:
        place = (name, *what, column)
        sums[place] = sums.get(place, 0) + row[column]
