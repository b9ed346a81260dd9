"""`python -m firmware.tools image|heap`: builds the image, measures the heap it needs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firmware.tools.build_image import ImageError, build_image, report


def main(arguments: list[str] | None = None) -> int:
    """Run one tool; 0 = done, 1 = it cannot be built."""
    parser = argparse.ArgumentParser(prog="tornello firmware", description=__doc__)
    tools = parser.add_subparsers(dest="tool", required=True)
    image = tools.add_parser("image", help="build the romfs image and print its sizes")
    image.add_argument("--output", type=Path, default=None)
    tools.add_parser("heap", help="print the smallest heap the validator runs in")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.tool == "image":
            print(report(build_image(chosen.output)))
        else:
            from firmware.tools.measure_heap import smallest_heap_kib

            print(f"{smallest_heap_kib()} KiB live heap, image not counted")
    except ImageError as error:
        print(f"firmware: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
