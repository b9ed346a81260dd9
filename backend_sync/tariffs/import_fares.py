"""`tornello tariff import FEED [-o FILE]`: a GTFS feed's fares as a tariff to go on from.

Fares v2 win where a feed has both versions. Prints what could not be carried, with code, file and
line. `tornello tariff check` then asks for what no feed says: ages, payers, value-added tax.
"""

import argparse
import sys
from pathlib import Path

from backend_sync.tariffs.commands.failure import WrongUse
from backend_sync.tariffs.commands.output import counted
from backend_sync.tariffs.draft import Draft
from backend_sync.tariffs.fare_tables import read_v1, read_v2
from backend_sync.tariffs.gtfs import GtfsError, read_feed
from backend_sync.tariffs.gtfs_archive import open_source
from backend_sync.tariffs.gtfs_source import BOUNDS
from backend_sync.tariffs.import_v1 import import_v1
from backend_sync.tariffs.import_v2 import import_v2
from backend_sync.tariffs.losses import Loss, lost, report
from backend_sync.tariffs.tariff_text import tariff_text

FARE_ROWS_MAX = 50_000  # of one fare file; a large city has some 20,000 leg rules


def import_fares(path: Path, network: str = "", agency: str = "") -> Draft:
    """Return the draft of the fares in the feed `path`. Raises: GtfsError."""
    feed, source = read_feed(path), open_source(path, BOUNDS._replace(rows=FARE_ROWS_MAX))
    newer, older = read_v2(source), read_v1(source)
    if newer is not None and newer.legs:
        draft = import_v2(feed, path.name, newer, network)
        if older is not None:
            said = f"{len(older.fares)} fares of version 1"
            place = f"fare_attributes.txt:{older.fares[0].line}"
            draft.losses.append(Loss("L18", place, said, "left out: version 2 wins"))
    elif older is not None:
        draft = import_v1(feed, path.name, older, agency)
    else:
        raise GtfsError(
            f"{path.name}: no fares; wanted fare_products.txt with fare_leg_rules.txt, or "
            "fare_attributes.txt; write the tariff by hand"
        )
    if not draft.families:
        raise GtfsError(
            f"{path.name}: no fare is left to carry ({len(draft.losses)} losses); wanted one with "
            "an amount and a ride it is for\n" + report(draft.losses)
        )
    draft.notes = feed.warnings
    return draft


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("feed", type=Path, help="the GTFS feed, a zip or a folder")
    parser.add_argument("-o", "--out", type=Path, help="where the TOML goes (standard output)")
    parser.add_argument(
        "--authority", type=int, default=1, metavar="1..255", help="number on the card (1)"
    )
    parser.add_argument("--network", default="", help="carry the rules of this network_id")
    parser.add_argument("--agency", default="", help="carry the fares of this agency_id (v1)")
    parser.add_argument("--json", action="store_true", help="print the losses as JSON")


def run(options: argparse.Namespace) -> int:
    """Write the TOML and print the losses; return 0. Raises: GtfsError, OSError."""
    if not 1 <= options.authority <= 255:
        raise WrongUse(f"--authority {options.authority}: wanted 1..255")
    draft = import_fares(options.feed, options.network, options.agency)
    text = tariff_text(draft, options.authority)
    # The TOML may itself go to standard output; the report then goes beside it.
    stream = sys.stdout if options.out else sys.stderr
    if options.out:
        options.out.write_text(text, "utf-8")
    else:
        print(text, end="")
    if not options.json:
        zones = f"zones {', '.join(draft.zones)}" if draft.zones else "one zone"
        said = f"{counted(len(draft.families), 'product')}; {zones}; {lost(len(draft.losses))}"
        print(f"{options.out or 'standard output'}: a draft to go on from: {said}", file=stream)
    print(report(draft.losses, options.json), file=stream)
    for note in draft.notes:
        print(f"feed: {note}", file=sys.stderr)
    return 0
