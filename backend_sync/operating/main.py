"""`tornello operating ...`: versions of an operator's stops, routes, timetables and blocks.

PLACE is a folder with a ledger; operating.db and the zips lie beside it. Where that folder is
bound to a register of users, who asks signs in: --by NAME --secret FILE, with the right
operating.change or tariffs.change there. Exit code 0 = done, 1 = refused, 2 = cannot be done.
"""

import argparse
import datetime
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.clocks import SystemClock
from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.operating.differences import ADDED, CHANGED, REMOVED, Differences, compare
from backend_sync.operating.opening import open_operating
from backend_sync.operating.operating import Operating
from backend_sync.operating.records import Owner, Version
from backend_sync.operating.refusals import OperatingRefused
from backend_sync.registers import asking
from backend_sync.registers.refusals import CommandError, Refused
from backend_sync.registers.rights import Scope, may
from backend_sync.registers.show import table, when
from backend_sync.storage.disk import DiskRefused

RIGHTS = ("operating.change", "tariffs.change")
Answer = tuple[Any, list[str]]  # JSON, lines for people


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; print its answer as text, or as JSON with --json."""
    options = _parser().parse_args(list(arguments))
    try:
        found, lines = _answer(options)
    except (OperatingRefused, Refused) as error:
        print(f"operating {options.command}: {error}; nothing was changed", file=sys.stderr)
        return 1
    except (PlaceError, DiskRefused, CommandError, OSError) as error:
        print(f"operating {options.command}: {error}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        print(f"operating {options.command}: {options.place}: {reason(error)}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1, ensure_ascii=False) if options.json else "\n".join(lines))
    return 0


def _answer(options: argparse.Namespace) -> Answer:
    """Ask who it is, where people sign in, then run the command on what he may maintain."""
    place, clock = Place(options.place), SystemClock()
    place.url()
    wanted = Scope(options.authority, options.operator)
    with ExitStack() as opened:
        who = opened.enter_context(asking.asker(options, place.folder, clock))
        if who is not None:
            scope = who.user.scope
            wanted = Scope(wanted.authority or scope.authority, wanted.operator or scope.operator)
            if not any(may(who.user, right, wanted) for right in RIGHTS):
                raise Refused(f"user {who.name} has no right {' or '.join(RIGHTS)} there")
        operating = opened.enter_context(open_operating(place.folder, clock))
        run: Callable[..., Answer] = options.run
        return run(operating, wanted, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello operating",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add(commands, "list", _list, "the versions, and which are in force")
    words = "check a GTFS zip, keep it as a version, say what it changes"
    add = _add(commands, "add", _add_version, words)
    add.add_argument("zip", type=Path, help="GTFS zip of the operator's own lines")
    words = "put it in force from this day on; without: it waits"
    add.add_argument("--from", dest="from_day", type=_day, metavar="DAY", help=words)
    words = "put an older version in force again; nothing is deleted"
    undo = _add(commands, "undo", _undo, words)
    words = "number of the version (what was in force before; nothing, if nothing was)"
    undo.add_argument("--version", type=asking.number, default=0, metavar="N", help=words)
    words = "from this day on (today)"
    undo.add_argument("--from", dest="from_day", type=_day, metavar="DAY", help=words)
    export = _add(commands, "export", _export, "write the zip of a version")
    words = "number of the version (the one in force today)"
    export.add_argument("--version", type=asking.number, default=0, metavar="N", help=words)
    export.add_argument("--to", type=Path, required=True, metavar="FILE", help="a new file")
    return parser


def _add(commands: Any, name: str, run: Callable[..., Answer], words: str) -> Any:
    parser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run)
    parser.add_argument("place", help="folder of the ledger")
    words = "number of the authority (that of who asks)"
    parser.add_argument("--authority", type=asking.number, default=0, metavar="N", help=words)
    words = "number of the operator (that of who asks)"
    parser.add_argument("--operator", type=asking.number, default=0, metavar="N", help=words)
    parser.add_argument("--json", action="store_true", help="as JSON")
    asking.add_options(parser, named=True)
    return parser


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:20]}: wanted a day such as 2026-06-04") from None


def _list(operating: Operating, scope: Scope, _options: argparse.Namespace) -> Answer:
    versions = operating.versions(scope)
    found = []
    for version in versions:
        today = operating.today(version.timezone)
        now = operating.in_force(*version.owner, today) == version
        coming = [str(period.from_day) for period in operating.plan(version.owner)
                  if period.version == version.id and period.from_day > today]  # fmt: skip
        found.append((version, now, coming))
    names = ("operator", "version", "state", "service period", "stops", "routes", "trips",
             "uploaded by", "when (UTC)")  # fmt: skip
    rows = [
        (f"{v.authority}:{v.operator}", v.number,
         ", ".join(["in force"] * now + [f"from {day}" for day in coming]) or "-",
         f"{v.first_day} to {v.last_day}", v.stops, v.routes, v.trips, v.made_by, when(v.made))
        for v, now, coming in found
    ]  # fmt: skip
    said = [{**_value(v), "in_force": now, "planned_from": coming} for v, now, coming in found]
    return said, table(names, rows, "no version")


def _add_version(operating: Operating, scope: Scope, options: argparse.Namespace) -> Answer:
    with options.zip.open("rb") as stream:
        version = operating.upload(scope, options.by, _owner(scope), stream)
    today = operating.today(version.timezone)
    day = options.from_day or max(version.first_day, today)
    there = operating.in_force(*version.owner, day)
    changes = compare(operating.feed(there) if there else None, operating.feed(version))
    lines = [f"version {version.number}: {version.stops} stops, {version.routes} routes,"
             f" {version.trips} trips, {version.first_day} to {version.last_day}",
             *_differences(changes, there)]  # fmt: skip
    if options.from_day:
        operating.put_in_force(scope, options.by, version.id, options.from_day)
        lines.append(f"in force from {options.from_day}")
    else:
        lines.append("not in force: add it again with --from DAY")
    return {**_value(version), "in_force_from": str(options.from_day or "")}, lines


def _differences(changes: Differences, there: Version | None) -> list[str]:
    against = f"version {there.number}" if there else "nothing"
    lines = [f"against {against}, in force then:"]
    for name, part in (("stops", changes.stops), ("routes", changes.routes)):
        counts = (f"{sum(row.kind == kind for row in part)} {kind}"
                  for kind in (ADDED, REMOVED, CHANGED))  # fmt: skip
        lines.append(f"  {name}: {', '.join(counts)}")
    return [*lines, f"  departures: {changes.new} added, {changes.gone} removed"]


def _undo(operating: Operating, scope: Scope, options: argparse.Namespace) -> Answer:
    owner = _owner(scope)
    known = operating.versions(scope)
    today = operating.today(known[0].timezone if known else "UTC")
    day = options.from_day or today
    if options.version:
        version = _numbered(operating, scope, options.version)
    elif operating.in_force(*owner, day) is None:
        raise OperatingRefused(f"nothing is in force on {day}: name a --version")
    else:
        before = operating.before(owner, day)
        if before is None:
            operating.withdraw(scope, options.by, owner, day)
            return {"in_force_from": str(day)}, [f"nothing is in force from {day}"]
        version = before
    operating.put_in_force(scope, options.by, version.id, day)
    line = f"version {version.number} is in force from {day}"
    return {**_value(version), "in_force_from": str(day)}, [line]


def _export(operating: Operating, scope: Scope, options: argparse.Namespace) -> Answer:
    version = _numbered(operating, scope, options.version)
    path = operating.zip_of(scope, version.id)
    with path.open("rb") as stream, options.to.open("xb") as file:
        shutil.copyfileobj(stream, file)
    return _value(version), [f"version {version.number}: {options.to}, SHA-256 {version.digest}"]


def _owner(scope: Scope) -> Owner:
    if not (scope.authority and scope.operator):
        raise OperatingRefused("whose? --authority N --operator N")
    return Owner(scope.authority, scope.operator)


def _numbered(operating: Operating, scope: Scope, number: int) -> Version:
    """Return an operator's version by its own number, 0: the one in force today."""
    owner = _owner(scope)
    known = operating.versions(scope)
    if number:
        found = [version for version in known if version.number == number]
    else:
        today = operating.today(known[0].timezone if known else "UTC")
        there = operating.in_force(*owner, today)
        found = [there] if there else []
    if not found:
        what = f"version {number}" if number else "a version in force"
        raise OperatingRefused(f"operator {owner.operator} has no {what}")
    return found[0]


def _value(version: Version) -> dict[str, Any]:
    """Return a version for JSON."""
    found = version._asdict()
    return {**found, "first_day": str(version.first_day), "last_day": str(version.last_day)}
