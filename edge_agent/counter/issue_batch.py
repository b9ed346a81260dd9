"""The batch file: one delivery of cards, which numbers they get and what is written on all of them.

    batch = 17                      # the supplier's delivery, 1..16777215
    first = "244 00001000 9"        # the printed numbers of the delivery, check digit included
    last = "244 00001499 2"
    kind = "personal"               # personal, holder, group, staff, test
    limit_cents = 30000             # hard maximum of the purse
    deposit_cents = 500             # 0 if left out; tens of cents
    group = 0                       # rider group, concession, municipality, language: 0 if left out
    purse_product = 1               # fare product that the purse pays
    purse_zones = [1, 2]            # its zones; left out: chosen at each tap
    expires = "2031-12"             # left out: never

Source: decisions.md D1, D5; SPEC.md table S; W-124, W-125.
"""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from card_layouts.cards.card_layout import CARD_LAYOUT, S
from card_layouts.cards.card_number import card_number, parse_card_number
from card_layouts.cards.zones import zones_bitmap
from card_layouts.errors import LayoutError, RangeError
from edge_agent.counter.desk import CounterError

KINDS = ("personal", "holder", "group", "staff", "test")
BATCH_MAX, LIMIT_MAX, DEPOSIT_MAX = (1 << 24) - 1, 65_535, 2_550
NEVER_DAY, NEVER_MONTH, FIRST_YEAR = (1 << 14) - 1, (1 << 9) - 1, 2020
DAY_S = 86_400
NUMBERS = ("group", "concession", "municipality", "language", "purse_product")
WANTED = {"batch", "first", "last", "kind", "limit_cents"}
ALLOWED = WANTED | {"deposit_cents", "purse_zones", "expires", *NUMBERS}


@dataclass(frozen=True)
class IssueBatch:
    """One delivery. `head`: fields of S that all its cards share; money in cents."""

    path: Path
    number: int
    authority: int
    first_serial: int
    last_serial: int
    limit_cents: int
    deposit_cents: int
    head: dict[str, int]

    @property
    def count(self) -> int:
        return self.last_serial - self.first_serial + 1

    def printed(self, serial: int) -> str:
        """Return the number printed on the card `serial`."""
        return str(card_number(self.authority, serial))

    def head_of(self, serial: int, issued_s: int) -> bytes:
        """Return the 44 bytes of S for one card."""
        head = {**self.head, "serial": serial, "issued": issued_s // DAY_S}
        return bytes(S.pack(head))

    def shared(self) -> dict[str, Any]:
        """Return what all its cards were given, for `tornello ledger import-batches`."""
        head = bytes(S.pack(self.head)).hex()
        return {"authority": self.authority, "batch": self.number, "head": head}

    def digest(self) -> bytes:
        """Return 32 bytes that change with any value of the batch."""
        values = [self.number, self.authority, self.first_serial, self.last_serial]
        values += [self.limit_cents, self.deposit_cents]
        text = json.dumps([values, sorted(self.head.items())])
        return hashlib.sha256(b"tornello batch 1" + text.encode()).digest()


def read_batch(path: Path) -> IssueBatch:
    """Read and check a batch file. Raises: CounterError naming file, key, found and wanted."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CounterError(f"{path}: {error.strerror}; wanted a batch file") from None
    except (ValueError, RecursionError) as error:  # TOML's and UTF-8's own, endless numbers
        raise CounterError(f"{path}: not a TOML file ({error})") from None
    try:
        return _batch(path, found)
    except (LayoutError, RangeError, ValueError) as error:
        raise CounterError(f"{path}: {error}") from None


def _batch(path: Path, found: dict[str, Any]) -> IssueBatch:
    wrong = sorted(found.keys() ^ (found.keys() & ALLOWED)) or sorted(WANTED - found.keys())
    if wrong:
        what = "is not known" if wrong[0] in found else "is missing"
        raise ValueError(f"key {wrong[0]!r} {what}; known keys: {', '.join(sorted(ALLOWED))}")
    authority, first = parse_card_number(_text(found, "first"))
    last_authority, last = parse_card_number(_text(found, "last"))
    if last_authority != authority or last < first:
        raise ValueError(f"last: {found['last']} does not follow first, {found['first']}")
    deposit = _number(found, "deposit_cents", 0, DEPOSIT_MAX)
    if deposit % 10:
        raise ValueError(f"deposit_cents: found {deposit}, wanted whole tens: the card has no more")
    batch = IssueBatch(
        path,
        _number(found, "batch", 1, BATCH_MAX),
        authority,
        first,
        last,
        _number(found, "limit_cents", 1, LIMIT_MAX),
        deposit,
        {**_head(found), "authority": authority, "deposit": deposit // 10},
    )
    batch.head_of(first, 0)  # every field fits its bits, or the layout says which does not
    return batch


def _head(found: dict[str, Any]) -> dict[str, int]:
    kind = _text(found, "kind")
    if kind not in KINDS:
        raise ValueError(f"kind: found {kind!r}, wanted one of {', '.join(KINDS)}")
    zones = found.get("purse_zones", [])
    if not isinstance(zones, list) or not all(type(zone) is int for zone in zones):
        raise ValueError(f"purse_zones: found {zones!r}, wanted a list of zone numbers")
    return {
        "layout": CARD_LAYOUT,
        "kind": KINDS.index(kind),
        "expires": _month(found),
        "group_until": NEVER_DAY,
        "concession_until": NEVER_DAY,
        "purse_zones": zones_bitmap(zones),
        **{name: _number(found, name, 0, (1 << 14) - 1) for name in NUMBERS},
    }


def _month(found: dict[str, Any]) -> int:
    if "expires" not in found:
        return NEVER_MONTH
    year, _, month = _text(found, "expires").partition("-")
    if year.isdecimal() and month.isdecimal() and 1 <= int(month) <= 12:
        months = (int(year) - FIRST_YEAR) * 12 + int(month) - 1
        if 0 <= months < NEVER_MONTH:
            return months
    raise ValueError(
        f"expires: found {found['expires']!r}, wanted a month like 2031-12, to 2062-07"
    )


def _text(found: dict[str, Any], name: str) -> str:
    value = found[name]
    if not isinstance(value, str):
        raise ValueError(f"{name}: found {value!r}, wanted text in quotes")
    return value


def _number(found: dict[str, Any], name: str, least: int, most: int) -> int:
    value = found.get(name, 0)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name}: found {value!r}, wanted {least}..{most}")
    return value
