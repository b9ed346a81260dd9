"""`tornello tariff diff OLD NEW`: what changes, for whom.

The first line is the answer, then prices by product and group, then every change. What that is a
day depends on who rides: `tornello tariff whatif` prices recorded taps.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.commands.output import counted, print_json
from backend_sync.tariffs.differences import Change, Moved, differences, moved, percent_words
from backend_sync.tariffs.forms import signed


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, help="a tariff, TOML")
    parser.add_argument("new", type=Path, help="another one")
    parser.add_argument("--json", action="store_true", help="print the changes as JSON")


def run(options: argparse.Namespace) -> int:
    old, new = read_tariff(options.old), read_tariff(options.new)
    changes = differences(old, new)
    if options.json:
        print_json([change._asdict() for change in changes])
    else:
        print("\n".join(_lines(changes, new.book.currency, new.book.decimals)))
    return 1 if changes else 0


def _lines(changes: list[Change], currency: str, decimals: int) -> Iterator[str]:
    if not changes:
        yield "no difference"
        return
    prices = [change for change in changes if change.section == "price"]
    rest = len(changes) - len(prices)
    yield f"{_prices(prices, currency)}; {counted(rest, 'setting')} changed"
    rows = moved(prices)
    if rows:
        width = max(len("product"), *(len(row.product) for row in rows))
        head = f"{'group':<12} {'prices':>6} {'change':>18} {'per cent':>20}"
        yield f"{'product':<{width}} {head}"
        yield from (_row(row, width, decimals) for row in rows)
    yield from map(str, changes)


def _prices(prices: list[Change], currency: str) -> str:
    """Say how many prices move which way, and the farthest of each."""
    cents = [(c.cents, c.percent_tenths, c.decimals, c.places) for c in prices if c.cents]
    parts = []
    for word, sign in (("rise", 1), ("fall", -1)):
        moves = [row for row in cents if row[0] * sign > 0]
        if moves:
            most = max(moves, key=lambda row: abs(row[0]))
            percent = "" if most[1] is None else f", {percent_words(most[1])}"
            total = sum(row[3] for row in moves)
            what = f"{counted(total, 'price')} {word}{'s' if total == 1 else ''}"
            parts.append(f"{what} (up to {signed(most[0], most[2])} {currency}{percent})")
    other = sum(change.places for change in prices if not change.cents)
    parts += [f"{counted(other, 'price')} appear or end"] if other else []
    return ", ".join(parts) or "no price changes"


def _row(row: Moved, width: int, decimals: int) -> str:
    low, high = (signed(cents, decimals) for cents in row.cents)
    change = low if low == high else f"{low} to {high}"
    percent = "-"
    if row.percent_tenths is not None:
        least, most = map(percent_words, row.percent_tenths)
        percent = least if least == most else f"{least} to {most}"
    return f"{row.product:<{width}} {row.group:<12} {row.prices:>6} {change:>18} {percent:>20}"
