"""`./tornello bench`: measured rows, each with its reference and its limit.

An area is a module with `rows(plant)` that yields Row objects; time is only ever compared with a
reference measured in the same run (decisions.md D28). `office` is an area apart: a table of its own
with options of its own, and not among "all".
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator

from simulator.bench.row import BenchError, Row, row_as_text, rows_as_json

AREAS = {
    "tap": "simulator.bench.tap",
    "journal": "simulator.bench.journal",
    "edge": "simulator.bench.edge",
    "ledger": "simulator.bench.ledger",
    "fares": "simulator.bench.fares",
    "settlement": "simulator.bench.settlement",
}
OFFICE = "office"
PLANTS = {"double-program": "journal"}  # planted fault -> the area whose row must fail


def main() -> int:
    if sys.argv[1:2] == [OFFICE]:
        office: Callable[[list[str]], int] = importlib.import_module("simulator.bench.office").main
        return office(sys.argv[2:])
    options = parse()
    areas = options.area or list(AREAS)
    if options.plant and not options.area:
        areas = [PLANTS[options.plant]]
    found: list[Row] = []
    try:
        for row in measured(areas, options.plant):
            found.append(row)
            print(row_as_text(row), file=sys.stderr if options.json else sys.stdout, flush=True)
    except BenchError as error:
        print(f"tornello bench: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(rows_as_json(found))
    missed = [row for row in found if not row.ok]
    for row in missed:
        print(f"MISSED {row.name}: {row.value:g}, wanted {row.limit}", file=sys.stderr)
    return 1 if options.check and missed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./tornello bench",
        description="Measure, and compare with reference and limit. Exit code 0 = done, 1 = a row"
        " missed its limit (--check), 2 = cannot be done.",
        epilog="office: every page and operation at 1,000,000 entries, its query plans and its time"
        " against a ledger that has hardly any; ./tornello bench office --help",
    )
    parser.add_argument("area", nargs="*", metavar="AREA", help=f"{', '.join(AREAS)}; all if none")
    parser.add_argument("--json", action="store_true", help="rows as JSON on standard output")
    parser.add_argument("--check", action="store_true", help="fail when a row misses its limit")
    parser.add_argument("--plant", choices=PLANTS, help="plant a fault that a row must notice")
    options = parser.parse_args()
    unknown = [area for area in options.area if area not in AREAS]
    if unknown:
        parser.error(f"no area '{unknown[0]}'; there are {', '.join(AREAS)}")
    return options


def measured(areas: list[str], plant: str | None) -> Iterator[Row]:
    for area in areas:
        yield from importlib.import_module(AREAS[area]).rows(plant)


if __name__ == "__main__":
    sys.exit(main())
