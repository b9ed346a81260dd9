"""`tornello tariff export gtfs|netex-subset TARIFF --gtfs FEED -o DIR`: a tariff for others.

Prints how much was written and what the other format cannot say, with file and line.
"""

import argparse
from pathlib import Path

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.commands.failure import CommandFailed
from backend_sync.tariffs.commands.output import counted
from backend_sync.tariffs.export_fares import export_fares
from backend_sync.tariffs.export_losses import export_losses
from backend_sync.tariffs.export_netex import export_netex, netex_losses
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.gtfs_archive import open_source
from backend_sync.tariffs.losses import lost, report
from backend_sync.tariffs.zoned import dated_feed


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=("gtfs", "netex-subset"), help="what to write")
    parser.add_argument("tariff", type=Path, help="the tariff, TOML")
    parser.add_argument("--gtfs", type=Path, required=True, help="its feed, a zip or a folder")
    parser.add_argument("-o", "--out", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--json", action="store_true", help="print the losses as JSON")


def run(options: argparse.Namespace) -> int:
    """Write the files, print rows and losses; return 0.

    Raises: TariffFault, GtfsError, OSError; CommandFailed where the folder has files already.
    """
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise CommandFailed(f"{options.out}: not an empty folder; wanted a new one")
    authored = read_tariff(options.tariff)
    feed = dated_feed(authored.source, read_feed(options.gtfs))
    if options.format == "gtfs":
        rows = export_fares(authored, feed, open_source(options.gtfs), options.out)
        losses = list(export_losses(authored, feed))
    else:
        rows = export_netex(authored, feed, options.out)
        losses = list(netex_losses(authored, feed))
    if not options.json:
        total = f"{counted(len(rows), 'file')} of fares, {sum(rows.values()):,} rows"
        print(f"{options.out}: {total}; {lost(len(losses))}")
        print("\n".join(f"{options.out / name}: {count:,} rows" for name, count in rows.items()))
    print(report(losses, options.json))
    return 0
