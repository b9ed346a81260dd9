"""Whether a folder is valid GTFS Fares v2: every reference resolves, every primary key is unique.

Written from the reference's tables alone; imports nothing of ours.
"""

import csv
from pathlib import Path

KEYS = {
    "areas": ("area_id",),
    "stop_areas": ("area_id", "stop_id"),
    "networks": ("network_id",),
    "route_networks": ("route_id",),
    "timeframes": ("timeframe_group_id", "start_time", "end_time", "service_id"),
    "rider_categories": ("rider_category_id",),
    "fare_media": ("fare_media_id",),
    "fare_products": ("fare_product_id", "rider_category_id", "fare_media_id"),
    "fare_leg_rules": (
        "network_id", "from_area_id", "to_area_id", "from_timeframe_group_id",
        "to_timeframe_group_id", "fare_product_id",
    ),
    "fare_transfer_rules": (
        "from_leg_group_id", "to_leg_group_id", "fare_product_id", "transfer_count",
        "duration_limit",
    ),
}  # fmt: skip
REFERENCES = [
    ("stop_areas", "area_id", "areas", "area_id"),
    ("stop_areas", "stop_id", "stops", "stop_id"),
    ("route_networks", "network_id", "networks", "network_id"),
    ("route_networks", "route_id", "routes", "route_id"),
    ("timeframes", "service_id", "services", "service_id"),
    ("fare_products", "rider_category_id", "rider_categories", "rider_category_id"),
    ("fare_products", "fare_media_id", "fare_media", "fare_media_id"),
    ("fare_leg_rules", "network_id", "networks", "network_id"),
    ("fare_leg_rules", "from_area_id", "areas", "area_id"),
    ("fare_leg_rules", "to_area_id", "areas", "area_id"),
    ("fare_leg_rules", "from_timeframe_group_id", "timeframes", "timeframe_group_id"),
    ("fare_leg_rules", "to_timeframe_group_id", "timeframes", "timeframe_group_id"),
    ("fare_leg_rules", "fare_product_id", "fare_products", "fare_product_id"),
    ("fare_transfer_rules", "from_leg_group_id", "fare_leg_rules", "leg_group_id"),
    ("fare_transfer_rules", "to_leg_group_id", "fare_leg_rules", "leg_group_id"),
    ("fare_transfer_rules", "fare_product_id", "fare_products", "fare_product_id"),
]


def faults(folder: Path) -> list[str]:
    """Return what is wrong with the fare files of `folder`, in words."""
    tables = {path.stem: _rows(path) for path in folder.glob("*.txt")}
    tables["services"] = tables.get("calendar", []) + tables.get("calendar_dates", [])
    found = [
        f"{name}: {key} stands twice"
        for name, columns in KEYS.items()
        for key in _twice([tuple(r.get(c, "") for c in columns) for r in tables.get(name, [])])
    ]
    for name, column, other, key in REFERENCES:
        known = {row[key] for row in tables.get(other, [])}
        used = {row.get(column, "") for row in tables.get(name, [])} - {""}
        found += [f"{name}.{column}: {value} is nowhere" for value in sorted(used - known)]
    defaults = [r for r in tables["rider_categories"] if r["is_default_fare_category"] == "1"]
    found += [] if len(defaults) == 1 else [f"{len(defaults)} default riders"]
    if any(row.get("network_id") for row in tables["routes"]) and tables.get("route_networks"):
        found.append("routes.network_id beside route_networks")
    found += _transfer_faults(tables["fare_transfer_rules"])
    found += _overlaps(tables["timeframes"])
    for row in tables["fare_products"]:
        whole, _point, digits = row["amount"].partition(".")
        if not whole.isdigit() or len(digits) != {"JPY": 0}.get(row["currency"], 2):
            found.append(f"fare_products.amount: {row['amount']} {row['currency']}")
    return found


def _transfer_faults(rows: list[dict[str, str]]) -> list[str]:
    found = []
    for row in rows:
        same = row["from_leg_group_id"] == row["to_leg_group_id"]
        if same != bool(row["transfer_count"]) or row["transfer_count"] == "0":
            found.append(f"transfer_count {row['transfer_count']!r}, same group: {same}")
        if bool(row["duration_limit"]) != bool(row["duration_limit_type"]):
            found.append("duration_limit without its type")
    return found


def _overlaps(rows: list[dict[str, str]]) -> list[str]:
    spans: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows:
        key = (row["timeframe_group_id"], row["service_id"])
        spans.setdefault(key, []).append((row["start_time"], row["end_time"]))
    return [
        f"timeframes: {key} overlaps"
        for key, of_key in spans.items()
        for before, after in zip(sorted(of_key), sorted(of_key)[1:])
        if after[0] < before[1]
    ]


def _twice(keys: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return (
        sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
