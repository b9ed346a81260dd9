"""`tornello report saved ...`: queries of one's own: save, run, produce, schedule, make the due."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend_sync.catalogue import every_tariff
from backend_sync.ledger.place import Place
from backend_sync.ledger.show import table as aligned
from backend_sync.ports import Clock
from backend_sync.registers.asking import number
from backend_sync.registers.rights import User
from backend_sync.reports import command_line as wiring
from backend_sync.reports.asking_books import Reader, answer
from backend_sync.reports.days import Days
from backend_sync.reports.definition import ReportRefused, allowed
from backend_sync.reports.forms import FORMS
from backend_sync.reports.naming import Names, named
from backend_sync.reports.opening import open_database
from backend_sync.reports.query import BYTES_MOST, Query, parse
from backend_sync.reports.saved import EVERY, SavedQueries
from backend_sync.reports.sources import SOURCES
from backend_sync.reports.table import Table, when

NEW = "the query, JSON: see `report saved sources`"


def add_commands(commands: Any, clock: Clock) -> None:
    """Add `saved` and its subcommands."""
    words = "queries of one's own: save, run, put in production, schedule, make what is due"
    saved = commands.add_parser("saved", help=words, description=words)
    group = saved.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    words = "what a query may ask: its sources, columns and measures"
    sources = group.add_parser("sources", help=words, description=words)
    sources.set_defaults(run=_sources, place="")
    add = _adder(group, clock)
    add("list", _list, "the saved queries of an authority")
    add("show", _show, "a saved query: its versions, and the newest or --version as JSON", True)
    made = add("try", _try, "run a query that is not saved")
    made.add_argument("--query", type=Path, required=True, metavar="FILE", help=NEW)
    wiring.add_form(made)
    made = add("save", _save, "save a query as the next version of a name", True)
    made.add_argument("--query", type=Path, required=True, metavar="FILE", help=NEW)
    made = add("run", _run, "run the version in production, or --version", True)
    wiring.add_form(made)
    add("produce", _produce, "put the newest or --version in production; not one's own", True)
    add("withdraw", _withdraw, "take a query out of production", True)
    made = add("schedule", _schedule, "let the version in production be due again and again", True)
    made.add_argument("--every", choices=(*EVERY, "never"), required=True)
    made = add("due", _due, "what is due; with --to it is made, once")
    made.add_argument("--to", type=Path, metavar="DIR", help="written here, NAME-DAY.FORM")
    made.add_argument("--form", choices=FORMS, default="xlsx", help="(%(default)s)")


def _adder(group: Any, clock: Clock) -> Callable[..., argparse.ArgumentParser]:
    def add(
        name: str, run: Callable[..., list[str]], words: str, named: bool = False
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = group.add_parser(name, help=words, description=words)
        if named:
            made.add_argument("name", metavar="NAME", help="of the saved query")
            if name in ("show", "run", "produce"):
                made.add_argument("--version", type=number, default=0, metavar="N", help="version")
        wiring.add_place(made)
        made.set_defaults(run=lambda options: _with_saved(options, run), clock=clock)
        return made

    return add


def _with_saved(options: argparse.Namespace, run: Callable[..., list[str]]) -> list[str]:
    """Sign in, open reports.db, run one subcommand on the affairs of his authority."""
    with wiring.signed_in(options) as user:
        options.authority = options.authority or user.scope.authority
        with open_database(Place(options.place).folder) as database:
            return run(options, SavedQueries(database, options.clock), user)


def _sources(_options: argparse.Namespace) -> list[str]:
    lines = []
    for name, source in SOURCES.items():
        longest = f"at most {source.most_days} days" if source.most_days else "now, no period"
        lines.append(f"{name}: right {source.right}, {longest}")
        lines.append(f"  columns   {' '.join(source.columns)}")
        lines.append(f"  measures  {' '.join(source.measures)}")
    return lines


def _list(options: argparse.Namespace, saved: SavedQueries, user: User) -> list[str]:
    own, rows = options.authority, []
    allowed(user, "usage.see", own, user.scope.operator)
    for name in saved.names(own):
        produced, newest = saved.in_production(own, name), saved.version(own, name)
        rows.append((name, newest.version, produced.version if produced else "-",
                     saved.scheduled(own, name)[0] or "-", newest.made_by))  # fmt: skip
    names = ("name", "newest", "in production", "every", "made by")
    return aligned(names, rows) if rows else [f"authority {own} has no saved query"]


def _show(options: argparse.Namespace, saved: SavedQueries, user: User) -> list[str]:
    found = saved.version(options.authority, options.name, options.version)
    allowed(user, found.query.of.right, options.authority, user.scope.operator)
    rows = [(v.version, v.made_by, when(v.made))
            for v in saved.versions(options.authority, options.name)]  # fmt: skip
    return [*aligned(("version", "made by", "made"), rows),
            json.dumps(json.loads(found.body), indent=1, ensure_ascii=False)]  # fmt: skip


def _try(options: argparse.Namespace, _saved: SavedQueries, user: User) -> list[str]:
    return wiring.hand_out(_answer(_read(options.query), "query", options, user), options)


def _save(options: argparse.Namespace, saved: SavedQueries, user: User) -> list[str]:
    found = saved.save(user, options.authority, options.name, _read(options.query))
    return [f"{found.name} version {found.version}: saved; another person puts it in production"]


def _run(options: argparse.Namespace, saved: SavedQueries, user: User) -> list[str]:
    own, name = options.authority, options.name
    found = saved.version(own, name, options.version) if options.version else None
    found = found or saved.in_production(own, name)
    if found is None:
        raise ReportRefused(f"{name[:70]!r} of authority {own}: not in production; --version N")
    return wiring.hand_out(_answer(found.query, name, options, user), options)


def _produce(options: argparse.Namespace, saved: SavedQueries, user: User) -> list[str]:
    newest = saved.version(options.authority, options.name, options.version)
    found = saved.produce(user, options.authority, options.name, newest.version)
    return [f"{found.name} version {found.version}: in production"]


def _withdraw(options: argparse.Namespace, saved: SavedQueries, user: User) -> list[str]:
    saved.withdraw(user, options.authority, options.name)
    return [f"{options.name}: out of production"]


def _schedule(options: argparse.Namespace, saved: SavedQueries, user: User) -> list[str]:
    every = "" if options.every == "never" else options.every
    saved.schedule(user, options.authority, options.name, every)
    return [f"{options.name}: due every {every}" if every else f"{options.name}: due no more"]


def _due(options: argparse.Namespace, saved: SavedQueries, user: User) -> list[str]:
    """What was made is noted after its file is there: killed between, it is made again."""
    days = Days(every_tariff(Place(options.place).tariffs), options.authority)
    now, lines = options.clock.utc_seconds(), []
    for due in saved.due(days, now):
        name = due.saved.name
        if options.to is None:
            lines.append(f"{name} version {due.saved.version}: due since {when(due.at)}")
            continue
        table = _answer(due.saved.query, name, options, user)
        path = options.to / f"{name}-{when(due.at)[:10]}.{options.form}"
        path.write_bytes(FORMS[options.form].write(table, "en"))
        saved.made(due, user.name)
        lines.append(f"{path}: {len(table.rows)} rows")
    return lines or ["nothing is due"]


def _answer(query: Query, name: str, options: argparse.Namespace, user: User) -> Table:
    place = Place(options.place)
    scope = allowed(user, query.of.right, options.authority, user.scope.operator)
    tariffs = every_tariff(place.tariffs)
    with Reader(place.url(), options.clock) as reader:
        table = answer(query, reader, tariffs, scope, name)
    return named(table, Names(tariffs, scope.authority, options.register))


def _read(path: Path) -> Query:
    with path.open(encoding="utf-8") as file:
        try:
            return parse(file.read(BYTES_MOST + 1))
        except UnicodeDecodeError as error:
            raise ReportRefused(f"{path}: no UTF-8 text: {error.reason}") from None
