"""The audit of the link service: every question a line, each line sealed to the one before.

line_hash = SHA-256(line_before | the line's other values as JSON). Whoever writes down the newest
line's number and hash (the data protection officer, each week) sees later whether anything before
it was changed, and whether the end was cut off. Source: trust.md section 5; X-14.
"""

import hashlib
import json
from typing import Any, NamedTuple

from backend_sync.links.tables import link_audit
from backend_sync.storage.database import Database

START = bytes(32)
COLUMNS = "line, asked, clerk, purpose, subject, span_from, span_until, approvers, outcome"


class Line(NamedTuple):
    """One line of the audit; `subject` leads to a person only while the link has its key."""

    line: int
    asked: int  # s since 2020
    clerk: str
    purpose: str
    subject: bytes
    span_from: int
    span_until: int
    approvers: str
    outcome: str


class Audit:
    """The audit in its table."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def append(self, line: Line) -> None:
        """Write a line, inside the caller's transaction; its number is given here."""
        number, before = self.head()
        line = line._replace(line=number + 1)
        self.database.insert(link_audit, [(*line, before, _hash(before, line))])

    def head(self) -> tuple[int, bytes]:
        """Return number and hash of the newest line; (0, 32 zero bytes) before the first."""
        found = self.database.rows(
            "SELECT line, line_hash FROM link_audit ORDER BY line DESC LIMIT 1"
        )
        return (int(found[0][0]), bytes(found[0][1])) if found else (0, START)

    def lines(self, subject: bytes | None = None) -> list[Line]:
        """Return all lines, or those about one subject's mark."""
        where, values = ("", ()) if subject is None else (" WHERE subject = ?", (subject,))
        rows = self.database.rows(f"SELECT {COLUMNS} FROM link_audit{where} ORDER BY line", values)
        return [_line(row) for row in rows]

    def asked_since(self, clerk: str, since: int) -> int:
        """Return how many questions a clerk has put since a time; links made do not count."""
        return int(
            self.database.value(
                "SELECT count(*) FROM link_audit WHERE clerk = ? AND asked >= ?"
                " AND purpose NOT IN ('link', 'unlink')",
                (clerk, since),
            )
        )

    def verify(self, known: tuple[int, str] | None = None) -> list[str]:
        """Return what is wrong, [] when nothing is; `known` is (line, hash hex) noted earlier."""
        rows = self.database.rows(
            f"SELECT {COLUMNS}, line_before, line_hash FROM link_audit ORDER BY line"
        )
        before, wrong = START, []
        hashes = {0: START.hex()}
        for place, row in enumerate(rows, 1):
            line = _line(row[:9])
            if line.line != place:
                return [f"line {place} is missing: line {line.line} follows line {place - 1}"]
            if bytes(row[9]) != before or bytes(row[10]) != _hash(before, line):
                wrong.append(f"line {place}: changed after it was written")
            before = bytes(row[10])
            hashes[place] = before.hex()
        if known is not None and hashes.get(known[0]) != known[1]:
            found = hashes.get(known[0], "no such line: the end was cut off")
            wrong.append(f"line {known[0]}: {known[1][:16]} was noted, found {found[:34]}")
        return wrong


def _line(row: Any) -> Line:
    line = Line._make(row)
    return line._replace(subject=bytes(line.subject))


def _hash(before: bytes, line: Line) -> bytes:
    values = line._replace(subject=line.subject.hex())  # type: ignore[arg-type]
    return hashlib.sha256(before + json.dumps(list(values)).encode()).digest()
