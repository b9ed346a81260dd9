"""Events in bulk under P_E: a file for one purpose and time, by two people who hold keys.

A row is where and in which quarter of an hour, never for how much; a card has another name in every
month. Rows are sorted by those names, so that their order tells nothing of the ledger's. The line
of the audit is durable before anything is written; the manifest names it.
Source: trust.md section 5 (register E; bulk by two key holders; T19); W-148, X-14.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from backend_sync.links.audit import Line
from backend_sync.links.epochs import FIRST_DAY, EpochGone, epoch_of, spans
from backend_sync.links.links import SECONDS_MAX, Links
from backend_sync.links.purposes import ANSWERED, DAY_SECONDS, EPOCH_GONE, LinkRefused
from backend_sync.links.tables import CLERK_LENGTH

BUCKET_SECONDS = 15 * 60
DAYS_MAX = 31
# purpose: what it is for. Another one is a row here, and a decision of the controller.
EXPORTS = {
    "planning": "lines and stops: who changes where",
    "research": "a study that the controller has agreed to",
    "fraud-search": "patterns across cards; a single case is a question of its own",
}
COLUMNS = ("card", "date", "time", "authority", "operator", "trip", "stop", "product")
ROWS_FILE, MANIFEST_FILE = "events.csv", "manifest.json"


class RideEvent(Protocol):
    """What is asked of a ride; `card` is P_L, `at` s since 2020."""

    @property
    def card(self) -> bytes: ...
    @property
    def at(self) -> int: ...
    @property
    def operator(self) -> int: ...
    @property
    def trip(self) -> int | None: ...
    @property
    def stop(self) -> int | None: ...
    @property
    def product(self) -> int: ...


class Bulk(NamedTuple):
    """One export: `by` and `second` hold keys; s since 2020, whole days, `span_until` exclusive."""

    by: str
    second: str
    purpose: str
    authority: int
    span_from: int
    span_until: int


Rides = Callable[[int, int, int], Iterable[RideEvent]]  # (authority, from, until)


def agreement(links: Links, wanted: Bulk, words: Callable[[int], str]) -> str:
    """Return what the second person agrees to; it counts the exports, so it is good for one."""
    before = sum(
        (line.purpose, line.span_from, line.span_until)
        == (wanted.purpose, wanted.span_from, wanted.span_until)
        for line in links.audit.lines()
    )
    return (
        f"export events of authority {wanted.authority} for {wanted.purpose},"
        f" {words(wanted.span_from)} to {words(wanted.span_until)}, use {before + 1}"
    )


def refuse_wrong(links: Links, wanted: Bulk, to: Path) -> None:
    """Refuse what no export may be, before anybody is asked to agree. Raises: LinkRefused."""
    now = links.clock.utc_seconds()
    today = now - now % DAY_SECONDS
    length = wanted.span_until - wanted.span_from
    if wanted.purpose not in EXPORTS:
        raise LinkRefused(f"purpose {wanted.purpose!r}: wanted one of {', '.join(EXPORTS)}")
    if not 0 < length <= DAYS_MAX * DAY_SECONDS or not 0 <= wanted.span_from < SECONDS_MAX:
        raise LinkRefused(f"wanted 1 to {DAYS_MAX} days")
    if wanted.span_until > today:
        raise LinkRefused("wanted days that are over: a file of today shows who travels now")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise LinkRefused(f"{to}: wanted a new or empty folder")
    name = wanted.by
    if not name.strip() or not name.isprintable() or len(name) > CLERK_LENGTH:
        raise LinkRefused(f"--by: who asks, a name of up to {CLERK_LENGTH} letters")


def export_events(links: Links, wanted: Bulk, rides: Rides, to: Path) -> dict[str, Any]:
    """Write the rows and their manifest into a new folder; return the manifest.

    Raises: LinkRefused for what cannot be, one person alone, or months whose key was dropped.
    """
    refuse_wrong(links, wanted, to)
    names = {wanted.by.strip().casefold(), wanted.second.strip().casefold()} - {""}
    if len(names) < 2 or len(wanted.second) > CLERK_LENGTH or not wanted.second.isprintable():
        raise LinkRefused("events in bulk take two people who hold keys: who is the second one?")
    try:
        rows = _rows(links, wanted, rides)
    except EpochGone as error:
        _note(links, wanted, EPOCH_GONE)
        raise LinkRefused(f"{wanted.purpose}: {error}") from None
    number, line_hash = _note(links, wanted, ANSWERED)
    body = _as_csv(rows)
    manifest = {
        "purpose": wanted.purpose,
        "authority": wanted.authority,
        "from_s": wanted.span_from,
        "until_s": wanted.span_until,
        "months": [epoch for epoch, _, _ in spans(wanted.span_from, wanted.span_until)],
        "columns": list(COLUMNS),
        "bucket_minutes": BUCKET_SECONDS // 60,
        "rows": len(rows),
        "file": ROWS_FILE,
        "sha256": hashlib.sha256(body).hexdigest(),
        "by": wanted.by,
        "second": wanted.second,
        "made_s": links.clock.utc_seconds(),
        "audit": f"{number}:{line_hash.hex()}",
    }
    to.mkdir(parents=True, exist_ok=True)
    _write(to / ROWS_FILE, body)
    # Last: rows without a manifest are an export that was cut off.
    _write(to / MANIFEST_FILE, (json.dumps(manifest, indent=1) + "\n").encode())
    return manifest


def _rows(links: Links, wanted: Bulk, rides: Rides) -> list[tuple[Any, ...]]:
    now = links.clock.utc_seconds()
    known: dict[tuple[str, bytes], str] = {}
    for epoch, _, _ in spans(wanted.span_from, wanted.span_until):
        links.epochs.pseudonym(epoch, bytes(16), now)  # raises for a month that is gone
    found = []
    for ride in rides(wanted.authority, wanted.span_from, wanted.span_until):
        name = (epoch_of(ride.at), ride.card)
        if name not in known:
            known[name] = links.epochs.pseudonym(*name, now).hex()
        at = ride.at - ride.at % BUCKET_SECONDS
        minute = at % DAY_SECONDS // 60
        found.append(
            (known[name], _date(at), f"{minute // 60:02}:{minute % 60:02}", wanted.authority,
             ride.operator, _or_empty(ride.trip), _or_empty(ride.stop), ride.product)
        )  # fmt: skip
    return sorted(found, key=repr)


def _note(links: Links, wanted: Bulk, outcome: str) -> tuple[int, bytes]:
    """Write the export into the audit; return its line's number and hash."""
    with links.database.transaction():
        links.audit.append(
            Line(0, links.clock.utc_seconds(), wanted.by, wanted.purpose, b"", wanted.span_from,
                 wanted.span_until, wanted.second, outcome)
        )  # fmt: skip
        return links.audit.head()


def _as_csv(rows: list[tuple[Any, ...]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return out.getvalue().encode()


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(data)
    beside.replace(path)


def _or_empty(number: int | None) -> int | str:
    return "" if number is None else number


def _date(seconds: int) -> str:
    return (FIRST_DAY + timedelta(days=seconds // DAY_SECONDS)).isoformat()
