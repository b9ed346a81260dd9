"""A version's zip with its blocks in `trips.txt` as `block_id`, for depots and planning systems.

The same blocks give the same bytes, so uploading what was exported twice is one version.
Source: W-119, W-121, W-145; the GTFS reference, trips.txt.
"""

import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

TRIPS = "trips.txt"
COLUMN = "block_id"
CHUNK = 1 << 16


def write_with_blocks(zip_path: Path, blocks: Mapping[str, str], out: IO[bytes]) -> None:
    """Write a kept zip to `out` with {trip_id: block_id}; a trip that is not in it has none."""
    with (
        zipfile.ZipFile(zip_path) as packed,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in sorted(packed.namelist()):
            member = zipfile.ZipInfo(name)  # with no clock in it
            member.compress_type = zipfile.ZIP_DEFLATED
            with packed.open(name) as stream, made.open(member, "w") as file:
                if name == TRIPS:
                    _write_trips(stream, blocks, file)
                else:
                    while part := stream.read(CHUNK):
                        file.write(part)


def _write_trips(stream: IO[bytes], blocks: Mapping[str, str], file: IO[bytes]) -> None:
    lines = io.TextIOWrapper(stream, "utf-8-sig", newline="")
    rows = csv.reader(lines, skipinitialspace=True, strict=True)
    header = [title.strip() for title in next(rows)]
    trip = header.index("trip_id")
    place = header.index(COLUMN) if COLUMN in header else len(header)
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header if place < len(header) else [*header, COLUMN])
    for row in rows:
        if row:
            row += [""] * (max(len(header), place + 1) - len(row))
            row[place] = blocks.get(row[trip].strip(), "")
            table.writerow(row)
    text.detach()
