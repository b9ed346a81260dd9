"""Seeds and rules of what authors and operators write: tariffs in TOML, feeds in GTFS with Fares.

A feed's case is its files as parts, name and text; every fourth is packed as a zip, and some of
those are changed once more as bytes.
"""

import json
import struct
from binascii import crc32
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import GtfsError, read_feed
from backend_sync.tariffs.gtfs_source import Bounds
from backend_sync.tariffs.import_fares import import_fares
from backend_sync.tariffs.losses import report
from backend_sync.tariffs.source import TariffFault
from backend_sync.tariffs.tariff_text import tariff_text
from backend_sync.tariffs.when import time_zone
from simulator.demo.system import TARIFFS
from simulator.fuzzing.config_targets import TOML_WORDS, Folder
from simulator.fuzzing.mutation import BYTES, in_parts
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.target import Work, must
from simulator.fuzzing.text import ALL_TEXT
from simulator.prng import Prng

SMALL_BOUNDS = Bounds()
FEED = {
    "agency.txt": "agency_id,agency_name,agency_timezone\n1,Harbour Bus,Europe/Helsinki\n",
    "stops.txt": "stop_id,stop_name,zone_id,stop_lat,stop_lon\na,Quay,A,62,27\nb,Square,B,62,27\n"
    "c,Hill,C,62.1,27.1\n",
    "routes.txt": "route_id,route_short_name,agency_id\nr,1,1\n",
    "trips.txt": "route_id,trip_id,service_id,direction_id,block_id\nr,t,daily,0,k1\n",
    "stop_times.txt": "trip_id,stop_id,stop_sequence,arrival_time,departure_time\n"
    "t,a,1,08:00:00,08:00:00\nt,b,2,08:05:00,08:06:00\nt,c,3,08:11:00,08:11:00\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
    "start_date,end_date\ndaily,1,1,1,1,1,1,1,20260101,20260107\n",
    "calendar_dates.txt": "service_id,date,exception_type\ndaily,20260101,2\n",
}
FARES = {
    "fare_attributes.txt": "fare_id,price,currency_type,payment_method,transfers\n"
    "one,2.50,EUR,0,\ntwo,3.50,EUR,1,1\n",
    "fare_rules.txt": "fare_id,route_id,origin_id,destination_id,contains_id\none,,A,A,\n"
    "two,,A,B,\ntwo,,B,A,\none,,B,B,\n",
}
FARES_TWO = {
    "areas.txt": "area_id,area_name\nA,A\nB,B\n",
    "stop_areas.txt": "area_id,stop_id\nA,a\nB,b\nB,c\n",
    "fare_products.txt": "fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,"
    "currency\none,One,all,card,2.00,EUR\none,One,kid,card,1.00,EUR\ntwo,,,,3.00,EUR\n",
    "fare_leg_rules.txt": "leg_group_id,network_id,from_area_id,to_area_id,"
    "from_timeframe_group_id,fare_product_id\na,,A,A,,one\na,,A,B,,two\nb,,B,A,,two\nb,,B,B,,one\n",
    "fare_transfer_rules.txt": "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,"
    "duration_limit_type,fare_transfer_type,fare_product_id\na,b,,5400,1,0,\n",
    "rider_categories.txt": "rider_category_id,rider_category_name,is_default_fare_category\n"
    "all,All,1\nkid,Kid,\n",
    "fare_media.txt": "fare_media_id,fare_media_type\ncard,2\n",
}
WORDS = (b"20260230", b"08:60:00", b"96:00:00", b'"', b"\n\n", b",,", b"A", b"../../x", b"-1",
         b"1e400", b"24:00:00", b"+", b"*", b"\xc2\x85", b"19700101", b"99991231")  # fmt: skip
# The parts of a zip that is written here: what both records of a file say, what its list adds.
ENTRY = struct.Struct("<5H3L2H")
LISTED = struct.Struct("<3H2L")
END = struct.Struct("<4s4H2LH")
MADE_BY = bytes([20, 3])  # version 2.0, Unix
NAMES_ARE_UTF8 = 0x800
DAY = (2026 - 1980) << 9 | 1 << 5 | 1


