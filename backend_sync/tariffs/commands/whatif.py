"""`tornello tariff whatif TARIFF TAPS`: a day of recorded taps under another tariff."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.commands.failure import CommandFailed, WrongUse
from backend_sync.tariffs.commands.output import counted, print_json
from backend_sync.tariffs.differences import change_tenths, percent_words
from backend_sync.tariffs.forms import money
from backend_sync.tariffs.linter import feed_of
from backend_sync.tariffs.rater import Rater
from backend_sync.tariffs.recorded import recorded_taps
from backend_sync.tariffs.taps import WordsError
from backend_sync.tariffs.whatif import Priced, Sum, priced_again, sums

SHOWN = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tariff", type=Path, help="the other tariff, TOML")
    parser.add_argument("taps", type=Path, help="recorded taps, JSON lines (README.md)")
    parser.add_argument("--base", type=Path, help="the tariff of then, where no charge is recorded")
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
        print("\n".join(_lines(rows, other.book.decimals)))
    return 0


def _rater(path: Path, gtfs: Path | None) -> Rater:
    authored = read_tariff(path)
    feed = feed_of(authored, gtfs)
    if feed is None:
        raise WrongUse(f"{path.name} has no zones.feed: name a feed with --gtfs")
    return Rater(authored, feed)


def _lines(rows: list[Priced], decimals: int) -> Iterator[str]:
    cards = sums(rows, lambda row: row.tap.card_id or f"line {row.tap.line}")
    more, less = ([card for card in cards if (card.new - card.old) * sign > 0] for sign in (1, -1))
    yield f"{'':<24} {'taps':>7} {'was':>10} {'would be':>10} {'change':>10}"
    for total in sums(rows, lambda _row: "all taps"):
        yield _line(total, decimals)
    for total in sums(rows, lambda row: f"product {row.product}"):
        yield _line(total, decimals)
    for total in sums(rows, lambda row: f"group {row.group}"):
        yield _line(total, decimals)
    yield (
        f"{counted(len(cards), 'card')}: {len(more):,} pay more, {len(less):,} pay less,"
        f" {len(cards) - len(more) - len(less):,} the same"
    )
    refused = sum(row.new_refused and not row.old_refused for row in rows)
    if refused:
        yield f"{counted(refused, 'tap')} would be refused"
    if more or less:
        yield "biggest changes:"
        changed = [card for card in cards if card.new != card.old]
        yield from (_line(card, decimals) for card in changed[:SHOWN])


def _line(total: Sum, decimals: int) -> str:
    change = total.new - total.old
    percent = f" ({percent_words(change_tenths(total.old, total.new))})" if total.old else ""
    return (
        f"{total.name:<24} {total.taps:>7,} {money(total.old, decimals):>10}"
        f" {money(total.new, decimals):>10} {'+' if change > 0 else ''}"
        f"{money(change, decimals):>{9 if change > 0 else 10}}{percent}"
    )


def _json(rows: list[Priced]) -> dict[str, Any]:
    return {
        "total": [total._asdict() for total in sums(rows, lambda _row: "all taps")],
        "products": [total._asdict() for total in sums(rows, lambda row: row.product)],
        "groups": [total._asdict() for total in sums(rows, lambda row: row.group)],
        "cards": [total._asdict() for total in sums(rows, lambda row: row.tap.card_id)],
        "refused_now": sum(row.new_refused and not row.old_refused for row in rows),
    }
