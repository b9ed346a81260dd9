"""Is the register still what its trail says? Names the first row that was changed beside it.

Four equalities: each head of the trail; each subject's last content in the trail and its rows now;
the ranges of cards and the replay of all documents. Source: X-14.
"""

from collections.abc import Iterator
from typing import Any

from backend_sync.registers import card_views, cards, names, proposals, users
from backend_sync.registers.cards import Document
from backend_sync.registers.proposals import Proposal, standing
from backend_sync.registers.ranges import Range
from backend_sync.registers.trail import broken_chain, every_row, newest, text_of
from backend_sync.storage.database import Database


def verify(database: Database, head: str = "") -> list[str]:
    """Return what is wrong, in sentences: the trail first, then each subject, then the ranges.

    `head`: the start of a head that was written down earlier and must still be in the trail, so
    that rows cut off its end are missed.
    """
    broken = broken_chain(database)
    found = [broken] if broken else []
    if head and not any(row.head.hex().startswith(head.lower()) for row in every_row(database)):
        found.append(f"trail: no row has the head {head}: its end was cut off, or it is a copy")
    return [*found, *_subjects(database), *_ranges(database)]


def head_of_all(database: Database) -> tuple[int, str]:
    """Return (rows of the trail, head of the newest): what to write down somewhere else."""
    number, head = newest(database)
    return number, head.hex()


def _subjects(database: Database) -> Iterator[str]:
    told = {row.subject: (row.number, row.after) for row in every_row(database)}
    for subject, content in _contents(database):
        number, after = told.pop(subject, (0, ""))
        if not number:
            yield f"{subject} is in no row of the trail: it was written beside the register"
        elif text_of(content) != after:
            yield f"{subject} is not what row {number} of the trail says: {_first(content, after)}"
    for subject, (number, after) in told.items():
        if after:
            yield f"{subject} is gone, but row {number} of the trail says what it was"


def _first(content: dict[str, Any], after: str) -> str:
    """Return which field is not what the trail says, with both values."""
    for name, value in content.items():
        if text_of({name: value})[1:-1] not in after:
            return f"{name} is {value!r} now"
    return "a field is missing now"


def _contents(database: Database) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in database.rows(f"SELECT {cards.COLUMNS} FROM card_documents ORDER BY id"):
        yield cards.subject_of(row[0]), Document(*row)._asdict()
    for row in database.rows(f"SELECT {users.COLUMNS} FROM users ORDER BY name"):
        yield users.subject_of(row[0]), users.content_of(tuple(row))
    for row in database.rows("SELECT authority, name, alarm_below FROM places ORDER BY 1, 2"):
        yield card_views.place_subject(row[0], row[1]), card_views.place_content(*row)
    for row in database.rows(f"SELECT {names.COLUMNS} FROM names ORDER BY id"):
        yield names.subject_of(row[0]), names.content_of(names.Name(*row))
    for row in database.rows(f"SELECT {proposals.COLUMNS} FROM proposals ORDER BY id"):
        made = standing(database, Proposal(*row))
        yield proposals.subject_of(made.number), proposals.content_of(made)


def _ranges(database: Database) -> Iterator[str]:
    rows = database.rows(
        "SELECT authority, first, last, state, place FROM card_ranges ORDER BY authority, first"
    )
    kept: dict[int, list[Range]] = {}
    for authority, first, last, state, place in rows:
        kept.setdefault(authority, []).append((first, last, (state, place)))
    delivered = database.rows("SELECT DISTINCT authority FROM card_documents")
    for authority in sorted(kept.keys() | {row[0] for row in delivered}):
        wanted, found = card_views.replayed(database, authority), kept.get(authority, [])
        if wanted != found:
            missing = sorted(set(wanted) - set(found))
            odd = (missing or sorted(set(found) - set(wanted)))[0]
            span = card_views.span_of(authority, odd)
            said, silent = ("documents", "ranges") if missing else ("ranges", "documents")
            yield f"cards {span}: {' at '.join(odd[2])}: the {said} say it, the {silent} do not"
