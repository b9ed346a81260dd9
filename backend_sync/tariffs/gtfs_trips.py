"""The trips of a GTFS feed with the calls they make and when.

A million calls are kept as numbers in arrays; equal stop lists and equal times are one tuple each.
Source: the GTFS reference, trips.txt, stop_times.txt and frequencies.txt.
"""

import datetime
from array import array

from backend_sync.tariffs.feed import Line, Stop, Trip
from backend_sync.tariffs.gtfs_source import GtfsError, Source, shown

HOURS_MAX = 96  # a trip may run for days; beyond this the time is a mistake
ORDER_MAX = (1 << 31) - 1
DAY_MINUTES = 24 * 60
EARLY_MINUTES = 4 * 60  # a trip that leaves before this belongs to the night of its own date
HOLE_MINUTES = 120  # between two calls; the linter's late-stop-times says the same
NO_TIME = -1
CALL = 4  # numbers a call takes in its array: order, stop, minute, line of the file


def read_trips(
    source: Source,
    stops: list[Stop],
    lines: list[Line],
    services: dict[str, tuple[datetime.date, ...]],
) -> list[Trip]:
    """Return the trips that call at two stops or more, in order of their ids.

    Raises: GtfsError for a reference, order or time that is wrong.
    """
    line_index = {line.route_id: i for i, line in enumerate(lines)}
    rows: dict[str, tuple[int, int, int, str, str]] = {}
    for at_line, (trip_id, route, service, block, direction) in source.rows(
        "trips.txt", ("trip_id", "route_id"), ("service_id", "block_id", "direction_id")
    ):
        at = f"trips.txt:{at_line}"
        if trip_id in rows:
            raise GtfsError(
                f"{at}: trip_id {shown(trip_id)} stands twice, first in line {rows[trip_id][0]}; "
                "wanted it once"
            )
        if route not in line_index:
            raise GtfsError(f"{at}: route_id {shown(route)} is not a route of routes.txt")
        if direction not in ("", "0", "1"):
            raise GtfsError(f"{at}: direction_id {shown(direction)}; wanted 0, 1 or nothing")
        if service not in services:
            source.notes.add(
                at,
                "service",
                f"service_id {shown(service)} is in no calendar; the trip runs on "
                "no date; add the service to calendar.txt",
            )
        rows[trip_id] = (at_line, line_index[route], int(direction or 0), service, block)
    calls = _calls(source, rows.keys(), {stop.stop_id: i for i, stop in enumerate(stops)})
    _note_headways(source)
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    trips = []
    for trip_id in sorted(rows):
        at_line, line, direction_no, service, block = rows[trip_id]
        called = _in_order(trip_id, calls.get(trip_id, array("i")))
        if len(called) < 2:
            source.notes.add(
                f"trips.txt:{at_line}",
                "calls",
                f"trip {shown(trip_id)} calls at fewer than two stops; left out",
            )
            continue
        minutes = _minutes(trip_id, called)
        _note_times(source, trip_id, called, minutes)
        stop_list = tuple(call[1] for call in called)
        times = tuple(minute - minutes[0] for minute in minutes)
        trips.append(
            Trip(
                trip_id,
                line,
                direction_no,
                service,
                block,
                minutes[0],
                shared.setdefault(stop_list, stop_list),
                shared.setdefault(times, times),
            )
        )
    if not trips:
        raise GtfsError("trips.txt: no trip calls at two stops or more; wanted at least one")
    return trips


def _calls(source: Source, trips: object, stops: dict[str, int]) -> dict[str, "array[int]"]:
    found: dict[str, array[int]] = {}
    for line, (trip_id, stop_id, order, leaves, arrives) in source.rows(
        "stop_times.txt",
        ("trip_id", "stop_id", "stop_sequence"),
        ("departure_time", "arrival_time"),
        source.bounds.calls,
    ):
        stop = stops.get(stop_id)
        if stop is None:
            raise GtfsError(
                f"stop_times.txt:{line}: stop_id {shown(stop_id)} is not a stop of stops.txt where "
                "vehicles call"
            )
        if not (order.isascii() and order.isdigit() and len(order) <= 9):
            raise GtfsError(
                f"stop_times.txt:{line}: stop_sequence {shown(order)}, wanted a whole number"
            )
        time = leaves or arrives
        minute = _minute(line, time) if time else NO_TIME
        if trip_id not in found:
            found[trip_id] = array("i")
        found[trip_id].extend((int(order), stop, minute, line))
    for trip_id in found.keys() - set(trips):  # type: ignore[call-overload]
        source.notes.add(
            f"stop_times.txt:{found[trip_id][3]}",
            "trip",
            f"trip_id {shown(trip_id)} is not a trip of trips.txt; its calls are left out",
        )
    return found


