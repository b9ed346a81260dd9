"""The forms a value of a tariff file may have: what fits, and what to say of what does not.

A check takes a value as tomllib gives it and returns "" or what was wanted. Reading a value (a
time as minutes, an amount as cents) stands beside its check. Source: tariff-model.md section 2.
"""

import datetime
import re
from collections.abc import Callable
from typing import Any

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 1440
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_AMOUNT = re.compile(r"(-?)(\d{1,7})(?:\.(\d{1,3}))?")


def cents(value: Any, decimals: int = 2) -> int:
    """Return an amount of money in the smallest unit. Raises: ValueError saying what was wanted."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(AMOUNT_WANTED)
    if isinstance(value, int):
        amount = value
    else:
        match = _AMOUNT.fullmatch(value)
        digits = match.group(3) or "" if match else ""
        if match is None or len(digits) > decimals:
            raise ValueError(AMOUNT_WANTED)
        amount = int(match.group(2)) * 10**decimals + int(digits.ljust(decimals, "0") or 0)
        amount = -amount if match.group(1) else amount
    if not 0 <= amount < 1 << 24:
        raise ValueError(f"an amount of 0..{(1 << 24) - 1}")
    return amount


def money(amount: int, decimals: int = 2) -> str:
    """Return cents as an amount with its decimal digits: 251 is 2.51."""
    if not decimals:
        return str(amount)
    sign, amount = ("-" if amount < 0 else ""), abs(amount)
    return f"{sign}{amount // 10**decimals}.{amount % 10**decimals:0{decimals}d}"


def signed(amount: int, decimals: int = 2) -> str:
    """Return a change of money with its sign: 21 is +0.21, 0 is 0.00."""
    return f"{'+' if amount > 0 else ''}{money(amount, decimals)}"


AMOUNT_WANTED = 'cents as a whole number, or an amount as text such as "2.51"'


def minutes(value: Any) -> int:
    """Return "HH:MM" as minutes, "24:00" included. Raises: ValueError."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > DAY_MINUTES:
        raise ValueError('a time of day as text, such as "04:30"')
    return int(match[1]) * 60 + int(match[2])


def weekdays(value: Any) -> int:
    """Return days of the week as a mask, Monday = 1. Raises: ValueError."""
    mask = 0
    for part in value.split(",") if isinstance(value, str) else [""]:
        first, _dash, last = part.strip().partition("-")
        if first == "all" and not last:
            mask |= 127
        elif first in WEEKDAYS and (last or first) in WEEKDAYS:
            start = WEEKDAYS.index(first)
            length = (WEEKDAYS.index(last or first) - start) % 7 + 1
            mask |= sum(1 << (start + i) % 7 for i in range(length))
        else:
            raise ValueError('days of the week such as "Mon-Fri", "Sat,Sun" or "all"')
    return mask


def percent_tenths(value: Any) -> int:
    """Return a percentage in tenths: 50 and "50" are 500, "12.5" is 125. Raises: ValueError."""
    try:
        return cents(value, 1) if isinstance(value, str) else cents(value) * 10
    except ValueError:
        raise ValueError('a whole percentage, or text such as "12.5"') from None


def name_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def wanted(form: str, value: Any) -> str:
    """Return "" when `value` has the form, else the words for what was wanted."""
    kind, _space, rest = form.partition(" ")
    if kind == "integer":
        low, high = (int(part) for part in rest.split(".."))
        fits = _is_int(value) and low <= value <= high
        return "" if fits else f"a whole number {low}..{high}"
    if kind == "choice":
        allowed = rest.split(", ")
        if form == STOPS_FROM:
            names = name_list(value) if isinstance(value, str | list) else []
            fits = bool(names) and all(name in allowed for name in names)
        else:
            fits = value in allowed
        return "" if fits else "one of " + ", ".join(f'"{word}"' for word in allowed)
    if form == "list of purse, single, pass":
        allowed = rest.removeprefix("of ").split(", ")
        fits = isinstance(value, list) and all(item in allowed for item in value)
        return "" if fits else "a list of " + ", ".join(f'"{word}"' for word in allowed)
    return FORMS[form](value)


STOPS_FROM = "choice stops.zone_id, stop_areas"


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _reads(read: Callable[[Any], Any]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        try:
            read(value)
        except ValueError as error:
            return str(error)
        return ""

    return check


def _either(what: str, fits: Callable[[Any], bool]) -> Callable[[Any], str]:
    return lambda value: "" if fits(value) else what


def _is_date(value: Any) -> bool:
    return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)


def _is_texts(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value)
    return isinstance(value, list) and all(isinstance(i, str) and i for i in value)


