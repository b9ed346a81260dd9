"""Recorded taps, one JSON object a line: what `tornello tariff whatif` prices again.

    {"id": "card 7", "card": {...}, "tap": {"at": "2025-03-04 08:15", "trip": "10-0700", "call": 2,
     "picked": "C", "adults": 1}, "charged": 338}

`card` is a card in words as read before the tap (README.md), or the list CARD itself; `tap` has
these words, or is the list TAP. `charged` is what was taken; without it a base tariff says.
"""

import datetime
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.taps import WordsError
from card_layouts.fares import inputs as i

TAP_KEYS = {"at", "trip", "call", "stop", "picked", "adults", "youths", "children", "flags", "book"}
LINE_BYTES_MAX = 1 << 16
NUMBER_MAX = (1 << 30) - 1


class RecordedTap(NamedTuple):
    line: int
    card_id: str  # "" where the taps of a card do not belong together
    card: list[int]
    tap: list[int]
    charged: int | None


def recorded_taps(path: Path, rater: Rater) -> Iterator[RecordedTap]:
    """Yield the taps of a file in its order.

    Raises: WordsError with file and line, OSError when the file is unreadable.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield _tap(number, _object(line.decode("utf-8")), rater)
            except (WordsError, ValueError) as error:
                raise WordsError(f"{path.name}:{number}: {error}") from None
            except (TypeError, LookupError, AttributeError, OverflowError) as error:
                said = f"{path.name}:{number}: a value of another kind than wanted: {error}"
                raise WordsError(said) from None


def _object(text: str) -> dict[str, Any]:
    if len(text) > LINE_BYTES_MAX:
        raise WordsError(f"a line of {len(text)} characters, at most {LINE_BYTES_MAX} wanted")
    try:
        words = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WordsError(f"no JSON: {error}") from None
    if not isinstance(words, dict) or "card" not in words or "tap" not in words:
        raise WordsError('wanted an object with "card" and "tap"')
    return words


def _tap(number: int, words: dict[str, Any], rater: Rater) -> RecordedTap:
    card, tap = words["card"], words["tap"]
    return RecordedTap(
        number,
        str(words.get("id", "")),
        _numbers("card", card if isinstance(card, list) else rater.words.card(card), i.CARD_SIZE),
        _numbers("tap", tap if isinstance(tap, list) else read_tap(tap, rater), i.TAP_SIZE),
        None if words.get("charged") is None else rater.words.cents(words["charged"]),
    )


def _numbers(name: str, row: list[Any], size: int) -> list[int]:
    if len(row) != size or not all(type(n) is int and -1 <= n <= NUMBER_MAX for n in row):
        raise WordsError(f"{name}: a list of {len(row)}, wanted {size} whole numbers of 30 bits")
    return row


def read_tap(words: Mapping[str, Any], rater: Rater) -> list[int]:
    """Return the TAP list of a tap in words. Raises: WordsError."""
    if not isinstance(words, dict):
        raise WordsError(f"tap: {words!r}, wanted an object or a list")
    for key in words:
        if key not in TAP_KEYS:
            raise WordsError(f"tap: {key!r} is no part of it; known: {', '.join(sorted(TAP_KEYS))}")
    if "at" not in words:
        raise WordsError('tap.at is missing; wanted a second since 2020, or "2025-03-04 08:15"')
    row = rater.tap(_place(words, rater), _second(words["at"], rater))
    row[i.T_PICKED] = rater.words.zones(words.get("picked", 0))
    if {"adults", "youths", "children"} & set(words):
        row[i.T_ADULTS] = _whole(words, "adults")
        row[i.T_YOUTHS] = _whole(words, "youths")
        row[i.T_CHILDREN] = _whole(words, "children")
    row[i.T_FLAGS], row[i.T_BOOK] = _whole(words, "flags"), _whole(words, "book")
    return row


def _whole(words: Mapping[str, Any], name: str) -> int:
    found = words.get(name, 0)
    if type(found) is not int or not -1 <= found <= NUMBER_MAX:
        raise WordsError(f"tap.{name}: {found!r}, wanted a whole number")
    return found


def _place(words: Mapping[str, Any], rater: Rater) -> Place:
    if words.get("trip") is not None:
        index = rater.trip_index.get(words["trip"])
        if index is None:
            raise WordsError(f"tap.trip: the feed has no trip {words['trip']!r}")
        return Place(None, index, _whole(words, "call"), -1)
    stops = {stop.stop_id: at for at, stop in enumerate(rater.feed.stops)}
    if words.get("stop") not in stops:
        raise WordsError(f"tap.stop: the feed has no stop {words.get('stop')!r}")
    return Place(None, -1, -1, stops[words["stop"]])


def _second(value: Any, rater: Rater) -> int:
    if type(value) is int and 0 <= value <= NUMBER_MAX:
        return value
    try:
        return rater.second(datetime.datetime.fromisoformat(str(value)).replace(tzinfo=None))
    except ValueError:
        raise WordsError(f'tap.at: {value!r}, wanted a time such as "2025-03-04 08:15"') from None
