"""One ride as an event for clearing houses and data warehouses, in fields after TIDES.

TIDES' table `fare_transactions` gives the names that it has; the others say what income and cost
are divided by. Money is cents here; the CSV adds TIDES' own `amount`, the same in the currency.
Stop, trip, riders' group and product are the tariff's numbers. Source: TIDES
spec/fare_transactions.schema.json; W-144, W-148; D25.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from backend_sync.api.models import Model
from backend_sync.api.purposes import Names
from backend_sync.ledger.decoding import read_body, reader
from backend_sync.settlement.words import date_of
from backend_sync.storage.database import Database
from card_layouts.codec.timestamps import to_unix
from card_layouts.records.entries import CASH_SALE as SALE
from card_layouts.records.entries_service import CASH_SALE
from card_layouts.records.entries_service import TICKET as TICKET_LAYOUT
from card_layouts.records.entries_tap import INTENT, STOP_NONE, TRIP_NONE

RIDES = (
    "SELECT s.id, s.sign, r.device, r.type, r.authority, r.operator, r.issuer, r.day,"
    " r.tariff, r.product, r.rider, r.concession, r.zones, r.transfers, r.payer, r.channel,"
    " r.full_cents, r.charged_cents, r.billed_cents, r.facts, p.card"
    " FROM ride_postings s JOIN rides r ON r.id = s.ride LEFT JOIN pendings p ON p.id = r.id"
    " WHERE s.id > ? AND s.id <= ? AND r.authority = ? AND (? = 0 OR r.operator = ?)"
    " ORDER BY s.id LIMIT ?"
)
read_place = reader(INTENT, ("trip", "stop", "youths", "children"), 72, 96)
read_sale = reader(CASH_SALE, ("time", "trip", "stop", *(f"l_count{at}" for at in range(4))), 0, 96)
read_use = reader(TICKET_LAYOUT, ("time", "trip", "stop"), 0, 96)
TIME_OF_BODY = 3


class Event(Model):
    """A ride that counts from now on, or (`fare_action` Adjust) does not any more."""

    transaction_id: str
    service_date: str
    event_timestamp: str
    fare_action: Literal["Enter", "Transfer entrance", "Purchase", "Adjust"]
    amount_cents: int
    currency_type: str
    full_cents: int
    billed_cents: int
    payer: str
    authority: int
    issuer: int
    operator: int
    device_id: str
    trip: int | None
    stop_id: str | None
    num_riders: int
    rider_category: str
    concession: int
    fare_product: str
    tariff: int
    zones: int
    transfers: int
    fare_media_id: Literal["Smart card or ticket", "Cash or coins", "Other type"]
    token_id: str | None


def events(
    database: Database, names: Names, first: int, last: int, operator: int, limit: int
) -> list[Event]:
    """Return the events behind row `first` up to row `last`, in order; `operator` 0: of all."""
    rows = database.rows(RIDES, (first, last, names.authority, operator, operator, limit))
    return [_event(names, row) for row in rows]


def last_row(database: Database) -> int:
    """Return the number of the newest row."""
    return int(database.value("SELECT coalesce(max(id), 0) FROM ride_postings"))


def _event(names: Names, row: Sequence[Any]) -> Event:
    number, sign, device, kind, authority, operator, issuer, day, tariff, product = row[:10]
    rider, concession, zones, transfers, payer, channel, full, charged, billed = row[10:19]
    facts, card = row[19:]
    at, trip, stop, riders = _place(kind, bytes(facts))
    first = "Purchase" if kind == SALE else "Transfer entrance" if transfers else "Enter"
    return Event.model_validate({
        "transaction_id": str(number), "service_date": date_of(day), "event_timestamp": _time(at),
        "fare_action": first if sign > 0 else "Adjust", "amount_cents": sign * charged,
        "currency_type": "EUR", "full_cents": sign * full, "billed_cents": sign * billed,
        "payer": payer, "authority": authority, "issuer": issuer, "operator": operator,
        "device_id": str(device), "trip": None if trip == TRIP_NONE else trip,
        "stop_id": None if stop == STOP_NONE else str(stop), "num_riders": riders,
        "rider_category": str(rider), "concession": concession, "fare_product": str(product),
        "tariff": tariff, "zones": zones, "transfers": transfers,
        "fare_media_id": _medium(channel), "token_id": names.of(card, day),
    })  # fmt: skip


def _medium(channel: str) -> str:
    if not channel:
        return "Smart card or ticket"
    return "Cash or coins" if channel == "vehicle" else "Other type"


def _place(kind: int, facts: bytes) -> tuple[int, int, int, int]:
    """Return (second, trip, stop, riders) of a ride's facts; its time is cut to the minute."""
    if kind == SALE:
        at, trip, stop, *_ = found = read_sale(facts)
        return at, trip, stop, sum(found[3:])
    trip, stop, youths, children = read_place(facts)
    return read_body(facts)[TIME_OF_BODY], trip, stop, 1 + youths + children


def _time(at: int) -> str:
    return datetime.fromtimestamp(to_unix(at - at % 60), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
