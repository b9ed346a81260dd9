"""`tornello shop ...`: the passengers' web shop of a ledger's folder.

`tornello ledger serve PLACE` serves its pages under /shop. Exit code 0 = done, 1 = something
differs, 2 = cannot be done.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.shop.opening import FILE, open_database
from backend_sync.shop.reconcile import ListError, read_list, reconcile
from backend_sync.shop.settings import KEY_FILE, SettingsError, write_settings
from backend_sync.storage.disk import DiskRefused


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; return its exit code."""
    options = _parser().parse_args(list(arguments))
    try:
        code: int = options.run(options)
    except (PlaceError, SettingsError, ListError, DiskRefused, OSError) as error:
        print(f"shop {options.command}: {error}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        print(f"shop {options.command}: {options.place}: {reason(error)}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello shop", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    words = "write shop.toml and a new key: where the shop is, and whose page takes payments"
    made = commands.add_parser("set-up", help=words, description=words)
    made.set_defaults(run=_set_up)
    made.add_argument("place", nargs="?", default=".", help="folder of the ledger")
    made.add_argument("--address", required=True, metavar="URL", help="of the shop: https://HOST")
    made.add_argument("--page", required=True, metavar="URL", help="the provider's payment page")
    made.add_argument("--merchant", default="tornello", help="our name there (%(default)s)")
    words = "hold the provider's list of payments against orders and books; exit code 1: differs"
    held = commands.add_parser("reconcile", help=words, description=words)
    held.set_defaults(run=_reconcile)
    held.add_argument("place", help="folder of the ledger")
    held.add_argument("list", type=Path, help="CSV: payment,order,status,cents,at")
    held.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _set_up(options: argparse.Namespace) -> int:
    place = Place(options.place)
    place.url()
    write_settings(place.folder, options.address, options.page, options.merchant, os.urandom)
    print(f"the shop is at {options.address}/shop; give {place.folder / KEY_FILE} to the provider"
          " and start `ledger serve` again if it runs")  # fmt: skip
    return 0


def _reconcile(options: argparse.Namespace) -> int:
    place = Place(options.place)
    if not (place.folder / FILE).exists():
        raise PlaceError(f"{place.folder / FILE}: no shop has sold anything here")
    listed = read_list(options.list)
    with place.books() as books, open_database(place.folder) as shop:
        found = reconcile(listed, shop, books)
    if options.json:
        print(json.dumps(found._asdict(), indent=1))
        return 1 if found.differences else 0
    for line in found.differences + found.back:
        print(line)
    print(f"{found.payments} payments; provider {found.provider_cents}, shop {found.shop_cents},"
          f" ordered {found.ledger_cents}, to give back {found.to_give_back} cents;"
          f" {len(found.differences)} differ")  # fmt: skip
    return 1 if found.differences else 0
