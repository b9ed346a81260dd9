"""Rides by card as events: where and when, never for how much.

What leaves the ledger for the link service, which turns P_L into another name (`links/bulk.py`).
Source: trust.md section 5, register E; W-148.
"""

from collections.abc import Iterator
from typing import NamedTuple

from backend_sync.ledger.decoding import read_body, reader
from backend_sync.storage.database import Database
from card_layouts.records.entries_tap import INTENT, STOP_NONE, TRIP_NONE

DAY_SECONDS = 86_400
TIME_OF_BODY = 3
RIDES = (
    "SELECT c.pseudonym, r.day, r.operator, r.product, r.facts FROM rides r"
    " JOIN pendings p ON p.id = r.id JOIN cards c ON c.id = p.card"
    " JOIN ride_postings s ON s.ride = r.id"
    " WHERE r.day BETWEEN ? AND ? AND r.authority = ? AND r.channel = ''"
    " GROUP BY r.id, c.pseudonym, r.day, r.operator, r.product, r.facts HAVING sum(s.sign) > 0"
)
read_place = reader(INTENT, ("trip", "stop"), 72, 96)


class RideEvent(NamedTuple):
    """One ride that counts; `at` in s since 2020, `trip` and `stop` None where none is known."""

    card: bytes  # P_L, 16 B
    at: int
    day: int  # service day, days since 2020
    operator: int
    trip: int | None
    stop: int | None
    product: int


def ride_events(
    database: Database, authority: int, span_from: int, span_until: int
) -> Iterator[RideEvent]:
    """Yield the rides by card in an authority's area from `span_from` to before `span_until`."""
    # A service day ends after midnight.
    days = (span_from // DAY_SECONDS - 1, span_until // DAY_SECONDS)
    for card, day, operator, product, facts in database.rows(RIDES, (*days, authority)):
        at = read_body(bytes(facts))[TIME_OF_BODY]
        trip, stop = read_place(bytes(facts))
        if span_from <= at < span_until:
            yield RideEvent(
                bytes(card), at, day, operator, None if trip == TRIP_NONE else trip,
                None if stop == STOP_NONE else stop, product,
            )  # fmt: skip
