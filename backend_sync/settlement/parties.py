"""Who is paid and who is collected from: names and accounts, from one TOML file.

    [authority.1]                 # pays operators and other authorities, collects from payers
    name = "Koivula region"
    iban = "FI21 1234 5600 0007 85"
    bic = "NDEAFIHH"
    creditor_id = "FI00ZZZ12345678"   # to collect
    [operator.1.10]
    name = "Koivula Buses"
    iban = "..."
    [payer.1.town]
    name = "Town of Koivula"
    iban = "..."
    mandate = "M-2026-1"              # who may be collected from has signed one
    mandate_date = 2026-01-07

Names of parties are those of their statements: "operator-1-10". Source: W-23.
"""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")


class PartiesError(Exception):
    """The file does not fit; the message says where, what was found and what was wanted."""


class Party(NamedTuple):
    """A party's name and bank account."""

    name: str
    iban: str
    bic: str = ""
    creditor_id: str = ""
    mandate: str = ""
    mandate_date: date | None = None


def read_parties(path: Path) -> dict[str, Party]:
    """Return {party: account}. Raises: PartiesError."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PartiesError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or nested without end
        raise PartiesError(f"{path}: {error}") from None
    found = {}
    for name, row in _rows("", tree):
        found[name] = _party(f"{path}: {name.replace('-', '.')}", row)
    return found


def _rows(name: str, tree: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the innermost tables by their names joined with '-'."""
    if any(not isinstance(value, dict) for value in tree.values()):
        return [(name, tree)]
    rows = []
    for key, value in tree.items():
        rows += _rows(f"{name}-{key}" if name else key, value)
    return rows


def _party(place: str, row: dict[str, Any]) -> Party:
    unknown = sorted(row.keys() - set(Party._fields))
    if unknown:
        raise PartiesError(f"{place}: {unknown[0]!r}, wanted {', '.join(Party._fields)}")
    for name in Party._fields[:-1]:
        if not isinstance(row.get(name, ""), str):
            raise PartiesError(f"{place}.{name}: {row[name]!r}, wanted a text")
    party = Party(**{"name": "", "iban": "", **row})
    party = party._replace(iban=party.iban.replace(" ", "").upper())
    if not party.name:
        raise PartiesError(f"{place}: no name")
    if not is_iban(party.iban):
        raise PartiesError(f"{place}.iban: {party.iban!r} is none: its check digits are wrong")
    if party.bic and not BIC.fullmatch(party.bic):
        raise PartiesError(f"{place}.bic: {party.bic!r}, wanted 8 or 11 characters")
    if party.mandate and not isinstance(party.mandate_date, date):
        raise PartiesError(f"{place}.mandate_date: wanted the date of mandate {party.mandate!r}")
    return party


def is_iban(text: str) -> bool:
    """Return whether the check digits of an IBAN are right (ISO 13616: mod 97 is 1)."""
    if not IBAN.fullmatch(text):
        return False
    digits = "".join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    return int(digits) % 97 == 1
