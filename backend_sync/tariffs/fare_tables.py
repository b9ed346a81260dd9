"""The fare files of a GTFS feed as rows, each with its line; version 2, and the older version 1.

Checks what each row says by itself and that references resolve; meaning is `import_v2.py`'s and
`import_v1.py`'s. Source: the GTFS reference of 2026-04-27.
"""

from typing import NamedTuple

from backend_sync.tariffs.gtfs_source import GtfsError, Source, shown


class Area(NamedTuple):
    line: int
    area_id: str
    name: str


class FareProduct(NamedTuple):
    line: int
    product: str
    amount: str
    currency: str
    name: str
    rider: str
    medium: str


class LegRule(NamedTuple):
    line: int
    product: str
    group: str
    network: str
    start: str
    end: str
    start_frame: str
    end_frame: str
    priority: int


class TransferRule(NamedTuple):
    line: int
    kind: int
    start: str
    end: str
    times: int  # transfer_count: -1 no limit, 0 not said
    seconds: int  # -1 not said
    limit_kind: int
    product: str


class Rider(NamedTuple):
    line: int
    rider: str
    name: str
    is_default: bool
    url: str


class Medium(NamedTuple):
    line: int
    medium: str
    kind: int
    name: str


class Timeframe(NamedTuple):
    line: int
    group: str
    service: str
    start: int  # minutes of the day
    end: int


class FaresV2(NamedTuple):
    areas: list[Area]
    products: list[FareProduct]
    legs: list[LegRule]
    transfers: list[TransferRule]
    riders: list[Rider]
    media: list[Medium]
    frames: list[Timeframe]
    networks: list[Area]
    joins: list[int]  # lines of fare_leg_join_rules.txt
    ranks_rules: bool  # the column rule_priority is there


class FareAttribute(NamedTuple):
    line: int
    fare: str
    price: str
    currency: str
    before_boarding: bool
    transfers: int  # -1 no limit
    seconds: int  # -1 not said
    agency: str


class FareRule(NamedTuple):
    line: int
    fare: str
    route: str
    start: str
    end: str
    contains: str


class FaresV1(NamedTuple):
    fares: list[FareAttribute]
    rules: list[FareRule]


def read_v2(source: Source) -> FaresV2 | None:
    """Return the feed's Fares v2, None if it has none. Raises: GtfsError."""
    products = [
        FareProduct(line, *values)
        for line, values in source.rows(
            "fare_products.txt",
            ("fare_product_id", "amount", "currency"),
            ("fare_product_name", "rider_category_id", "fare_media_id"),
        )
    ]
    if not products:
        return None
    fares = FaresV2(
        [Area(n, *v) for n, v in source.rows("areas.txt", ("area_id",), ("area_name",))],
        products,
        _legs(source),
        _transfers(source),
        _riders(source),
        _media(source),
        _frames(source),
        [Area(n, *v) for n, v in source.rows("networks.txt", ("network_id",), ("network_name",))],
        [
            line
            for line, _ in source.rows(
                "fare_leg_join_rules.txt", ("from_network_id", "to_network_id")
            )
        ],
        "rule_priority" in source.columns("fare_leg_rules.txt"),
    )
    _check_references(fares)
    return fares


def read_v1(source: Source) -> FaresV1 | None:
    """Return the feed's Fares v1, None if it has none. Raises: GtfsError."""
    name = "fare_attributes.txt"
    fares = [
        FareAttribute(
            line,
            fare,
            price,
            currency,
            _choice(f"{name}:{line}", "payment_method", method, 1) == 1,
            _choice(f"{name}:{line}", "transfers", transfers, 2, empty=-1),
            _number(f"{name}:{line}", "transfer_duration", seconds, -1),
            agency,
        )
        for line, (fare, price, currency, method, transfers, seconds, agency) in source.rows(
            name,
            ("fare_id", "price", "currency_type"),
            ("payment_method", "transfers", "transfer_duration", "agency_id"),
        )
    ]
    if not fares:
        return None
    _unique(name, "fare_id", [(fare.line, fare.fare) for fare in fares])
    rules = [
        FareRule(line, *values)
        for line, values in source.rows(
            "fare_rules.txt",
            ("fare_id",),
            ("route_id", "origin_id", "destination_id", "contains_id"),
        )
    ]
    _resolve(
        "fare_rules.txt", "fare_id", [(r.line, r.fare) for r in rules], {f.fare for f in fares}
    )
    return FaresV1(fares, rules)


def _legs(source: Source) -> list[LegRule]:
    name = "fare_leg_rules.txt"
    rows = []
    for line, (product, group, network, start, end, frame, end_frame, priority) in source.rows(
        name,
        ("fare_product_id",),
        (
            "leg_group_id", "network_id", "from_area_id", "to_area_id",
            "from_timeframe_group_id", "to_timeframe_group_id", "rule_priority",
        ),
    ):  # fmt: skip
        rank = _number(f"{name}:{line}", "rule_priority", priority, 0)
        rows.append(LegRule(line, product, group, network, start, end, frame, end_frame, rank))
    return rows


