"""Compile an authority's tariff (TOML) over its GTFS feed into the body every engine prices.

Prices are published numbers, never derived at tap time. Today it takes prices by count of zones
(the run's length), flat prices, rider groups, transfer minutes by start zone and purse products.
Source: tariff-model.md sections 2 and 4; W-29 to W-38, W-114.
"""

import datetime
import tomllib
import zoneinfo
from pathlib import Path
from typing import Any

from backend_sync.tariffs.gtfs import Feed
from card_layouts.errors import RangeError
from card_layouts.fares.tariff import ZONES_MAX
from card_layouts.fares.tariff_builder import build

EPOCH = datetime.date(2020, 1, 1)
MECHANISM_PURSE = 0


class TariffError(ValueError):
    """A tariff that cannot be compiled: says key, found, wanted."""


def load_toml(path: Path) -> dict[str, Any]:
    """Return the tariff written in `path`. Raises: TariffError with the line of a syntax fault."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise TariffError(f"{path}: no such file; wanted a tariff in TOML") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TariffError(f"{path.name}: {error}") from None


def compile_tariff(source: dict[str, Any], feed: Feed, version: int) -> bytes:
    """Return the package body of tariff `source` over `feed`.

    Raises: TariffError when a key is missing or a number does not fit.
    """
    order = zone_order(source, feed)
    groups = list(_need(source, "groups"))
    table = _need(source, "prices", "value")
    place = {zone: i for i, zone in enumerate(order, 1)}
    flat = table.get("by") == "flat"
    transfer = _need(source, "transfer", "value", "by_start_zone")
    try:
        return build(
            authority=_need(source, "authority"),
            version=version,
            currency=_need(source, "currency").encode("ascii"),
            valid_from=_day(source, "valid_from"),
            valid_to=_day(source, "valid_to"),
            prices=_prices(table, groups, len(order)),
            groups=[_group(source, groups, name) for name in groups],
            transfers=[int(transfer.get(zone, transfer.get("*", 0))) for zone in order],
            stops=[1 if flat else place.get(stop.zone, 0) for stop in feed.stops],
            products=[
                (int(p["number"]), MECHANISM_PURSE, int(p.get("rank", 0)))
                for p in _need(source, "products").values()
            ],
            offsets=_offsets(
                _need(source, "timezone"), _day(source, "valid_from"), _day(source, "valid_to")
            ),
            shift_minutes=_minutes(_need(source, "service_day")),
            feed_hash=feed.sha256[:8],
        )
    except RangeError as error:
        raise TariffError(str(error)) from None


def zone_order(source: dict[str, Any], feed: Feed) -> list[str]:
    """Return the zones in their order: as written, else as the feed names them; flat has one."""
    if _need(source, "prices", "value").get("by") == "flat":
        return ["*"]
    order = list(source.get("zones", {}).get("order") or feed.zones() or [""])
    if len(order) > ZONES_MAX:
        raise TariffError(f"zones.order: {len(order)} zones, an authority has at most {ZONES_MAX}")
    unknown = sorted(set(feed.zones()) - set(order))
    if unknown:
        raise TariffError(f"zones.order: {order} lacks zones of the feed: {', '.join(unknown)}")
    return order


def _prices(table: dict[str, Any], groups: list[str], zone_count: int) -> list[list[list[int]]]:
    def cents(group: str, length: int) -> int:
        row = table.get(group)
        while isinstance(row, dict):
            row = table.get(row.get("same", ""))
        if isinstance(row, int):
            return row
        if not isinstance(row, list) or len(row) < length:
            raise TariffError(
                f"prices.value.{group}: {row!r}, wanted a price in cents for each run of 1.."
                f"{zone_count} zones"
            )
        return int(row[length - 1])

    return [
        [[cents(group, length) for group in groups] for length in range(1, zone_count - low + 2)]
        for low in range(1, zone_count + 1)
    ]


def _group(source: dict[str, Any], groups: list[str], name: str) -> tuple[int, int]:
    row = _need(source, "groups", name)
    full = row.get("full", name)
    if full not in groups:
        raise TariffError(f"groups.{name}.full: {full!r}, wanted one of {', '.join(groups)}")
    return groups.index(full), int(row.get("concession", 0))


def _offsets(zone_name: str, first_day: int, last_day: int) -> list[tuple[int, int]]:
    """Return (UTC second since 2020, minutes) at each change of the zone's offset."""
    try:
        zone = zoneinfo.ZoneInfo(zone_name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise TariffError(f"timezone: {zone_name!r} is not in the time-zone database") from None
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    rows: list[tuple[int, int]] = []
    for hour in range((first_day - 1) * 24, (last_day + 2) * 24):
        moment = start + datetime.timedelta(hours=hour)
        offset = moment.astimezone(zone).utcoffset()
        assert offset is not None
        minutes = int(offset.total_seconds()) // 60
        if not rows or rows[-1][1] != minutes:
            rows.append((max(hour, 0) * 3600, minutes))
    return rows


def _need(source: dict[str, Any], *keys: str) -> Any:
    value: Any = source
    for i, key in enumerate(keys):
        if not isinstance(value, dict) or key not in value:
            raise TariffError(f"{'.'.join(keys[: i + 1])}: missing from the tariff")
        value = value[key]
    return value


def _day(source: dict[str, Any], key: str) -> int:
    value = _need(source, key)
    if not isinstance(value, datetime.date):
        raise TariffError(f"{key}: {value!r}, wanted a date such as 2026-01-31")
    return (value - EPOCH).days


def _minutes(text: str) -> int:
    hours, _colon, minutes = str(text).partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise TariffError(f"service_day: {text!r}, wanted a time of day such as 04:00")
    return int(hours) * 60 + int(minutes)
