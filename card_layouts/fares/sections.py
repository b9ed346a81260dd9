"""The sections of a package and the bytes of their records; `package.py` says how to find them.

Numbers are little-endian; a number without a width is one byte. NONE (255) or NONE16 mean "no such
thing". Service days are days since 2020-01-01. Masks are zone sets of `cards/zones.py`.
"""

NONE = 255
NONE16 = 0xFFFF
NO_PRICE = 0xFFFFFF
COLUMNS_MAX = 16  # rider groups 0..15
ZONES_MAX = 12
SEGMENTS_MAX = 16  # of one pattern over all books, read at once
SETS_MAX = 16  # listed masks with holes of a table, set times of a transfer row: read at once
WINDOWS_MAX = 32
BOOKS_MAX = 4

TRANSFER_LEGS = 24
TRANSFER_FLAGS = 25
TRANSFER_PASS_BACK = 26  # 2
TRANSFER_FIRST_RUN = 28  # 2
TRANSFER_FIRST_SET = 30  # 2
TRANSFER_SET_COUNT = 32

# Resident: offsets first, in this order, without a gap but alignment.
OFFSETS = 1  # from UTC second 4, minutes 2 (signed), zero 2
GROUPS = 2  # by number: full group, following group, age class (255 = no such group), concession,
#              payer in each of the first four books
BOOKS = 3  # see BOOK_*
TABLES = 4  # first cell 2, first listed 2, listed count, zones, when 1: window, table, when 2:
#              window, table, zero 2
WINDOWS = 5  # weekdays (bit 0 = Monday), flags WINDOW_*, from minute 2, to minute 2, calendar 2,
#              further window that also counts (255 none), zero 3
SURCHARGES = 6  # cents 2, window, kinds ON_*, flags SURCHARGE_*, zero 3
ACCEPTS = 7  # issuer, zero, product 2 (NONE16 = its purse), taken as product 2, zero 2
SCHEMES = 8  # number, zero 3, today's mask of each of its zones 12 x 2
NUMBERS = 9  # product number 2: same order as PRODUCTS, by book
RESIDENT = 9

# In flash
PRODUCTS = 10  # see PRODUCT_*
CELLS = 11  # price row 2 and mask 2 leaning down, the same leaning up; [table][column][run]
LISTED = 12  # mask with a hole 2, price row 2
PRICES = 13  # 3 for each column
TRANSFERS = 14  # minutes by start zone 12 x 2, legs, flags TRANSFER_*, pass-back seconds 2,
#                 first of its run minutes 2 (NONE16 none), first of its sets 2, sets, zero 3
TRANSFER_SETS = 15  # mask with a hole 2, minutes 2
CALENDARS = 16  # one bit a day from the base day on, bit 0 of byte 0 first; `stride` bytes
STOPS = 17  # mask 2, mask 2, book, book, name 2, latitude 4, longitude 4 (1e-6 degrees)
ROUTES = 18  # short name 2, long name 2, first trip 2, trips 2, agency name 2, book, zero 5
TRIPS = (
    19  # pattern 2, profile 2 (first time), start minute 2, calendar 2; by route, direction, start
)
PATTERNS = 20  # first stop 2, first segment 2, route and direction (top bit) 2, stops, segments,
#                book, zero
PATTERN_STOPS = 21  # stop 2
SEGMENTS = 22  # from call, book, mask 2, mask of this segment and all later ones 2
PROFILES = 23  # minutes from the trip's start 2
TEXTS = 24  # UTF-8, each text ends with 00; a reference is its byte offset / 2
BLOCKS = 25  # block number 2 of each trip, NONE16 none
PER_USE = 26  # region flag, days, minutes 2, from 2, to 2, station name 2, name 2,
#                price 4 for each column (ones: none)
LOADS = 27  # channel name 2, groups 2, minimum 4, maximum 4, step 4
SALES = 28  # of each product: name 2, least length 2, most 2 (days, or units of P_MINUTES),
#             activate within 2, refund fee 4, void minutes 2, media, flags SALE_*
GROUP_NAMES = 29  # name 2, zero 2, ages from, ages to (255 none), penalty 4
ZONE_NAMES = 30  # name 2, book, zone
TRANSFER_RUNS = 31  # minutes 2 for each run of zones, by row
SECTION_MAX = 31  # of what a validator knows; it passes over what comes after
# For whoever divides the money (`settlement.py`).
SETTLEMENT = 32  # of each book: revenue REVENUE_*, passes PASSES_*, zero 2
SHARES = 33  # book, zero, agency_id 2, its name 2, parts 2
PAYERS = 34  # name 2: of payer number 2 + its place
VAT_RATES = 35  # book, code, name 2, from day 2, permille 2
OPERATORS = 36  # book, zero, agency_id 2, its number in entries and accounts 2
# For whoever sells (`sales_terms.py`).
SELLS = 37  # book, flags SELLS_*, price table there (255: the product's own), zero, channel name 2,
#             product number 2
LENGTHS = 38  # book, rounding, product number 2, its price is for so many units 2
CARD_TERMS = 39  # book, zero 3, fee 4, deposit 4
SECTIONS_MAX = 64  # of one package

