"""The names' part of `tornello register`: say what a number is called, list what was said."""

import argparse
from collections.abc import Callable
from datetime import date
from typing import Any

from backend_sync.registers.asking import number
from backend_sync.registers.names import MOST, Name, every_name, name_it
from backend_sync.registers.opening import Registers
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User
from backend_sync.registers.show import table

Answer = tuple[int, Any, list[str]]
FIRST_DAY = date(2020, 1, 1)
HEADS = ("authority", "kind", "number", "name", "from", "who")


def add_commands(commands: Any, add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the subcommands about names."""
    words = "say what an operator, device or authority is called, from a day on"
    made = add(commands, "name", _name, words)
    made.add_argument("--authority", type=number, default=0, help="which says it (one's own)")
    made.add_argument("--kind", required=True, choices=list(MOST))
    made.add_argument("--number", type=number, required=True, help="of the operator, device ...")
    made.add_argument("--name", required=True, help="what it is called")
    made.add_argument("--from", dest="from_day", default="", metavar="DAY",
                      help="first day, 2026-06-01 (from the beginning)")  # fmt: skip
    listing = add(commands, "names", _names, "what operators, devices and authorities are called")
    listing.add_argument("--authority", type=number, default=0, help="whose names (one's own)")


def day_of(text: str) -> int:
    """Return a date as days since 2020, 0 for "". Raises: Refused."""
    try:
        day = (date.fromisoformat(text) - FIRST_DAY).days if text else 0
    except ValueError:
        raise Refused("day {text!r} is no date, wanted 2026-06-01", text=text[:40]) from None
    if day < 0:
        raise Refused("day {text}: wanted one from 2020 on", text=text)
    return day


def date_of(day: int) -> str:
    """Return days since 2020 as 2026-06-01; day 0 is the beginning."""
    return date.fromordinal(FIRST_DAY.toordinal() + day).isoformat()


def _name(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    made = name_it(registers.trail, by, _whose(by, options), options.kind, options.number,
                   options.name, day_of(options.from_day))  # fmt: skip
    return _shown([made])


def _names(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    return _shown(every_name(registers.database, _whose(by, options)))


def _whose(by: User, options: argparse.Namespace) -> int:
    """Return the authority whose names are meant; nobody sees another's. Raises: Refused."""
    wanted = options.authority or by.scope.authority
    if not wanted or by.scope.authority not in (0, wanted):
        raise Refused(f"names of authority {wanted}: wanted --authority N, one's own")
    return int(wanted)


def _shown(found: list[Name]) -> Answer:
    rows = [(n.authority, n.kind, n.number, n.name, date_of(n.from_day), n.by) for n in found]
    return 0, [name._asdict() for name in found], table(HEADS, rows, "nothing has a name yet")
