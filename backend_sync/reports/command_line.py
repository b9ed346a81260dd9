"""What the commands of reports share: PLACE, who asks, and how a table is handed out."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend_sync.ledger.place import Place
from backend_sync.ledger.show import table as aligned
from backend_sync.registers import asking
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import NAMES, Scope, User
from backend_sync.reports.definition import ReportRefused
from backend_sync.reports.forms import form_of
from backend_sync.reports.page import as_values
from backend_sync.reports.plain import json_of
from backend_sync.reports.table import Table
from backend_sync.reports.words import LANGUAGES


def add_place(made: argparse.ArgumentParser) -> None:
    """Add PLACE, --authority and who asks."""
    made.add_argument("place", nargs="?", default=".", metavar="PLACE", help="folder, file or URL")
    made.add_argument("--authority", type=asking.number, default=0, metavar="N",
                      help="whose figures (one's own authority's)")  # fmt: skip
    asking.add_options(made)


def add_form(made: argparse.ArgumentParser) -> None:
    """Add how the table is handed out."""
    made.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0], help="(%(default)s)")
    made.add_argument("--json", action="store_true", help="as JSON")
    made.add_argument("--to-file", type=Path, metavar="FILE",
                      help="write it there: .pdf, .xlsx, .csv or .json; a new file")  # fmt: skip


@contextmanager
def signed_in(options: argparse.Namespace) -> Iterator[User]:
    """Yield who asks; in a folder that is bound to no register, somebody of --authority.

    `options.register` is the register's database for as long, None without one.
    Raises: Refused; PlaceError before anybody is asked for a secret.
    """
    place = Place(options.place)
    place.url()
    with asking.asker(options, place.folder, options.clock) as who:
        options.register = who.registers.database if who else None
        if who is not None:
            yield who.user
            return
        if not options.authority:
            raise Refused("whose figures? --authority N: this folder is bound to no register")
        yield User(options.by, "authority", Scope(options.authority), frozenset(NAMES))


def hand_out(table: Table, options: argparse.Namespace) -> list[str]:
    """Return the lines to print: the table, its JSON, or where its file is."""
    if options.to_file is not None:
        write_new(options.to_file, form_of(options.to_file.name).write(table, options.language))
        return [f"{options.to_file}: {len(table.rows)} rows"]
    if options.json:
        return [json_of(table).decode().rstrip()]
    return in_text(table, options.language)


def in_text(table: Table, language: str) -> list[str]:
    """Return a table as lines for people."""
    found = as_values(table, language)
    lines = [found["title"], "  ".join(f"{name} {text}" for name, text in found["about"])]
    lines += found["notes"]
    if found["empty"]:
        return [*lines, found["empty"]]
    names = [column["label"] for column in found["columns"]]
    totals = [found["totals"]] if found["totals"] else []
    return [*lines, *aligned(names, [*found["rows"], *totals])]


def write_new(path: Path, data: bytes) -> None:
    """Write a file that nobody has written yet. Raises: ReportRefused, OSError."""
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise ReportRefused(f"{path}: is there already; wanted the name of a new file") from None
