"""Write a tariff package's body. For the publisher's side; never on a device.

The byte layout is the one `tariff.py` describes; this module is its other half and nothing else:
it takes explicit numbers and derives none. Source: tariff-model.md section 4.
"""

from card_layouts.errors import RangeError
from card_layouts.fares import tariff as t


def build(
    authority: int,
    version: int,
    currency: bytes,
    valid_from: int,
    valid_to: int,
    prices: list[list[list[int]]],
    groups: list[tuple[int, int]],
    transfers: list[int],
    stops: list[int],
    products: list[tuple[int, int, int]],
    offsets: list[tuple[int, int]],
    decimals: int = 2,
    shift_minutes: int = 0,
    feed_hash: bytes = bytes(8),
) -> bytes:
    """Return the body of one tariff.

    Shape: `prices[low - 1][high - low][group]` in cents for every run of zones; `groups[i]` =
    (group that pays the full fare, concession type); `transfers[zone - 1]` in minutes;
    `stops[index]` = zone or 0; `products[i]` = (number, mechanism, rank); `offsets[i]` =
    (from UTC second since 2020, minutes to add for wall clock), oldest first.
    Raises: RangeError naming the table and the row that does not fit.
    """
    zone_count, group_count = len(prices), len(groups)
    _check("zones", zone_count, 1, t.ZONES_MAX)
    _check("groups", group_count, 1, t.GROUPS_MAX)
    if len(transfers) != zone_count:
        raise RangeError(
            f"transfers: {len(transfers)} rows, wanted one for each of {zone_count} zones"
        )
    sections = [
        (t.PRICES, 2, _prices(prices, zone_count, group_count)),
        (t.TRANSFERS, 2, [_u16("transfers", i, v) for i, v in enumerate(transfers)]),
        (
            t.STOPS,
            1,
            [bytes([_check(f"stops[{i}]", v, 0, zone_count)]) for i, v in enumerate(stops)],
        ),
        (
            t.OFFSETS,
            8,
            [
                s.to_bytes(4, "little") + m.to_bytes(2, "little", signed=True) + bytes(2)
                for s, m in offsets
            ],
        ),
        (
            t.GROUPS,
            2,
            [
                bytes(
                    [
                        _check(f"groups[{i}]", full, 0, group_count - 1),
                        _check(f"concession[{i}]", concession, 0, 63),
                    ]
                )
                for i, (full, concession) in enumerate(groups)
            ],
        ),
        (
            t.PRODUCTS,
            4,
            [
                _u16("products", i, number) + bytes([mechanism, rank])
                for i, (number, mechanism, rank) in enumerate(products)
            ],
        ),
    ]
    head = (
        t.MAGIC
        + bytes(
            [
                t.FORMAT,
                t.SEMANTICS,
                _check("authority", authority, 1, 255),
                zone_count,
                group_count,
                len(sections),
            ]
        )
        + currency
        + bytes([decimals])
        + _u16("version", 0, version)
        + _u16("valid_from", 0, valid_from)
        + _u16("valid_to", 0, valid_to)
        + _u16("shift_minutes", 0, shift_minutes)
        + bytes([len(products), 0])
        + feed_hash[:8]
    )
    assert len(head) == t.HEADER_BYTES and len(currency) == 3, (len(head), currency)
    offset = t.HEADER_BYTES + t.DIRECTORY_BYTES * len(sections)
    directory, bodies = b"", b""
    for number, size, rows in sections:
        pad = -len(bodies) % 4
        bodies += bytes(pad)
        directory += (
            bytes([number, size, 0, 0])
            + len(rows).to_bytes(4, "little")
            + (offset + len(bodies)).to_bytes(4, "little")
        )
        bodies += b"".join(rows)
    return head + directory + bodies


def _prices(prices: list[list[list[int]]], zone_count: int, group_count: int) -> list[bytes]:
    rows = []
    for low in range(1, zone_count + 1):
        runs = prices[low - 1]
        if len(runs) != zone_count - low + 1:
            raise RangeError(f"prices[{low}]: {len(runs)} runs, wanted {zone_count - low + 1}")
        for high, row in enumerate(runs, low):
            if len(row) != group_count:
                raise RangeError(f"prices[{low}..{high}]: {len(row)} groups, wanted {group_count}")
            # Amounts on the card are 16 bits; 32 persons must fit too (card-bits.md rules).
            rows.extend(
                _u16(f"prices[{low}..{high}]", g, cents, 0xFFFF // 32)
                for g, cents in enumerate(row)
            )
    return rows


def _u16(place: str, index: int, value: int, limit: int = 0xFFFF) -> bytes:
    return _check(f"{place}[{index}]", value, 0, limit).to_bytes(2, "little")


def _check(place: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise RangeError(f"tariff.{place}: {value}, wanted {low}..{high}")
    return value
