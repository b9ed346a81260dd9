"""`tornello tariff table FILE`: its prices as tables an accountant can read."""

import argparse
from pathlib import Path
from typing import Any

from backend_sync.tariffs.book import Authored, read_tariff
from backend_sync.tariffs.commands.output import print_json
from backend_sync.tariffs.price_tables import price_tables


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tariff", type=Path, help="the tariff, TOML")
    parser.add_argument("--json", action="store_true", help="print the prices as JSON")


def run(options: argparse.Namespace) -> int:
    authored = read_tariff(options.tariff)
    if options.json:
        print_json(_json(authored))
    else:
        print(price_tables(authored), end="")
    return 0


def _json(authored: Authored) -> list[dict[str, Any]]:
    names = {group.number: group.name for group in authored.book.groups}
    return [
        {
            "table": table.name,
            "zones": authored.zones.words(mask),
            "group": names[group],
            "cents": cents,
        }
        for table in authored.book.tables
        for mask, row in table.prices.items()
        for group, cents in row.items()
    ]