def toml_work() -> Work:
    """A tariff in TOML, every name in it resolved."""
    folder = Folder("tariff.toml")
    shipped = (TARIFFS / "tariff.toml").read_bytes()

    def check(case: bytes, authored: Any) -> None:
        must(authored.book.tables and 0 < authored.book.authority <= 255, "no tariff")

    seeds = [shipped, _written(FEED | FARES_TWO), _written(FEED | FARES)]
    work = Work(folder.reading(read_tariff), (TariffFault,), seeds, ALL_TEXT, check)
    work.words, work.close = TOML_WORDS, folder.folder.cleanup
    work.lines_max, work.memory_max = 4_000_000, 8 << 20
    return work


def _written(files: dict[str, str]) -> bytes:
    """Return the tariff that an import makes of a feed."""
    folder = Folder("feed.zip")
    folder.path.write_bytes(_zipped(files.items()))
    try:
        return tariff_text(import_fares(folder.path), 9).encode()
    finally:
        folder.folder.cleanup()


def feed_work() -> Work:
    """A GTFS feed: folder or zip."""
    return _feed_work(lambda path: read_feed(path, SMALL_BOUNDS), [FEED], _feed_check)


def fares_work() -> Work:
    """GTFS-Fares of both versions: what is imported reads back as a tariff, or is named as lost."""
    read_back = Folder("tariff.toml")

    def check(case: bytes, draft: Any) -> None:
        read_back.path.write_text(tariff_text(draft, 9), "utf-8")
        must(read_tariff(read_back.path).book.tables, "the draft reads back as nothing")
        must(report(draft.losses) and json.loads(report(draft.losses, as_json=True)), "no report")

    work = _feed_work(import_fares, [FEED | FARES_TWO, FEED | FARES], check)
    close = work.close

    def both() -> None:
        close()
        read_back.folder.cleanup()

    work.close = both
    return work


def _feed_check(case: bytes, value: Any) -> None:
    must(value.trips and value.stops, "a feed without trips")
    must(time_zone(value.timezone) is not None, "a time zone that is none")


def _feed_work(read: Callable[[Path], Any], feeds: list[dict[str, str]], check: Any) -> Work:
    folder = Folder("feed.zip")

    def reads(case: bytes) -> Any:
        folder.path.write_bytes(_archive(case))
        return read(folder.path)

    def in_zip(case: bytes, prng: Prng, work: Work) -> bytes:
        """Hand the case over as a zip whose bytes are changed, not only its files."""
        if case.startswith(b"PK"):
            return BYTES[prng.below(len(BYTES))](case, prng, work)
        return _archive(case) if prng.below(3) == 0 else case

    seeds = [_case(feed) for feed in feeds]
    text = in_parts(*ALL_TEXT)
    work = Work(reads, (GtfsError,), seeds, (text, text, text, in_zip, *BYTES), check)
    work.words, work.close = WORDS, folder.folder.cleanup
    work.lines_max, work.memory_max = 2_000_000, 16 << 20
    return work


def _case(files: dict[str, str]) -> bytes:
    rows = [(name, text.encode()) for name, text in files.items()]
    return join_parts([part for name, text in rows for part in (name.encode(), text)])


def _archive(case: bytes) -> bytes:
    """Return the zip of a case: itself if it is one, else names and texts packed in turn."""
    if case.startswith(b"PK"):
        return case
    parts = split_parts(case)
    rows = []
    for at in range(0, len(parts) - 1, 2):
        name = parts[at].decode("utf-8", "replace")[:60].replace("\0", "0")
        rows.append((name or "x", parts[at + 1]))
    return _zipped(rows)


def _zipped(rows: Collection[tuple[str, Any]]) -> bytes:
    """Return a zip of (name, text), stored: a third of a case's time if zipfile wrote it.

    Two files of one name are meant; one time for all: the clock must not be in a case.
    Source: APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16.
    """
    files, listed = bytearray(), bytearray()
    for name, text in rows:
        raw = name.encode()
        data = text.encode() if isinstance(text, str) else text
        flags = 0 if name.isascii() else NAMES_ARE_UTF8
        about = ENTRY.pack(20, flags, 0, 0, DAY, crc32(data), len(data), len(data), len(raw), 0)
        listed += b"PK\1\2" + MADE_BY + about + LISTED.pack(0, 0, 0, 0o600 << 16, len(files)) + raw
        files += b"PK\3\4" + about + raw + data
    end = END.pack(b"PK\5\6", 0, 0, len(rows), len(rows), len(listed), len(files), 0)
    return bytes(files + listed + end)
