"""A mounted package together with the memory of one decision: all a tap needs, made once.

The working fields belong to the modules that fill them (place, clock, rider, journey, rights,
money, write); their names stand here because a first assignment to a new attribute would grow the
instance's dictionary, and nothing may allocate between reading a card and answering it.
"""

from array import array

from card_layouts.fares import sections as s
from card_layouts.fares.offers import OFFER_SIZE
from card_layouts.fares.package import Package

SOURCES = 5  # the purse and four slots


class Tariff(Package):
    """What `rate` prices with. `mount` first; one decision at a time."""

    def __init__(self, read_into):
        super().__init__(read_into)
        # Where the resident sections start in `resident`.
        self.groups_at = self.books_at = self.tables_at = self.windows_at = 0
        self.surcharges_at = self.accepts_at = self.schemes_at = self.numbers_at = 0
        # One buffer a kind of record; price rows differ in length from package to package.
        self.trip = bytearray(8)
        self.pattern = bytearray(10)
        self.segments = bytearray(6 * s.SEGMENTS_MAX)
        self.stop = bytearray(16)
        self.two = bytearray(2)
        self.cell = bytearray(8)
        self.listed = bytearray(4 * s.SETS_MAX)
        self.prices = bytearray(3 * s.COLUMNS_MAX)
        self.transfer = bytearray(36)
        self.calendar_byte = bytearray(1)
        # place
        self.segment_count = self.call = self.at_stop = self.scheduled = self.contracting = 0
        self.book = self.book_at = self.here = self.ahead = self.zone_count = self.all_zones = 0
        self.found_ahead = 0
        # clock
        self.minute = self.readings = self.day = self.valid_bits = 0
        self.reading = [0] * 4  # wall minutes: as it is, -5, +5, as scheduled
        self.days = [0] * 4  # their service days
        self.window_bits = bytearray(s.WINDOWS_MAX)  # readings in which a window holds
        self.window_days = bytearray(s.WINDOWS_MAX)  # readings on one of its days
        self.calendar_known = -1  # which byte of which calendar `calendar_byte` holds
        # rider
        self.group = self.full_group = self.age_class = self.concession = self.payer = 0
        self.adults = self.youths = self.children = self.heads = 0  # companions of this tap
        self.own = 0  # 1: the holder is priced, 0: a pass covers him
        # products of the sources; the sixth is the one priced outside a window
        self.products = [bytearray(32) for _ in range(SOURCES + 1)]
        self.product_book = [0] * SOURCES  # its book, or NO_PRODUCT, FOREIGN
        self.accepted = [0] * SOURCES  # 1: taken as a product of the book, by agreement
        self.why = [0] * SOURCES
        # journey
        self.open = self.paying = self.covered = self.inside = self.fair = self.left_out = 0
        # rights
        self.right = self.consumes = self.right_surcharge = self.right_rank = self.right_last = 0
        self.right_fair = self.right_day = self.right_surcharge_number = self.last_day = 0
        self.starts = self.day_bits = 0  # of the slot weighed last
        self.uses = self.uses_fair = self.count_day = 0
        self.right_zones = self.shadow = 0
        self.extended = [0] * 4  # masks of valid passes that do not cover this tap
        # prices of the party asked for last
        self.party_own = self.party_adults = self.party_youths = self.party_children = 0
        self.quoted_own = self.quoted_full = self.quoted_others = self.quoted_zones = 0
        # the cap of the source worked on
        self.cap_left = self.cap_zones = self.cap_clips = self.capped = 0
        self.period_before = 0
        # surcharge asked for last
        self.surcharge_number = self.surcharge_fair = self.surcharge_once = self.right_night = 0
        # offers
        self.offer = array("i", [0] * OFFER_SIZE)
        self.best = array("i", [0] * OFFER_SIZE)
        self.kept = array("i", [0] * OFFER_SIZE)  # the pass beside which companions are charged
        self.found = self.balance = self.asked = self.too_many = 0

    def mount(self):
        """Read what stays in RAM. Raises: LayoutError for what is no package."""
        super().mount()
        self.groups_at = self.resident_at(s.GROUPS)
        self.books_at = self.resident_at(s.BOOKS)
        self.tables_at = self.resident_at(s.TABLES)
        self.windows_at = self.resident_at(s.WINDOWS)
        self.surcharges_at = self.resident_at(s.SURCHARGES)
        self.accepts_at = self.resident_at(s.ACCEPTS)
        self.schemes_at = self.resident_at(s.SCHEMES)
        self.numbers_at = self.resident_at(s.NUMBERS)
        self.prices = bytearray(3 * self.columns)
