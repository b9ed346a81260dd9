"""Closed days as those they concern see them: an authority its own, an operator his own only.

The batch, its lines and its sentence about the money are made for outsiders to check, so an
authority's people see them whole; of an operator's own share he sees his statement and nothing
else (W-19). Source: W-19, W-23, W-59; decision D25.
"""

import io
import zipfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from backend_sync.ledger.place import Place
from backend_sync.registers.rights import Scope
from backend_sync.reports.open_lines import window
from backend_sync.settlement.close import Closed, closed_on, closed_pages, newest
from backend_sync.settlement.export import export, read_packages
from backend_sync.settlement.statements import Statement, statements
from backend_sync.storage.database import Database

AT_ONCE = 20


class Day(NamedTuple):
    """One batch in the list; `due`: of an operator, cents; None for an authority's people."""

    closed: Closed
    due: int | None


class Waiting(NamedTuple):
    """What came since the last closed day `since` (-1: none was); `taps` are open, and stay so."""

    since: int
    entries: int
    taps: int


def days(database: Database, scope: Scope, before: int) -> tuple[list[Day], int]:
    """Return (batches numbered below `before`, newest first; where to go on or 0)."""
    found = closed_pages(database, before, AT_ONCE + 1)
    rows = [Day(closed, _due(closed, scope)) for closed in found[:AT_ONCE]]
    return rows, rows[-1].closed.number if len(found) > AT_ONCE else 0


def sees_whole(scope: Scope) -> bool:
    """Say whether a batch as a whole is a matter of this scope: an authority's, not of part."""
    return bool(scope.authority) and not scope.operator


def own_statements(closed: Closed, scope: Scope) -> list[Statement]:
    """Return the statements of a batch that a scope may read."""
    area = scope.authority
    if scope.operator:
        mine = f"operator-{area}-{scope.operator}"
        return [one for one in statements(closed) if one.party == mine]
    begins = (f"operator-{area}-", f"payer-{area}-")
    return [one for one in statements(closed)
            if one.party == f"authority-{area}" or one.party.startswith(begins)]  # fmt: skip


def statement_of(closed: Closed, scope: Scope, party: str) -> Statement | None:
    """Return one's own statement by its party, None when it is not there or not one's own."""
    return next((one for one in own_statements(closed, scope) if one.party == party), None)


def closed_before(database: Database, day: int) -> int:
    """Return the batch that a service day was closed with, 0 when it is open."""
    last = newest(database)
    return closed_on(database, day).number if last and last.values["day"] >= day else 0


def waiting(database: Database) -> Waiting:
    """Return what a closing would take, read from the newest end of the books."""
    since = window(database)
    entries = int(database.value("SELECT coalesce(max(id), 0) FROM entries")) - since.entries
    taps = int(database.value("SELECT count(*) FROM open_intents WHERE bits = 0"))
    return Waiting(since.day, entries, taps)


def verify_folder(place: Place) -> bytes:
    """Return the folder that `tornello verify-settlement` checks, as a zip.

    Raises: as `given_batches`.
    """
    out = io.BytesIO()
    with TemporaryDirectory() as folder:
        with place.turn, closing(place.keyring()) as keyring, place.books() as database:
            export(database, Path(folder), keyring, read_packages(place.tariffs))
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    file.write(path, path.relative_to(folder))
    return out.getvalue()


def _due(closed: Closed, scope: Scope) -> int | None:
    if sees_whole(scope):
        return None
    return sum(statement.due for statement in own_statements(closed, scope))