def _transfers(source: Source) -> list[TransferRule]:
    name = "fare_transfer_rules.txt"
    rows = []
    for line, (kind, start, end, count, seconds, limit_kind, product) in source.rows(
        name,
        ("fare_transfer_type",),
        (
            "from_leg_group_id", "to_leg_group_id", "transfer_count", "duration_limit",
            "duration_limit_type", "fare_product_id",
        ),
    ):  # fmt: skip
        at = f"{name}:{line}"
        rows.append(
            TransferRule(
                line,
                _choice(at, "fare_transfer_type", kind, 2),
                start,
                end,
                -1 if count == "-1" else _number(at, "transfer_count", count, 0),
                _number(at, "duration_limit", seconds, -1),
                _choice(at, "duration_limit_type", limit_kind, 3, empty=1),
                product,
            )
        )
    return rows


def _riders(source: Source) -> list[Rider]:
    name = "rider_categories.txt"
    rows = [
        Rider(line, rider, title, _choice(f"{name}:{line}", "default", default, 1) == 1, url)
        for line, (rider, title, default, url) in source.rows(
            name,
            ("rider_category_id",),
            ("rider_category_name", "is_default_fare_category", "eligibility_url"),
        )
    ]
    _unique(name, "rider_category_id", [(row.line, row.rider) for row in rows])
    defaults = [row for row in rows if row.is_default]
    if len(defaults) > 1:
        raise GtfsError(
            f"{name}:{defaults[1].line}: a second default, {shown(defaults[1].rider)} beside "
            f"{shown(defaults[0].rider)}; wanted one; clear is_default_fare_category in one row"
        )
    return rows


def _media(source: Source) -> list[Medium]:
    name = "fare_media.txt"
    rows = [
        Medium(line, medium, _choice(f"{name}:{line}", "fare_media_type", kind, 4), title)
        for line, (medium, kind, title) in source.rows(
            name, ("fare_media_id", "fare_media_type"), ("fare_media_name",)
        )
    ]
    _unique(name, "fare_media_id", [(row.line, row.medium) for row in rows])
    return rows


def _frames(source: Source) -> list[Timeframe]:
    name = "timeframes.txt"
    return [
        Timeframe(
            line,
            group,
            service,
            _clock(f"{name}:{line}", "start_time", start, 0),
            _clock(f"{name}:{line}", "end_time", end, 1440),
        )
        for line, (group, service, start, end) in source.rows(
            name, ("timeframe_group_id", "service_id"), ("start_time", "end_time")
        )
    ]


def _check_references(fares: FaresV2) -> None:
    product = "fare_products.txt"
    _unique("areas.txt", "area_id", [(a.line, a.area_id) for a in fares.areas])
    _unique(
        product,
        "fare_product_id, rider_category_id, fare_media_id",
        [(p.line, f"{p.product}, {p.rider}, {p.medium}") for p in fares.products],
    )
    riders, media = {r.rider for r in fares.riders} | {""}, {m.medium for m in fares.media} | {""}
    areas, frames = {a.area_id for a in fares.areas} | {""}, {f.group for f in fares.frames} | {""}
    known = {p.product for p in fares.products}
    _resolve(product, "rider_category_id", [(p.line, p.rider) for p in fares.products], riders)
    _resolve(product, "fare_media_id", [(p.line, p.medium) for p in fares.products], media)
    legs = "fare_leg_rules.txt"
    _resolve(legs, "fare_product_id", [(r.line, r.product) for r in fares.legs], known)
    _resolve(legs, "from_area_id", [(r.line, r.start) for r in fares.legs], areas)
    _resolve(legs, "to_area_id", [(r.line, r.end) for r in fares.legs], areas)
    _resolve(legs, "from_timeframe_group_id", [(r.line, r.start_frame) for r in fares.legs], frames)
    _resolve(legs, "to_timeframe_group_id", [(r.line, r.end_frame) for r in fares.legs], frames)
    transfers, groups = "fare_transfer_rules.txt", {r.group for r in fares.legs} | {""}
    rows = fares.transfers
    _resolve(transfers, "fare_product_id", [(r.line, r.product) for r in rows], known | {""})
    _resolve(transfers, "from_leg_group_id", [(r.line, r.start) for r in rows], groups)
    _resolve(transfers, "to_leg_group_id", [(r.line, r.end) for r in rows], groups)


def _unique(name: str, column: str, keys: list[tuple[int, str]]) -> None:
    seen: dict[str, int] = {}
    for line, key in keys:
        if key in seen:
            raise GtfsError(
                f"{name}:{line}: {column} {shown(key)} stands in line {seen[key]} too; wanted it "
                "once"
            )
        seen[key] = line


def _resolve(name: str, column: str, used: list[tuple[int, str]], known: set[str]) -> None:
    for line, key in used:
        if key not in known:
            raise GtfsError(f"{name}:{line}: {column} {shown(key)} is defined nowhere in the feed")


def _number(at: str, column: str, text: str, empty: int) -> int:
    if not text:
        return empty
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise GtfsError(f"{at}: {column} {shown(text)}; wanted a whole number")
    return int(text)


def _choice(at: str, column: str, text: str, last: int, empty: int = 0) -> int:
    if not text:
        return empty
    if len(text) != 1 or text not in "01234"[: last + 1]:
        raise GtfsError(f"{at}: {column} {shown(text)}; wanted 0 to {last} or nothing")
    return int(text)


def _clock(at: str, column: str, text: str, empty: int) -> int:
    if not text:
        return empty
    parts = text.split(":")
    if len(parts) == 3 and all(p.isascii() and p.isdigit() and len(p) <= 2 for p in parts):
        minute = int(parts[0]) * 60 + int(parts[1])
        if int(parts[1]) < 60 and minute <= 1440:
            return minute
    raise GtfsError(f"{at}: {column} {shown(text)}; wanted a time up to 24:00:00")
