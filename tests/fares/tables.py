"""The accountant's tables: `tables/*.txt`, one tap or one published price a line, in words.

A table of taps has the columns
    when | where | rider | card | journey | with | pays | by
and a price list
    table | group | zones | price
README.md beside this file explains the words. Amounts are euros with two digits.
"""

import datetime
import re
import zoneinfo
from pathlib import Path

from tests.fares.oracle_tariff import group_number, letters, numbered

FOLDER = Path(__file__).with_name("tables")
EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
MECHANISM = {"season": 2, "zero": 10, "flex": 3, "best": 4, "tupla": 4, "school": 5}
MECHANISM |= {"student": 6, "multi": 8, "group": 9, "tourist": 11}
ARROW = re.compile(r"\s*\|\s*")


class TableError(ValueError):
    """A line that is not understood: file, line, what was found and wanted."""


class Line:
    """One line: where it stands, and its columns by name."""

    def __init__(self, file, number, columns):
        self.place, self.columns = f"{file.name}:{number}", columns

    def __getattr__(self, name):
        return self.columns[name]


def read(path):
    """Return (tariff, list of Line). Raises: TableError."""
    tariff, names, lines = "", [], []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        if text.startswith("tariff:"):
            tariff = text.partition(":")[2].strip()
            continue
        cells = ARROW.split(text.strip())
        if not names:
            names = cells
            continue
        if len(cells) != len(names):
            raise TableError(f"{path.name}:{number}: {len(cells)} columns, wanted {len(names)}")
        lines.append(Line(path, number, dict(zip(names, cells))))
    return tariff, lines


def cents(text):
    """Return "2.51" as 251; no float comes near it."""
    match = re.fullmatch(r"(\d+)\.(\d\d)", text)
    if not match:
        raise TableError(f"{text!r} is no amount such as 2.51")
    return int(match[1]) * 100 + int(match[2])


# --- one line as a case ---------------------------------------------------------------------------


def case(world, line):
    """Return (card, tap, rights) of a line of taps."""
    book = world["book"]
    tap = _tap(world, line)
    group = line.rider
    if group not in book["groups"]:
        raise TableError(f"{line.place}: {group!r} is no group of this tariff")
    card = {
        "issuer": book["authority"],
        "kind": 0,
        "group": group_number(book, group),
        "group_until": None,
        "concession": 0,
        "concession_until": None,
        "balance": 10000,
        "purse": None,
        "slots": [None] * 4,
        "caps": {"day": None, "day_sum": 0, "start": None, "period_sum": 0},
        "journey": None,
    }
    rights = {}
    for item in line.card.split(";"):
        _hold(book, card, tap, rights, item.strip(), line)
    if line.journey != "-":
        card["journey"] = _journey(book, card, tap, line)
    return card, tap, rights


def _tap(world, line):
    book = world["book"]
    local = datetime.datetime.strptime(line.when[-16:], "%Y-%m-%d %H:%M").replace(
        tzinfo=zoneinfo.ZoneInfo(book["timezone"])
    )
    place = re.fullmatch(r"(\S+)(?: picked (\S+))?(?: trip (\S+) call (\d+))?", line.where)
    if not place:
        raise TableError(f"{line.place}: where is {line.where!r}?")
    zone, picked, trip, call = place.groups()
    stops = [s for s, row in sorted(world["feed"]["stops"].items()) if row["zone"] == zone]
    words = re.findall(r"(\d+) (adult|youth|child)", line.columns["with"])
    party = {name: int(count) for count, name in words}
    return {
        "seconds": int((local.astimezone(datetime.UTC) - EPOCH).total_seconds()),
        "clock": "signed",
        "trip": trip,
        "call": int(call) - 1 if call else None,
        "stop": None if trip else stops[0],
        "picked": numbered(book, letters(book, picked)) if picked else frozenset(),
        "companions": (party.get("adult", 0), party.get("youth", 0), party.get("child", 0)),
        "gate": "gate" in line.columns["with"],
        "same_device": "again" in line.columns["with"],
        "trip_reset": False,
        "ticket": False,
        "book": 0,
    }


def _hold(book, card, tap, rights, item, line):
    """Put one thing on the card: "value A-B with 2.00", "season30 A-B from 2025-03-01"."""
    words = item.split()
    name = words.pop(0)
    if name == "paper":
        name, tap["ticket"] = words.pop(0), True
    if name not in book["products"]:
        raise TableError(f"{line.place}: {name!r} is no product of this tariff")
    product = book["products"][name]
    zones = frozenset()
    if words and words[0] not in WORDS:
        zones = numbered(book, letters(book, words.pop(0)))
    told = dict(zip(words[::2], words[1::2]))
    if product["kind"] in ("purse", "ticket") and not {"from", "first"} & set(told):
        if "needs" not in product:
            card["purse"] = {"product": product["number"], "zones": zones, "mechanism": 1}
            card["purse"] |= {"companions": 0, "last": None}
            card["balance"] = cents(told.get("with", "100.00"))
            return
    slot = card["slots"].index(None)
    card["slots"][slot] = _held(product, name, zones, told)
    rights[slot + 1] = _sold(product, told)


WORDS = ("from", "first", "last", "left", "trips", "with", "until", "sum", "threshold")


def _held(product, name, zones, told):
    """Read: from DAY (first use), last DAY (counted), left N, trips N, sum CENTS left."""
    start = _date(told.get("from"))
    length, _left, _cents = _sold(product, told)
    return {
        "mechanism": next((m for key, m in MECHANISM.items() if name.startswith(key)), 1),
        "product": product["number"],
        "zones": zones or (frozenset() if "needs" in product else "everywhere"),
        "last": _date(told.get("until")),
        "usage": True,
        "start": start,
        "length": length if start else 0,
        "day": _date(told.get("last")),
        "left": int(told.get("left", "0")),
        "today": int(told.get("trips", "0")),
        "cents": cents(told.get("sum", "0.00")),
    }


def _sold(product, told):
    span = product.get("span", {})
    days = span.get("days", product.get("cap", {}).get("days", 90))
    length = days if isinstance(days, int) else int(told.get("first", days[1]))
    left = span.get("travel_days", product.get("uses", 0))
    return length, left, cents(told.get("threshold", "0.00"))


def _journey(book, card, tap, line):
    """ "A-B from A 45 min ago paid 3.38 by value for 2 night" """
    match = re.fullmatch(
        r"(\S+) from (\S+) (\d+) (min|sec) ago paid (\S+) by (\S+)(?: for (\d+))?( night)?",
        line.journey,
    )
    if not match:
        raise TableError(f"{line.place}: {line.journey!r} is no journey")
    zones, start, ago, unit, paid, by, heads, night = match.groups()
    seconds = int(ago) * (60 if unit == "min" else 1)
    number = book["products"][by]["number"]
    slots = [slot["product"] if slot else None for slot in card["slots"]]
    slot = slots.index(number) + 1 if number in slots else 0
    billed = slot == 0 and "payer" in book["products"][by]
    return {
        "authority": book["authority"],
        "start_zone": min(numbered(book, letters(book, start))),
        "zones": numbered(book, letters(book, zones)),
        "start_minute": (tap["seconds"] - seconds) // 60,
        "charged": cents(paid),
        "transfers": 0,
        "paid_by": 5 if billed else slot,
        "companions": int(heads or "1") - 1,
        "night": bool(night),
        "time": tap["seconds"] - seconds,
        "line": 0,
    }


def _date(text):
    return datetime.date.fromisoformat(text) if text else None
