"""`tornello report statistics`: k-anonymous counts for the public; shown first, released once."""

import argparse
from datetime import date
from typing import Any

from backend_sync.catalogue import every_tariff
from backend_sync.ledger.place import Place
from backend_sync.ports import Clock
from backend_sync.registers.asking import number
from backend_sync.reports.command_line import add_form, add_place, hand_out, signed_in
from backend_sync.reports.days import Days
from backend_sync.reports.definition import FROM
from backend_sync.reports.opening import open_database
from backend_sync.reports.statistics import COLUMNS, K_LEAST, Statistics
from backend_sync.reports.table import FIRST_DAY


def add_commands(commands: Any, clock: Clock) -> None:
    """Add `statistics`."""
    words = (
        "boardings by day for the public: no cell with fewer than k cards, none that sums give"
        " away; shown, or released for ever with --release"
    )
    made = commands.add_parser("statistics", help=words, description=words)
    add_place(made)
    add_form(made)
    made.add_argument("--from", dest=FROM, type=_day, required=True, metavar="DAY",
                      help="first service day, 2026-06-01")  # fmt: skip
    made.add_argument("--to", type=_day, required=True, metavar="DAY", help="last service day")
    made.add_argument("--column", choices=COLUMNS, default=COLUMNS[0], help="(%(default)s)")
    made.add_argument("--k", type=number, default=K_LEAST, help="at least so many cards (10)")
    made.add_argument("--release", action="store_true",
                      help="keep it as given out; a day is released once")  # fmt: skip
    made.set_defaults(run=_statistics, clock=clock)


def _statistics(options: argparse.Namespace) -> list[str]:
    place = Place(options.place)
    with (
        signed_in(options) as user,
        place.books() as books,
        open_database(place.folder) as database,
    ):
        days = Days(every_tariff(place.tariffs), options.authority or user.scope.authority)
        statistics = Statistics(books, database, options.clock)
        make = statistics.release if options.release else statistics.preview
        first, last = getattr(options, FROM), options.to
        made = make(user, days, first, last, options.column, options.k)
        return hand_out(made.table(options.clock.utc_seconds()), options)


def _day(text: str) -> int:
    try:
        return (date.fromisoformat(text) - FIRST_DAY).days
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date, wanted 2026-06-05") from None
