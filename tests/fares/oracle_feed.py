"""The oracle's own reading of a GTFS folder: rows of text in dictionaries, nothing else.

Knows nothing of ours. Source: the GTFS reference (stops, routes, trips, stop_times, calendar).
"""

import csv
import datetime


def read_feed(folder):
    """Return the feed of `folder` as dictionaries by the feed's own ids."""
    areas = {}
    for row in _rows(folder, "stop_areas.txt", optional=True):
        areas.setdefault(row["stop_id"], []).append(row["area_id"])
    stops = {
        row["stop_id"]: {"zone": row.get("zone_id") or "", "areas": areas.get(row["stop_id"], [])}
        for row in _rows(folder, "stops.txt")
        if (row.get("location_type") or "0") == "0"
    }
    lines = {row["route_id"]: row.get("agency_id") or "" for row in _rows(folder, "routes.txt")}
    calls = {}
    for row in _rows(folder, "stop_times.txt"):
        time = row.get("departure_time") or row.get("arrival_time")
        call = (int(row["stop_sequence"]), row["stop_id"], _minute(time))
        calls.setdefault(row["trip_id"], []).append(call)
    trips = {
        row["trip_id"]: {
            "line": row["route_id"],
            "direction": row.get("direction_id") or "0",
            "calls": sorted(calls.get(row["trip_id"], [])),
        }
        for row in _rows(folder, "trips.txt")
    }
    return {"stops": stops, "lines": lines, "trips": trips, "services": _services(folder)}


def _services(folder):
    """Return service_id -> set of dates on which it runs."""
    services = {}
    weekdays = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    for row in _rows(folder, "calendar.txt", optional=True):
        day, last = _date(row["start_date"]), _date(row["end_date"])
        running = services.setdefault(row["service_id"], set())
        while day <= last:
            if row[weekdays[day.weekday()]] == "1":
                running.add(day)
            day += datetime.timedelta(days=1)
    for row in _rows(folder, "calendar_dates.txt", optional=True):
        running = services.setdefault(row["service_id"], set())
        if row["exception_type"] == "1":
            running.add(_date(row["date"]))
        else:
            running.discard(_date(row["date"]))
    return services


def _rows(folder, name, optional=False):
    try:
        with open(f"{folder}/{name}", encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        if optional:
            return []
        raise


def _date(text):
    return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _minute(text):
    hours, minutes, _seconds = text.split(":")
    return int(hours) * 60 + int(minutes)
