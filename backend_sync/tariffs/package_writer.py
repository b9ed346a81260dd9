"""Write a tariff package: a Book over its Feed becomes the bytes that devices price with.

It derives nothing that is money: every price stands in the Book. The same Book, Feed and version
give the same bytes. The layout is `card_layouts/fares/package.py` and `sections.py`; this is its
other half. Source: tariff-model.md section 4; D31.
"""

from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.model import Book
from backend_sync.tariffs.network import derive
from backend_sync.tariffs.package_books import BookSections, calendar_bitmap, group_records
from backend_sync.tariffs.package_feed import EPOCH, FeedSections
from backend_sync.tariffs.package_money import PayerNumbers, money_sections
from backend_sync.tariffs.package_records import Texts, u8, u16, within
from card_layouts.errors import RangeError
from card_layouts.fares import package as p
from card_layouts.fares import sections as s


def write_package(book: Book, feed: Feed) -> bytes:
    """Return the package body of `book` (and its `others`) over `feed`.

    Raises: RangeError naming the table and the number that does not fit.
    """
    books = (book, *book.others)
    within("areas", len(books), s.BOOKS_MAX)
    network = derive(feed)
    texts = Texts()
    columns = max(group.number for each in books for group in each.groups) + 1
    payers = PayerNumbers(books)
    shared = BookSections(columns, texts, len(network.services), payers)
    for index, each in enumerate(books):
        shared.add(each, index)
    feed_sections = FeedSections(feed, network, books, texts)
    # One day more at both ends: near the border of the service day a neighbour may be asked.
    first_day = max(book.valid_from - 1, 0)
    stride = (book.valid_to + 1 - first_day) // 8 + 1
    groups, group_names = group_records(books, columns, texts, payers)
    patterns = feed_sections.patterns()
    trips, profiles, blocks = feed_sections.trips()
    calendars = feed_sections.services(first_day, 8 * stride)
    for each in books:
        calendars += _calendars(each, feed, first_day, stride)
    sections: dict[int, list[bytes]] = {
        **shared.rows,
        **money_sections(books, feed, payers, texts),
        s.OFFSETS: [_offset(row) for row in book.utc_offsets],
        s.GROUPS: groups,
        s.TABLES: shared.prices.tables,
        s.CELLS: shared.prices.cells,
        s.LISTED: shared.prices.listed,
        s.PRICES: shared.prices.prices,
        s.CALENDARS: calendars,
        s.STOPS: feed_sections.stops(),
        s.ROUTES: feed_sections.routes(),
        s.TRIPS: trips,
        s.PATTERNS: patterns,
        s.PATTERN_STOPS: feed_sections.pattern_stops,
        s.SEGMENTS: feed_sections.segments,
        s.PROFILES: profiles,
        s.BLOCKS: blocks,
        s.GROUP_NAMES: group_names,
    }
    sections[s.TEXTS] = [bytes(texts.bytes)]
    return _join(_header(book, feed, first_day, stride, len(books), columns), sections)


def _header(
    book: Book, feed: Feed, first_day: int, stride: int, books: int, columns: int
) -> bytearray:
    head = bytearray(p.HEADER_BYTES)
    head[0:4] = p.MAGIC
    head[4:7] = u8("header", p.FORMAT, book.semantics, within("authority", book.authority, 255, 1))
    head[8:18] = u16("header", book.version, book.valid_from, book.valid_to, first_day, stride)
    head[18:20] = u8("header", books, columns)
    head[20:23] = book.currency.encode("ascii")
    head[23] = book.decimals
    head[24:32] = feed.sha256[:8]
    head[34:36] = u16("header", within("service_day", book.shift_minutes, 1439))
    return head


def _join(head: bytearray, sections: dict[int, list[bytes]]) -> bytes:
    present = [section for section in sorted(sections) if sections[section]]
    head[7] = len(present)
    start = p.HEADER_BYTES + p.DIRECTORY_BYTES * len(present)
    directory, bodies = b"", bytearray()
    for section in present:
        bodies += bytes(-len(bodies) % 4)
        rows = sections[section]
        body = b"".join(rows)
        size = s.SIZES[section] or len(rows[0])
        assert len(body) % size == 0 and size <= 255, (section, size)
        directory += u8("directory", section, size)
        directory += u16(f"section {section}", len(body) // size)
        directory += (start + len(bodies)).to_bytes(4, "little")
        bodies += body
        if section <= s.RESIDENT:
            resident = len(bodies)
    if resident > p.RESIDENT_MAX:
        raise RangeError(
            f"tariff package: rules of {resident} bytes must fit {p.RESIDENT_MAX} bytes of RAM; "
            "fewer windows, tables, books or products"
        )
    head[32:34] = u16("resident", resident)
    body = bytes(head) + directory + bytes(bodies)
    # A device reads whole buffers: none may pass the end, the resident one included.
    tail = max(p.TAIL_BYTES, start + p.RESIDENT_MAX - len(body))
    return body + bytes(tail + -len(body) % 4)


def _offset(row: tuple[int, int]) -> bytes:
    second, minutes = row
    return second.to_bytes(4, "little") + minutes.to_bytes(2, "little", signed=True) + bytes(2)


def _calendars(book: Book, feed: Feed, first_day: int, stride: int) -> list[bytes]:
    rows = []
    for calendar in book.calendars:
        days = set(calendar.days)
        for service in calendar.services:
            days |= {(date - EPOCH).days for date in feed.services.get(service, ())}
        left = frozenset(days) - calendar.left_out
        rows.append(bytes(calendar_bitmap(left, first_day, stride)))
    return rows
