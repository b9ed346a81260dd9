"""`tornello tariff compile TARIFF.toml --gtfs FEED --out FILE`: a tariff's package body."""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from backend_sync.tariffs.compile import TariffError, compile_tariff, load_toml, zone_order
from backend_sync.tariffs.gtfs import GtfsError, read_feed


def main(arguments: Sequence[str]) -> int:
    """Run one command; return 0, or 1 with one sentence when source or feed does not fit."""
    options = parser().parse_args(list(arguments))
    try:
        source, feed = load_toml(options.tariff), read_feed(options.gtfs)
        body = compile_tariff(source, feed, options.version)
        zones = zone_order(source, feed)
        options.out.write_bytes(body)
    except (TariffError, GtfsError) as error:
        print(f"tornello tariff: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"tornello tariff: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{options.out}: {len(body):,} bytes, version {options.version}")
    print(f"zones {', '.join(zones)}; {len(feed.stops)} stops; {', '.join(source['groups'])}")
    print(f"sha256 {hashlib.sha256(body).hexdigest()}")
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="tornello tariff", description=(__doc__ or "").split(":")[0])
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    compiling = commands.add_parser("compile", help="write the body every engine prices")
    compiling.add_argument("tariff", type=Path, help="the authority's tariff, TOML")
    compiling.add_argument("--gtfs", type=Path, required=True, help="its feed, a zip or a folder")
    compiling.add_argument("--out", type=Path, required=True, help="where the body is written")
    compiling.add_argument("--version", type=int, default=1, help="version in its header (1)")
    return top
