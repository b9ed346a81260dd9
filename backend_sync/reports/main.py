"""`tornello report ...`: figures of a ledger for authorities and operators, in every form.

PLACE is a folder with ledger.db, a database file or a URL; the published tariffs lie beside it, and
reports.db with saved queries and releases. Where that folder is bound to a register of users, who
asks signs in: --by NAME --secret FILE; he sees his own authority's or operator's figures. Elsewhere
--authority says whose. Exit code 0 = done, 1 = refused, and the message says what is wanted, 2 =
cannot be done.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.catalogue import every_tariff
from backend_sync.clocks import SystemClock
from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.registers.refusals import CommandError, Refused
from backend_sync.reports import saved_commands, statistics_commands
from backend_sync.reports.catalogue import REPORTS, find
from backend_sync.reports.command_line import add_form, add_place, hand_out, signed_in
from backend_sync.reports.definition import (
    EACH,
    FROM,
    OPERATOR,
    PRODUCT,
    TO,
    ReportRefused,
    allowed,
    run,
)
from backend_sync.reports.forms import form_of
from backend_sync.reports.naming import Names, named
from backend_sync.reports.words import word
from backend_sync.storage.disk import DiskRefused

FILTERS = (FROM, TO, EACH, OPERATOR, PRODUCT)
REFUSALS = (ReportRefused, Refused, CommandError)  # 1
FAULTS = (PlaceError, DiskRefused, OSError)  # 2


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; return its exit code."""
    options = parser().parse_args(list(arguments))
    command: Callable[[argparse.Namespace], list[str]] = options.run
    try:
        print("\n".join(command(options)))
    except REFUSALS as error:
        return _failed(options, str(error), 1)
    except FAULTS as error:
        return _failed(options, str(error), 2)
    except SQLAlchemyError as error:
        return _failed(options, f"{options.place}: {reason(error)}", 2)
    return 0


def _failed(options: argparse.Namespace, said: str, code: int) -> int:
    print(f"report {options.command}: {said}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    made = argparse.ArgumentParser(
        prog="tornello report", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    words = "the reports: what each tells, the right it needs, its filters"
    listing = commands.add_parser("list", help=words, description=words)
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=_list, place="")
    words = "make one report: as text, as JSON, or into a file"
    running = commands.add_parser("run", help=words, description=words)
    running.add_argument("name", metavar="NAME", help="one of `report list`")
    add_place(running)
    add_form(running)
    running.add_argument("--from", dest=FROM, metavar="DAY", help="first service day (this month)")
    running.add_argument("--to", metavar="DAY", help="last service day (today)")
    running.add_argument("--each", metavar="WHAT", help="a row a day or a month (day)")
    running.add_argument("--operator", metavar="N", help="one operator only (all)")
    running.add_argument("--product", metavar="N", help="one product only (all)")
    running.set_defaults(run=_run, clock=SystemClock())
    saved_commands.add_commands(commands, SystemClock())
    statistics_commands.add_commands(commands, SystemClock())
    return made


def _list(options: argparse.Namespace) -> list[str]:
    names = ("name", "right", "of", "filters", "longest")
    rows: list[tuple[Any, ...]] = [
        (name, report.right, "an authority" if report.whole else "an authority or operator",
         " ".join(f"--{found.name}" for found in report.filters),
         f"{report.most_days} days" if report.most_days else "now")
        for name, report in REPORTS.items()
    ]  # fmt: skip
    if options.json:
        return [json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1)]
    width = max(map(len, REPORTS))
    lines = []
    for name, right, whose, filters, longest in rows:
        lines.append(f"{name:<{width}}  {word(f'report_{name}')}")
        lines.append(f"{'':<{width}}  right {right}, of {whose}, {longest}; {filters}")
    return lines


def _run(options: argparse.Namespace) -> list[str]:
    report = find(options.name)
    if options.to_file is not None:
        form_of(options.to_file.name)  # refused before anything is read
    texts = {name: getattr(options, name) for name in FILTERS if getattr(options, name)}
    with signed_in(options) as user:
        scope = allowed(user, report.right, options.authority)
        place = Place(options.place)
        with place.books() as database:
            tariffs = every_tariff(place.tariffs)
            table = run(report, database, tariffs, scope, options.clock.utc_seconds(), texts)
            table = named(table, Names(tariffs, scope.authority, options.register))
    return hand_out(table, options)
