"""`tornello tariff diff OLD NEW`: what changes, for whom."""

import argparse
from pathlib import Path

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.commands.output import counted, print_json
from backend_sync.tariffs.differences import differences


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, help="a tariff, TOML")
    parser.add_argument("new", type=Path, help="another one")
    parser.add_argument("--json", action="store_true", help="print the changes as JSON")


def run(options: argparse.Namespace) -> int:
    changes = differences(read_tariff(options.old), read_tariff(options.new))
    if options.json:
        print_json([change._asdict() for change in changes])
    else:
        for change in changes:
            print(change)
        prices = sum(change.section == "price" for change in changes)
        rest = counted(len(changes) - prices, "setting")
        print(f"{counted(prices, 'price')} and {rest} changed" if changes else "no difference")
    return 1 if changes else 0
