"""`tornello tariff whatif TARIFF TAPS`: a day of recorded taps under another tariff."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.commands.failure import CommandFailed, WrongUse
from backend_sync.tariffs.commands.output import counted, print_json
from backend_sync.tariffs.differences import change_tenths, percent_words
from backend_sync.tariffs.forms import money, signed
from backend_sync.tariffs.linter import feed_of
from backend_sync.tariffs.model import Book
from backend_sync.tariffs.rater import Rater
from backend_sync.tariffs.recorded import recorded_taps
from backend_sync.tariffs.taps import WordsError
from backend_sync.tariffs.whatif import Priced, Sum, payer_sums, priced_again, sums

SHOWN = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tariff", type=Path, help="the other tariff, TOML")
    parser.add_argument("taps", type=Path, help="recorded taps, JSON lines (README.md)")
    parser.add_argument(
        "--base",
        type=Path,
        help="the tariff of then: for taps without a charge, and to say what payers owed",
    )
    parser.add_argument("--gtfs", type=Path, help="the feed of both; without it zones.feed is used")
    parser.add_argument("--json", action="store_true", help="print totals and cards as JSON")


def run(options: argparse.Namespace) -> int:
    other = _rater(options.tariff, options.gtfs)
    base = None if options.base is None else _rater(options.base, options.gtfs)
    try:
        rows = priced_again(recorded_taps(options.taps, base or other), base, other)
    except WordsError as error:
        raise CommandFailed(str(error)) from None
    except ValueError as error:
        raise CommandFailed(f"{options.taps.name}: {error}") from None
    if options.json:
        print_json(_json(rows))
    else:
        print("\n".join(_lines(rows, str(options.tariff), other.book)))
    return 0


def _rater(path: Path, gtfs: Path | None) -> Rater:
    authored = read_tariff(path)
    feed = feed_of(authored, gtfs)
    if feed is None:
        raise WrongUse(f"{path.name} has no zones.feed: name a feed with --gtfs")
    return Rater(authored, feed)


def _lines(rows: list[Priced], tariff: str, book: Book) -> Iterator[str]:
    """Yield the answer, then the same by product, group and payer, then the biggest changes."""
    cards = sums(rows, lambda row: row.tap.card_id or f"line {row.tap.line}")
    days = len({row.day for row in rows}) or 1
    table = _Table(days, book.decimals)
    (total,) = sums(rows, lambda _row: "all taps") or [Sum("all taps", 0, 0, 0)]
    yield (
        f"{tariff}: {table.daily(total)} {book.currency} a day{table.percent(total)}: "
        f"{counted(total.taps, 'tap')} of {counted(len(cards), 'card')} on"
        f" {counted(days, 'service day')}; {_who(cards)}"
    )
    refused = sum(row.new_refused and not row.old_refused for row in rows)
    if refused:
        yield f"{counted(refused, 'tap')} would be refused"
    yield f"{'':<28} {'taps':>7} {'was':>10} {'would be':>10} {'change':>10} {'':>9} {'a day':>10}"
    yield table.line(total)
    for what, of in BY:
        for row in sums(rows, of):
            yield table.line(row._replace(name=f"{what} {row.name}".strip()))
    for row in payer_sums(rows):
        yield table.line(row._replace(name=f"owed by {row.name}"))
    changed = [card for card in cards if card.new != card.old]
    if changed:
        yield f"the biggest changes of {counted(len(changed), 'card')}:"
        yield from (table.line(card) for card in changed[:SHOWN])
    yield "what is bought before a tap (passes, packs, tickets) is not in it: see `tariff diff`"


BY: tuple[tuple[str, Callable[[Priced], str]], ...] = (
    ("product", lambda row: row.product),
    ("group", lambda row: row.group),
    ("", lambda row: f"{row.product} for {row.group}"),
)


def _who(cards: list[Sum]) -> str:
    more = sum(card.new > card.old for card in cards)
    less = sum(card.new < card.old for card in cards)
    same = len(cards) - more - less
    return f"{more:,} {'pays' if more == 1 else 'pay'} more, {less:,} less, {same:,} the same"


class _Table:
    """Lines of sums, changes by service day beside them."""

    def __init__(self, days: int, decimals: int) -> None:
        self.days, self.decimals = days, decimals

    def line(self, row: Sum) -> str:
        was, new = (money(cents, self.decimals) for cents in (row.old, row.new))
        change = signed(row.new - row.old, self.decimals)
        percent = self.percent(row).strip(" ()")
        return (
            f"{row.name:<28} {row.taps:>7,} {was:>10} {new:>10} {change:>10} {percent:>9}"
            f" {self.daily(row):>10}"
        )

    def daily(self, row: Sum) -> str:
        """Return the change a service day, half a cent away from zero."""
        change, sign = abs(row.new - row.old), 1 if row.new > row.old else -1
        return signed(sign * ((2 * change + self.days) // (2 * self.days)), self.decimals)

    def percent(self, row: Sum) -> str:
        return f" ({percent_words(change_tenths(row.old, row.new))})" if row.old else ""


def _json(rows: list[Priced]) -> dict[str, Any]:
    return {
        "total": [total._asdict() for total in sums(rows, lambda _row: "all taps")],
        "products": [total._asdict() for total in sums(rows, lambda row: row.product)],
        "groups": [total._asdict() for total in sums(rows, lambda row: row.group)],
        "products_groups": [
            total._asdict() for total in sums(rows, lambda row: f"{row.product} for {row.group}")
        ],
        "cards": [total._asdict() for total in sums(rows, lambda row: row.tap.card_id)],
        "payers": [total._asdict() for total in payer_sums(rows)],
        "service_days": len({row.day for row in rows}),
        "refused_now": sum(row.new_refused and not row.old_refused for row in rows),
    }
