"""W-144: event data for clearing houses and data warehouses.

Pages and files go along the numbers of rows, so nothing is read twice and nothing is searched.
Source: W-144, W-148; D25.
"""

import csv
import importlib
import io
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import Field

from backend_sync.api.documents import document, kept
from backend_sync.api.event_rows import Event, events, last_row
from backend_sync.api.models import DIGITS, Model, Number, Paging
from backend_sync.api.models import Query as Closed
from backend_sync.api.paging import cursor, number_of
from backend_sync.api.part import Part, caller_of
from backend_sync.api.problems import ApiError
from backend_sync.api.purposes import Names
from backend_sync.api.routes import OWN, Route
from backend_sync.settlement.statements import harmless
from card_layouts.codec.timestamps import day_of

LIST = "evnt"
WINDOW = 20_000
FILE_MOST = 50_000
CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
Purpose = Literal["clearing", "analysis"]


class Wanted(Paging):
    """For which purpose: `clearing` has no names of cards, `analysis` a name for one day."""

    purpose: Purpose = "clearing"


class File(Closed):
    """So many rows behind row `first`; a row of another's counts and is left out."""

    purpose: Purpose = "clearing"
    first: Number = 0
    count: Annotated[int, Field(ge=1, le=FILE_MOST), DIGITS] = FILE_MOST
    form: Literal["csv", "parquet"] = "csv"


class Events(Model):
    """A page; one without rows may have a next one: others' rides lie between."""

    items: list[Event]
    next: str | None


class EventData(Part):
    """Events of one's own authority, or of one's own operator in it."""

    ROUTES = (
        Route("GET", "/events", "usage.see", OWN, "W-144", "events", Events,
              "Rides in the order in which they came to count"),
        Route("GET", "/events/file", "usage.see", OWN, "W-144", "events_file", None,
              "Rides of a range of rows as one file", media=(CSV, PARQUET)),
    )  # fmt: skip

    def events(self, request: Request, page: Annotated[Wanted, Query()]) -> Response:
        scope = caller_of(request).scope
        names = self._names(request, page.purpose)
        with self.place.books() as database:
            first, end = number_of(LIST, page.after), last_row(database)
            last = min(end, first + WINDOW)
            items = events(database, names, first, last, scope.operator, page.limit)
        behind = int(items[-1].transaction_id) if len(items) == page.limit else last
        more = cursor(LIST, behind) if behind < end else None
        return document(request, Events(items=items, next=more))

    def events_file(self, request: Request, page: Annotated[File, Query()]) -> Response:
        scope = caller_of(request).scope
        names = self._names(request, page.purpose)
        with self.place.books() as database:
            last = page.first + page.count
            found = events(database, names, page.first, last, scope.operator, FILE_MOST)
        name = f"events-{scope.authority}-{page.first + 1}-{last}"
        if page.form == "parquet":
            return kept(request, _parquet(found), PARQUET, f"{name}.parquet")
        return kept(request, _csv(found), CSV, f"{name}.csv")

    def _names(self, request: Request, purpose: str) -> Names:
        parts, area = self.parts, caller_of(request).scope.authority
        today = int(day_of(self.clock.utc_seconds()))
        return Names(parts.database, parts.random_bytes, area, purpose, today)


def _csv(found: list[Event]) -> bytes:
    """Return events as CSV that no spreadsheet takes for formulas; TIDES' `amount` behind."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*Event.model_fields, "amount"])
    for event in found:
        cells = [harmless(cell) if isinstance(cell, str) else cell
                 for cell in event.model_dump().values()]  # fmt: skip
        writer.writerow([*cells, _amount(event.amount_cents)])
    return out.getvalue().encode()


def _amount(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _parquet(found: list[Event]) -> bytes:
    """Return events as Parquet. Raises: ApiError 406 where arro3-io is not installed."""
    try:
        core: Any = importlib.import_module("arro3.core")
        files: Any = importlib.import_module("arro3.io")
    except ModuleNotFoundError:
        raise ApiError(
            406,
            "query.form: Parquet needs the package arro3-io, which is not installed here;"
            " wanted csv",
        ) from None
    columns = {
        name: core.Array([getattr(event, name) for event in found],
                         core.DataType.int64() if "int" in str(field.annotation)
                         else core.DataType.string())
        for name, field in Event.model_fields.items()
    }  # fmt: skip
    out = io.BytesIO()
    files.write_parquet(core.Table.from_pydict(columns), out)
    return out.getvalue()