def _is_pair(value: Any, low: int, high: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(_is_int(i) for i in value)
        and low <= value[0] <= value[1] <= high
    )


def _scalar_list(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, str | int) for item in items)


def price_row(value: Any) -> str:
    """Check a row of prices: an amount, a list by count, a table by set, same or derive."""
    if isinstance(value, list):
        return next((said for said in map(FORMS["cents"], value) if said), "")
    if not isinstance(value, dict):
        return FORMS["cents"](value)
    if set(value) == {"same"}:
        return FORMS["name"](value["same"])
    if "derive" in value and set(value) <= {"derive", "listed"}:
        return _derive(value["derive"]) or price_row(value.get("listed", 0))
    for cell in value.values():
        if isinstance(cell, dict):
            return next((said for said in map(FORMS["cents"], cell.values()) if said), "")
        if said := FORMS["cents"](cell):
            return said
    return ""


def _derive(value: Any) -> str:
    if not isinstance(value, dict) or set(value) != {"from", "percent", "round"}:
        return 'derive = { from = "adult", percent = 50, round = "half_up" }'
    return (
        FORMS["name"](value["from"])
        or FORMS["percent"](value["percent"])
        or wanted("choice " + ", ".join(ROUNDINGS), value["round"])
    )


# A named rounding: the multiple it rounds to, and whether half, everything or nothing goes up.
ROUNDINGS = {
    "half_up": (1, "half"),
    "half_up_to_5": (5, "half"),
    "half_up_to_10": (10, "half"),
    "floor": (1, "none"),
    "up_to_5": (5, "all"),
    "up_to_10": (10, "all"),
}


def rounded(numerator: int, denominator: int, rounding: str) -> int:
    """Return numerator / denominator in cents under a named rounding; no float comes near it."""
    multiple, way = ROUNDINGS[rounding]
    unit = denominator * multiple
    up_from = {"half": unit, "all": 2 * unit - 2, "none": 0}[way]
    return (2 * numerator + up_from) // (2 * unit) * multiple


FORMS: dict[str, Callable[[Any], str]] = {
    "text": _either("text", lambda v: isinstance(v, str) and bool(v.strip())),
    "name": _either("a name as text", lambda v: isinstance(v, str) and bool(v)),
    "names": _either("a name or a list of names", _is_texts),
    "zones": _either('zones such as "A" or ["A", "B"]', _is_texts),
    "file": _either("a file name as text", lambda v: isinstance(v, str) and bool(v)),
    "files": _either("a list of file names", lambda v: isinstance(v, list) and _is_texts(v)),
    "flag": _either("true or false", lambda v: isinstance(v, bool)),
    "date": _either("a date without quotes, such as 2026-01-31", _is_date),
    "dates": _either(
        "a list of dates, such as [2026-01-06]",
        lambda v: isinstance(v, list) and all(_is_date(i) for i in v),
    ),
    "currency": _either(
        'three capitals of ISO 4217, such as "EUR"',
        lambda v: isinstance(v, str) and re.fullmatch("[A-Z]{3}", v) is not None,
    ),
    "cents": _reads(cents),
    "percent": _reads(percent_tenths),
    "time": _reads(minutes),
    "days": _reads(weekdays),
    "ages": _either("[from, to] in years, such as [7, 16]", lambda v: _is_pair(v, 0, 150)),
    "days count": _either(
        "days 1..9999, or [least, most]",
        lambda v: (_is_int(v) and 1 <= v <= 9999) or _is_pair(v, 1, 9999),
    ),
    "hours count": _either(
        "hours 1..9999, or [least, most]",
        lambda v: (_is_int(v) and 1 <= v <= 9999) or _is_pair(v, 1, 9999),
    ),
    "start": _either(
        '"first_use", "first_use_or_date", "date" or a day such as 2026-08-10',
        lambda v: v in ("first_use", "first_use_or_date", "date") or _is_date(v),
    ),
    "cents or name": lambda v: (
        "" if isinstance(v, str) and v and not v[0].isdigit() else FORMS["cents"](v)
    ),
    "clock windows": _either(
        '[["09:00", "13:00"], ...]',
        lambda v: (
            isinstance(v, list)
            and bool(v)
            and all(
                isinstance(w, list) and len(w) == 2 and not any(FORMS["time"](t) for t in w)
                for w in v
            )
        ),
    ),
    "minutes by count": _either(
        "a list of minutes, such as [60, 90]",
        lambda v: isinstance(v, list) and all(_is_int(i) and 0 <= i <= 1440 for i in v),
    ),
    "scalars": _either("text, a number, or a list of them", _scalar_list),
    "price row": price_row,
}