def _minute(line: int, text: str) -> int:
    """Return whole minutes after midnight of the service's date; seconds are dropped."""
    hours, _, rest = text.partition(":")
    minutes, _, seconds = rest.partition(":")
    if (
        len(hours) in (1, 2, 3)
        and len(minutes) == len(seconds) == 2
        and (hours + minutes + seconds).isascii()
        and (hours + minutes + seconds).isdigit()
        and minutes < "60"
        and seconds < "60"
        and int(hours) < HOURS_MAX
    ):
        return int(hours) * 60 + int(minutes)
    raise GtfsError(
        f"stop_times.txt:{line}: time {shown(text)}; wanted H:MM:SS below {HOURS_MAX}:00:00"
    )


def _in_order(trip_id: str, flat: "array[int]") -> list[tuple[int, ...]]:
    called = sorted(tuple(flat[i : i + CALL]) for i in range(0, len(flat), CALL))
    for before, after in zip(called, called[1:], strict=False):
        if before[0] == after[0]:
            raise GtfsError(
                f"stop_times.txt:{after[3]}: stop_sequence {after[0]} of trip {shown(trip_id)} "
                f"stands in line {before[3]} too; wanted each once"
            )
    return called


def _minutes(trip_id: str, called: list[tuple[int, ...]]) -> list[int]:
    """Return the minute of each call; those without a time lie evenly between their neighbours."""
    minutes = [call[2] for call in called]
    for i in (0, -1):
        if minutes[i] == NO_TIME:
            raise GtfsError(
                f"stop_times.txt:{called[i][3]}: no time at the {'first' if i == 0 else 'last'} "
                f"call of trip {shown(trip_id)}; wanted one there"
            )
    timed = [i for i, minute in enumerate(minutes) if minute != NO_TIME]
    for low, high in zip(timed, timed[1:], strict=False):
        if minutes[high] < minutes[low]:
            raise GtfsError(
                f"stop_times.txt:{called[high][3]}: trip {shown(trip_id)} leaves at "
                f"{_clock(minutes[high])}, before {_clock(minutes[low])} of line {called[low][3]}; "
                "wanted times that never fall"
            )
        for i in range(low + 1, high):
            minutes[i] = minutes[low] + (minutes[high] - minutes[low]) * (i - low) // (high - low)
    return minutes


def _note_times(
    source: Source, trip_id: str, called: list[tuple[int, ...]], minutes: list[int]
) -> None:
    at = f"stop_times.txt:{called[0][3]}"
    if minutes[0] < EARLY_MINUTES:
        source.notes.add(
            at,
            "early",
            f"trip {shown(trip_id)} leaves at {_clock(minutes[0])} on its own date, "
            f"not at {_clock(minutes[0] + DAY_MINUTES)} of the night before; check its calendar",
        )
    if minutes[-1] >= DAY_MINUTES:
        source.notes.add(
            at,
            "late",
            f"trip {shown(trip_id)} runs to or past 24:00, to {_clock(minutes[-1])}; fares "
            "follow the clock at the tap, its calendar the date it left",
        )
    for i in range(1, len(minutes)):
        if minutes[i] - minutes[i - 1] > HOLE_MINUTES:
            source.notes.add(
                f"stop_times.txt:{called[i][3]}",
                "hole",
                f"trip {shown(trip_id)} takes "
                f"{minutes[i] - minutes[i - 1]:,} minutes from {_clock(minutes[i - 1])} to "
                f"{_clock(minutes[i])}, one call to the next; correct the times",
            )


def _note_headways(source: Source) -> None:
    for line, (trip_id,) in source.rows("frequencies.txt", ("trip_id",)):
        source.notes.add(
            f"frequencies.txt:{line}",
            "headway",
            f"trip {shown(trip_id)} repeats by headway; only "
            "its pattern trip is read; write each departure as a trip",
        )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
