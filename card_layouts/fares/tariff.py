"""The tariff package's body, read in place: prices, groups, transfer times, stops.

A validator holds the bytes in flash and reads a handful of them for a tap; the ledger and the
auditor hold the same bytes in memory. Nothing is copied and nothing is decided here (`rate.py`
decides). The package's signature and validity window in wall-clock time lie outside
(`packages/manifest.py`); `valid_from` and `valid_to` here are service days.

Layout (little-endian, sections found through the directory):

    0   magic b"TTAR"      4
    4   format             1   FORMAT
    5   semantics          1   an engine refuses what is newer than SEMANTICS (D26)
    6   authority          1
    7   zone_count         1   1..12; one zone is a flat tariff
    8   group_count        1
    9   section_count      1
    10  currency           3   ISO 4217
    13  decimals           1
    14  version            2
    16  valid_from         2   service day
    18  valid_to           2   last service day, inclusive
    20  shift_minutes      2   wall-clock minutes at which the service day starts
    22  product_count      1
    23  zero               1
    24  feed hash          8   first bytes of the GTFS feed's SHA-256
    32  section directory  12 each: id 1, record size 1, zero 2, count 4, offset 4

Source: decisions.md D26, D31; tariff-model.md section 4.
"""

from card_layouts.errors import LayoutError, RangeError

MAGIC = b"TTAR"
FORMAT = 1
SEMANTICS = 1
HEADER_BYTES = 32
DIRECTORY_BYTES = 12

PRICES = 1  # u16 cents; row = run of zones lo..hi (lo first), column = rider group
TRANSFERS = 2  # u16 minutes; index = start zone - 1
STOPS = 3  # u8 zone 1..12, 0 = no zone; index = stop index
OFFSETS = 4  # u32 from (UTC second), i16 minutes, u16 zero: wall clock = UTC + minutes
GROUPS = 5  # u8 group priced as the full fare (the age class), u8 concession type
PRODUCTS = 6  # u16 product number, u8 mechanism, u8 rank

ZONES_MAX = 12
GROUPS_MAX = 15


def u16(data, at):
    return data[at] | data[at + 1] << 8


def u32(data, at):
    return u16(data, at) | u16(data, at + 2) << 16


def run_index(zone_count, low, high):
    """Return the row of the run low..high (1-based zones) in the PRICES section."""
    return (low - 1) * zone_count - (low - 1) * (low - 2) // 2 + (high - low)


class Tariff:
    """One authority's tariff, read through `read(offset, size) -> bytes`.

    Raises: LayoutError when the bytes are no tariff this engine can price with.
    """

    def __init__(self, read):
        self.read = read
        head = read(0, HEADER_BYTES)
        if len(head) < HEADER_BYTES or bytes(head[0:4]) != MAGIC:
            raise LayoutError("tariff.magic: found %r, wanted %r" % (bytes(head[0:4]), MAGIC))
        if head[4] != FORMAT:
            raise LayoutError("tariff.format: found %d, wanted %d" % (head[4], FORMAT))
        if head[5] > SEMANTICS:
            raise LayoutError("tariff.semantics: found %d, known up to %d" % (head[5], SEMANTICS))
        self.semantics = head[5]
        self.authority = head[6]
        self.zone_count = head[7]
        self.group_count = head[8]
        self.currency = bytes(head[10:13])
        self.decimals = head[13]
        self.version = u16(head, 14)
        self.valid_from = u16(head, 16)
        self.valid_to = u16(head, 18)
        self.shift_minutes = u16(head, 20)
        if not 1 <= self.zone_count <= ZONES_MAX or not 1 <= self.group_count <= GROUPS_MAX:
            raise LayoutError(
                "tariff.zones: found %d zones and %d groups, wanted 1..%d and 1..%d"
                % (self.zone_count, self.group_count, ZONES_MAX, GROUPS_MAX)
            )
        self._sections = self._directory(head[9])

    def _directory(self, count):
        table = self.read(HEADER_BYTES, DIRECTORY_BYTES * count)
        if len(table) != DIRECTORY_BYTES * count:
            raise LayoutError("tariff.directory: truncated, wanted %d sections" % count)
        sections = []
        for i in range(count):
            at = DIRECTORY_BYTES * i
            sections.append((table[at], table[at + 1], u32(table, at + 4), u32(table, at + 8)))
        return sections

    def count(self, section):
        """Return how many rows `section` has; 0 when the package lacks it."""
        for number, _size, count, _offset in self._sections:
            if number == section:
                return count
        return 0

    def row(self, section, index):
        """Return row `index` of `section` as bytes.

        Raises: RangeError if there is no such row, LayoutError if the package is cut short.
        """
        for number, size, count, offset in self._sections:
            if number == section:
                if not 0 <= index < count:
                    raise RangeError("tariff.section %d: no row %d of %d" % (section, index, count))
                data = self.read(offset + index * size, size)
                if len(data) != size:
                    raise LayoutError("tariff.section %d: row %d is cut short" % (section, index))
                return data
        raise RangeError("tariff.section %d: not in this package" % section)

    def price(self, low, high, group):
        """Return the cents of one person of `group` for the run of zones low..high."""
        if not 1 <= low <= high <= self.zone_count:
            raise RangeError("tariff.price: zones %d..%d of 1..%d" % (low, high, self.zone_count))
        if not 0 <= group < self.group_count:
            raise RangeError("tariff.price: group %d of 0..%d" % (group, self.group_count - 1))
        row = run_index(self.zone_count, low, high)
        return u16(self.row(PRICES, row * self.group_count + group), 0)

    def transfer_minutes(self, start_zone):
        """Return how long a journey that began in `start_zone` stays open (W-38)."""
        return u16(self.row(TRANSFERS, start_zone - 1), 0)

    def zone_of(self, stop):
        """Return the zone 1..12 of stop index `stop`, 0 where it has none."""
        return self.row(STOPS, stop)[0]

    def full_fare_group(self, group):
        """Return (group that pays the full fare, concession type) for rider group `group`."""
        row = self.row(GROUPS, group)
        return row[0], row[1]

    def wall_minute(self, seconds):
        """Return wall-clock minutes since 2020-01-01 for the UTC second `seconds` (D2)."""
        minutes = 0
        for i in range(self.count(OFFSETS)):
            row = self.row(OFFSETS, i)
            if u32(row, 0) > seconds:
                break
            minutes = u16(row, 4) - (0x10000 if row[5] & 0x80 else 0)
        return seconds // 60 + minutes

    def service_day(self, seconds):
        """Return the service day of the UTC second `seconds`: wall clock minus shift (D2)."""
        return (self.wall_minute(seconds) - self.shift_minutes) // 1440

    def valid_on(self, seconds):
        """Return True while this version prices taps made at the UTC second `seconds`."""
        return self.valid_from <= self.service_day(seconds) <= self.valid_to
