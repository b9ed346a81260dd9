"""One bit field in words: amounts, days, zones, kinds, flags, by the unit SPEC.md gives it.

Names, bits and widths come from the Layout, units and meanings from the table SPEC.md is made of:
a field added there is explained here without a line of code. Numbers that are enums take their
words from the same table ("0 personal, 1 holder") or from the constants of card_layout.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from card_layouts.cards import card_layout
from card_layouts.cards.card_number import card_number
from card_layouts.cards.transit_record import start_minute
from card_layouts.cards.zones import ZONES_ALL, zones_hull, zones_list
from card_layouts.codec.bits import INT_BITS_MAX, Layout
from card_layouts.errors import LayoutError
from card_layouts.spec_tables import GAPS, field_notes
from edge_agent.counter.explain_page import Row, Section

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
NO_END_DAY, NO_END_MONTH = (1 << 14) - 1, (1 << 9) - 1  # all ones
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Values = Mapping[str, Any]


def explain_layout(section: Section, layout: Layout, data: bytes) -> dict[str, Any]:
    """Add a row for every field of `layout` in `data` to the section; return the values.

    Raises: LayoutError if `data` is too short.
    """
    values: dict[str, Any] = layout.unpack(data)
    for bit, width, name in layout.rows():
        if name in GAPS:
            left = int.from_bytes(data, "big") >> (len(data) * 8 - bit - width) & (1 << width) - 1
            if left:
                text = "not 0: a newer program wrote something here"
                section.rows.append(
                    Row(name, f"{left:0{-(-width // 4)}x}", text, _bits(bit, width), "", "")
                )
            continue
        section.rows.append(explain_field(layout.name, name, bit, width, values))
    return values


def explain_field(table: str, name: str, bit: int, width: int, values: Values) -> Row:
    """Return the row of one field. `values`: all fields of the record it stands in."""
    note = _note(table, name)
    value = values[name]
    raw = value.hex() if isinstance(value, bytes) else f"{value:0{-(-width // 4)}x}"
    words = "" if width > INT_BITS_MAX else _words(table, name, value, values, note)
    meaning = note["meaning"].removesuffix(": list above")
    if _is_list(meaning) or words == f"{value} {meaning.partition(' = ')[2]}":
        meaning = ""
    text = f"{words} - {meaning}" if words and meaning else words or meaning
    return Row(name, raw, text, _bits(bit, width), note["ids"] or "", table)


def _bits(bit: int, width: int) -> str:
    return str(bit) if width == 1 else f"{bit}-{bit + width - 1}"


@cache
def _notes() -> dict[tuple[str, str], dict[str, str]]:
    return field_notes()


def _note(table: str, name: str) -> dict[str, str]:
    base = name.rstrip("0123456789")
    found = _notes().get((table, name)) or _notes().get((table, f"{base}[i]"))
    assert found is not None, f"spec_fields.tsv: no row {table}.{name}"
    return found


def _words(table: str, name: str, value: int, values: Values, note: dict[str, str]) -> str:
    special = _SPECIAL.get((table, name)) or _SPECIAL.get((table, name.rstrip("0123")))
    if special is not None:
        return special(value, values)
    unit = note["unit"]
    # The table's own word for nothing: "0 = not started", "0 = none".
    zero = re.search(r"\b0 = ([a-z][a-z ]*)", f"{note['range']}; {note['meaning']}")
    if zero and value == 0:
        return f"0, {zero[1]}"
    if unit in _BY_UNIT:
        return _BY_UNIT[unit](value)
    if unit in ("enum", "flag", "flags"):
        return _listed(unit, value, note["meaning"])
    return f"{value} {unit}" if unit in _COUNTED else str(value)


_COUNTED = ("days",)


def _listed(unit: str, value: int, meaning: str) -> str:
    """Return the word that a list "0 personal, 1 holder" has for a value."""
    words = _list_of(meaning)
    if unit == "flags":
        found = [word for bit, word in words.items() if value & bit]
        return ", ".join(found) or "none"
    if value in words:
        return f"{value} {words[value]}"
    if unit == "flag":
        return "yes" if value else "no"
    return str(value)


def _is_list(meaning: str) -> bool:
    return len(_list_of(meaning)) > 1


@cache
def _list_of(meaning: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for part in meaning.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\.\.(\d+))? (\D.*|\w+ slot \d+\.\.\d+)", part)
        if match:
            first, last = int(match[1]), int(match[2] or match[1])
            for number in range(first, last + 1):
                found[number] = _numbered(match[3], number - first)
    return found


def _numbered(word: str, at: int) -> str:
    """Return "P slot 2" of "P slot 0..3"."""
    span = re.search(r"(\d+)\.\.\d+$", word)
    return word if span is None else f"{word[: span.start()]}{int(span[1]) + at}"


def cents(value: int) -> str:
    """Return an amount as 12.34 EUR."""
    return f"{'-' if value < 0 else ''}{abs(value) // 100}.{abs(value) % 100:02} EUR"


def at_second(value: int) -> str:
    """Return UTC of seconds since 2020; 0 is none."""
    return f"{EPOCH + timedelta(seconds=value):%Y-%m-%d %H:%M:%S} UTC" if value else "not set"


def at_minute(value: int) -> str:
    """Return UTC of minutes since 2020; 0 is never."""
    return f"{EPOCH + timedelta(minutes=value):%Y-%m-%d %H:%M} UTC" if value else "never"


def on_day(value: int) -> str:
    """Return the date of days since 2020; 0 and all ones have words of their own."""
    date = f"{EPOCH + timedelta(days=value):%Y-%m-%d}"
    return {0: "not set", NO_END_DAY: f"no end ({date})"}.get(value, date)


def in_month(value: int) -> str:
    """Return year and month of months since 2020-01."""
    month = f"{2020 + value // 12}-{value % 12 + 1:02}"
    return f"no end ({month})" if value == NO_END_MONTH else month


def zones(code: int) -> str:
    """Return a ZoneSet as a list."""
    if code == ZONES_ALL:
        return "everywhere"
    try:
        found = zones_list(code)
    except LayoutError:
        return "no code of SPEC.md section 1"
    if not found:
        return "no zone"
    if len(found) > 2 and code == zones_hull(code):
        return f"zones {found[0]}..{found[-1]}"
    return ("zone " if len(found) == 1 else "zones ") + ", ".join(map(str, found))


def weekdays(value: int) -> str:
    """Return the days of a 7-bit mask, Monday first."""
    found = [day for i, day in enumerate(WEEKDAYS) if value >> (6 - i) & 1]
    return ", ".join(found) or "every day"


def constant_words(prefix: str) -> dict[int, str]:
    """Return {number: word} of the constants KIND_..., M_... of card_layout."""
    return {
        value: name[len(prefix) :].lower().replace("_", " ")
        for name, value in vars(card_layout).items()
        if name.startswith(prefix) and isinstance(value, int)
    }


KINDS, MECHANISMS = constant_words("KIND_"), constant_words("M_")


def _clock(value: int, _values: Values) -> str:
    return f"{value * 5 // 60:02}:{value * 5 % 60:02}"


def _journey_start(_value: int, values: Values) -> str:
    return at_minute(start_minute(values)) if values["start_zone"] else "no open journey"


def _kind(value: int, _values: Values) -> str:
    return f"{value} {KINDS.get(value, 'of no known kind')}"


def _ticket_start(value: int, _values: Values) -> str:
    return at_minute(value * 5) if value else "never tapped"


def _ticket_last(value: int, values: Values) -> str:
    if not values["start"]:
        return "never tapped"
    return at_minute(values["start"] * 5 + value)


def _channel(value: int, _values: Values) -> str:
    return _listed("enum", value, _note("P_SLOT", "channel")["meaning"])


_BY_UNIT: dict[str, Callable[[int], str]] = {
    "cent": cents,
    "10 cents": lambda value: cents(value * 10),
    "second": at_second,
    "minute": at_minute,
    "day": on_day,
    "service day": on_day,
    "month": in_month,
    "ZoneSet": zones,
    "bits Mon..Sun": weekdays,
    "enum M": lambda value: f"{value} {MECHANISMS.get(value, 'free')}",
}
_SPECIAL: dict[tuple[str, str], Callable[[int, Values], str]] = {
    ("S", "serial"): lambda value, all_: f"{value}, card {card_number(all_['authority'], value)}",
    ("P_SLOT", "window_from"): _clock,
    ("P_SLOT", "window_to"): _clock,
    ("G", "kind"): _kind,
    ("G", "start_minute"): _journey_start,
    ("ULC_HEADER", "channel"): _channel,
    ("ULC_SLOT", "start"): _ticket_start,
    ("ULC_SLOT", "last"): _ticket_last,
}