# Bytes of a record by section; 0 = the package says (columns, stride).
SIZES = (0, 8, 8, 32, 12, 12, 8, 8, 28, 2) + (32, 8, 4, 0, 36, 4, 0, 16, 16, 8)
SIZES += (10, 2, 6, 2, 2, 2, 0, 16, 16, 10) + (4, 2, 4, 8, 2, 8, 6, 8, 6, 12)

BOOK_AUTHORITY = 0
BOOK_ZONES = 1
BOOK_FLAGS = 2
BOOK_SURCHARGE = 3  # first
BOOK_SURCHARGES = 4
BOOK_CLASS = 5  # group of child, youth, adult companions: 3 bytes
BOOK_PRODUCT = 8  # first, 2
BOOK_PRODUCTS = 10  # 2
BOOK_ACCEPT = 12
BOOK_ACCEPTS = 13
BOOK_SCHEME = 14
BOOK_SCHEMES = 15
BOOK_FROM = 16  # valid from, 2
BOOK_TO = 18  # valid to, 2
BOOK_NAME = 20  # text 2

BOOK_AWAY_END = 1
BOOK_AWAY_ASK = 2
BOOK_LEAN_DOWN = 4
BOOK_NIGHT_FREE = 8  # a pass whose surcharge the purse cannot pay rides all the same

WINDOW_CALENDAR_NEGATED = 1
WINDOW_CIVIL = 2

SURCHARGE_ON_TRANSFER = 1
SURCHARGE_ONCE = 2
SURCHARGE_PER_PERSON = 4
ON_PURSE, ON_TICKET, ON_PASS = 1, 2, 4

TRANSFER_UPGRADE = 1
TRANSFER_PASS_BACK_REFUSE = 2

P_NUMBER = 0  # 2
P_KIND = 2
P_RANK = 3
P_GROUPS = 4  # 2
P_PRICES = 6
P_SHADOW = 7
P_TRANSFER = 8
P_WINDOW = 9
P_OTHERWISE = 10  # 2
P_FLAGS = 12
P_SPAN = 13
P_MINUTES = 14  # 2: of one unit of its length, 0 = service days
P_FIRST_DAY = 16  # 2
P_LAST_DAY = 18  # 2
P_TRAVEL_DAYS = 20
P_TRIPS_DAY = 21
P_CAP_TABLE = 22
P_PAYER = 23
P_CAP_DAYS = 24  # 2
P_COMPANIONS = 26
P_COMPANIONS_MAX = 27
P_SCHEME = 28
P_USES = 29
P_VAT = 30

PRODUCT_PERSONAL = 1
PRODUCT_SURCHARGE = 2
PRODUCT_NEEDS_PASS = 4
PRODUCT_BILLED = 8
PRODUCT_CLIP = 16

PRODUCT_TICKET, PRODUCT_PURSE, PRODUCT_PASS, PRODUCT_PACK, PRODUCT_PER_USE = 1, 2, 3, 4, 5
SPAN_NONE, SPAN_FIRST_USE, SPAN_DATES, SPAN_YEAR, SPAN_FIRST_USE_OR_DATE = 0, 1, 2, 3, 4
COMPANIONS_NONE, COMPANIONS_OWN, COMPANIONS_YOUNGER, COMPANIONS_ANY = 0, 1, 2, 3

REVENUE_FIRST_BOARDING, REVENUE_PER_LEG, REVENUE_PER_KM = 0, 1, 2
PASSES_BY_USE, PASSES_BY_SHARES = 0, 1

SELLS_LISTED = 1  # one of the products that the channel is said to sell
SALE_GRANT = 1
SALE_NO_REFUND = 2


def run_index(zone_count, low, high):
    """Return the place of the run low..high (1-based zones) among all runs."""
    return (low - 1) * zone_count - (low - 1) * (low - 2) // 2 + (high - low)
