"""`tornello tariff compile TARIFF -o FILE`: the body that every engine prices by.

Errors and unaccepted warnings refuse it: nothing is written then.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from backend_sync.tariffs.commands.failure import WrongUse
from backend_sync.tariffs.commands.output import counted, print_findings, print_json
from backend_sync.tariffs.linter import check
from backend_sync.tariffs.package_writer import write_package

VERSION_MAX = 0xFFFF


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tariff", type=Path, help="the authority's tariff, TOML")
    parser.add_argument("--gtfs", type=Path, help="its feed; without it zones.feed is used")
    parser.add_argument("-o", "--out", type=Path, required=True, help="where the body is written")
    parser.add_argument("--version", type=_version, default=1, help="version in its header (1)")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def _version(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= VERSION_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}, wanted 1..{VERSION_MAX}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    report = check(options.tariff, options.gtfs, options.version)
    if report.findings:
        print(f"{options.out} was not written:", file=sys.stderr)
        print_findings(options.tariff, report.findings)
        return 1
    assert report.authored is not None
    book, feed = report.authored.book, report.feed
    if feed is None:
        raise WrongUse(f"{options.tariff.name} has no zones.feed: name a feed with --gtfs")
    body = write_package(book, feed)
    options.out.write_bytes(body)
    digest = hashlib.sha256(body).hexdigest()
    if options.json:
        print_json(
            {
                "file": str(options.out),
                "bytes": len(body),
                "authority": book.authority,
                "version": book.version,
                "accepted": len(report.accepted),
                "sha256": digest,
            }
        )
        return 0
    print(f"{options.out}: {len(body):,} bytes, {book.name}, version {book.version}")
    parts = [counted(len(book.products), "product"), f"zones {', '.join(book.zones)}"]
    parts += [f"{len(feed.stops):,} stops", f"{len(feed.trips):,} trips"]
    parts += [f"{len(report.accepted)} warnings accepted"] if report.accepted else []
    print("; ".join(parts))
    print(f"sha256 {digest}")
    return 0
