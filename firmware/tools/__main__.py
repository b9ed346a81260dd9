"""`python -m firmware.tools image|heap`: builds the image, measures the heap it needs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firmware.tools.build_image import ROOT, ImageError, build_image, report
from firmware.tools.fare_hashes import fare_hashes


def main(arguments: list[str] | None = None) -> int:
    """Run one tool; 0 = done, 1 = it cannot be built."""
    parser = argparse.ArgumentParser(prog="tornello firmware", description=__doc__)
    tools = parser.add_subparsers(dest="tool", required=True)
    image = tools.add_parser(
        "image", help="build the romfs image, print its sizes and its fare engine"
    )
    image.add_argument("--output", type=Path, default=None)
    tools.add_parser("heap", help="print the smallest heap the validator runs in")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.tool == "image":
            image_built = build_image(chosen.output)
            print(report(image_built))
            for name, digest in fare_hashes(image_built.modules, ROOT).items():
                print(f"{digest}  {name}")
        else:
            from firmware.tools.measure_heap import smallest_heap_kib

            print(f"{smallest_heap_kib()} KiB live heap, image not counted")
    except ImageError as error:
        print(f"firmware: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
