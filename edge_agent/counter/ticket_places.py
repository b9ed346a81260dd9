"""What a clerk types and what a ticket holds: zones, rider groups and times by the tariff's names.

Source: W-51, W-53; D2 (wall clock times).
"""

import datetime

from card_layouts.cards.zones import ZONE_MAX
from card_layouts.errors import RangeError
from card_layouts.fares import sections as s
from card_layouts.fares.clock import offset_minutes
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import u16
from card_layouts.tickets.paper import group_name, zone_names
from edge_agent.counter.desk import CounterError

FIRST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
TIME_FORMAT = "%Y-%m-%d %H:%M"


def zones_named(tariff: Tariff, book: int, text: str) -> int:
    """Return the set of zones "A,B". Raises: CounterError naming those there are."""
    known = {zone_names(tariff, book, 1 << (ZONE_MAX - z)): 1 << (ZONE_MAX - z)
             for z in range(1, ZONE_MAX + 1)}  # fmt: skip
    known.pop("", None)
    chosen = 0
    for name in text.replace(",", " ").split():
        if name not in known:
            raise CounterError(f"zone {name!r}: the tariff has {', '.join(known)}")
        chosen |= known[name]
    if not chosen:
        raise CounterError(f"--zones {text!r}: wanted one or more of {', '.join(known)}")
    return chosen


def party_named(tariff: Tariff, text: str) -> list[tuple[int, int]]:
    """Return [(group, heads)] of "adult=2,child=1". Raises: CounterError."""
    known = {name: number for number, name in group_names(tariff).items()}
    party: dict[int, int] = {}
    for part in text.replace(",", " ").split():
        name, _, heads = part.partition("=")
        if name not in known:
            raise CounterError(f"group {name!r}: the tariff has {', '.join(known)}")
        if not (heads or "1").isdecimal() or not 1 <= int(heads or "1") <= 63:
            raise CounterError(f"{part!r}: wanted {name}=1 to {name}=63")
        party[known[name]] = party.get(known[name], 0) + int(heads or "1")
    if not party or sum(party.values()) > 63 or len(party) > 4:
        raise CounterError(f"--for {text!r}: wanted 1..63 persons of at most 4 groups")
    return sorted(party.items())


def group_names(tariff: Tariff) -> dict[int, str]:
    """Return {number: name} of the tariff's rider groups."""
    found = {}
    for number in range(tariff.count(s.GROUP_NAMES)):
        try:
            name = group_name(tariff, number)
        except RangeError:
            continue
        if name:
            found[number] = name
    return found


def minute_of_wall(tariff: Tariff, text: str) -> int:
    """Return minutes since 2020 of the wall time "2026-06-07 15:30"; of two the first."""
    try:
        wall = datetime.datetime.strptime(text, TIME_FORMAT).replace(tzinfo=datetime.UTC)
    except ValueError:
        raise CounterError(f"time {text!r}: wanted YYYY-MM-DD HH:MM") from None
    local = int((wall - FIRST).total_seconds()) // 60
    tried = [local - offset for offset in _offsets(tariff)]
    right = [minute for minute in tried if minute + offset_minutes(tariff, minute * 60) == local]
    if not right:
        raise CounterError(f"time {text}: the clock is put forward over it; choose a later one")
    return min(right)


def _offsets(tariff: Tariff) -> set[int]:
    at = tariff.resident_at(s.OFFSETS)
    found = {0}
    for row in range(tariff.count(s.OFFSETS)):
        minutes = u16(tariff.resident, at + 8 * row + 4)
        found.add(minutes - 0x10000 if minutes & 0x8000 else minutes)
    return found
