"""What is on the card: the products of the purse and the four slots, and whose they are (M10).

Product numbers are the issuer's. In another authority's area a product counts by agreement: as the
product of that book that the acceptance list names. Source: tariff-model.md section 1; W-41, W-42.
"""

from card_layouts.fares import sections as s
from card_layouts.fares.inputs import (
    C_ISSUER,
    C_PURSE_PRODUCT,
    C_PURSE_ZONES,
    C_SLOT0,
    C_SLOT_SIZE,
    FLAG_TICKET,
    S_MECHANISM,
    S_PRODUCT,
    S_ZONES,
    T_FLAGS,
    WHY_DAMAGED,
    WHY_EMPTY,
    WHY_FOREIGN,
)
from card_layouts.fares.package import u16
from card_layouts.fares.place import book_of, zones_in

# Instead of a book in `product_book`:
NOT_READ = -4
EMPTY = -3
UNKNOWN = -2
FOREIGN = -1

PASS_KINDS = (s.PRODUCT_PASS, s.PRODUCT_PACK)
OTHERWISE = 5  # the buffer of the product priced outside a window


def forget(t):
    """Begin a tap: nothing of the card is read yet."""
    t.period_before = 0
    for source in range(5):
        t.product_book[source] = NOT_READ
        t.accepted[source] = 0
        t.why[source] = WHY_EMPTY


def load(t, card, tap, source):
    """Read the product of a source once; return its book, or EMPTY, UNKNOWN, FOREIGN."""
    if t.product_book[source] == NOT_READ:
        t.product_book[source] = _load(t, card, tap, source)
    return t.product_book[source]


def why_not(book):
    """Return the WHY_* of a source without a product here."""
    return WHY_EMPTY if book == EMPTY else WHY_FOREIGN if book == FOREIGN else WHY_DAMAGED


def find_product(t, book, number, source):
    """Read product `number` of `book` into the buffer of `source`; return whether there is one."""
    r = t.resident
    at = t.books_at + 32 * book
    low = u16(r, at + s.BOOK_PRODUCT)
    high = low + u16(r, at + s.BOOK_PRODUCTS)
    while low < high:
        middle = (low + high) >> 1
        found = u16(r, t.numbers_at + 2 * middle)
        if found == number:
            t.read(s.PRODUCTS, middle, t.products[source])
            return True
        if found < number:
            low = middle + 1
        else:
            high = middle
    return False


def zones_of(t, card, source):
    """Return where the right or purse of a source holds, as zones of its book; 0 = not said.

    A product taken by agreement holds everywhere as a right; as a purse it has no default zones.
    """
    if t.accepted[source]:
        return t.all_zones if source else 0
    zones = card[C_SLOT0 + (source - 1) * C_SLOT_SIZE + S_ZONES] if source else card[C_PURSE_ZONES]
    if zones == 0xFFFF:
        return 0x7FFF
    scheme = t.products[source][s.P_SCHEME]
    return _of_scheme(t, t.product_book[source], scheme, zones) if scheme else zones


def _load(t, card, tap, source):
    if source:
        at = C_SLOT0 + (source - 1) * C_SLOT_SIZE
        if not card[at + S_MECHANISM]:
            return EMPTY
        number = card[at + S_PRODUCT]
    else:
        number = card[C_PURSE_PRODUCT]
        if not number and not tap[T_FLAGS] & FLAG_TICKET:
            return EMPTY
    issuer = card[C_ISSUER]
    if issuer == t.resident[t.book_at]:
        return t.book if find_product(t, t.book, number, source) else UNKNOWN
    if source:
        home = book_of(t, issuer)
        if home >= 0 and zones_in(t, home) and find_product(t, home, number, source):
            if t.products[source][s.P_KIND] in PASS_KINDS:
                return home
    return _by_agreement(t, issuer, number, source)


def _by_agreement(t, issuer, number, source):
    r = t.resident
    first = r[t.book_at + s.BOOK_ACCEPT]
    for i in range(first, first + r[t.book_at + s.BOOK_ACCEPTS]):
        at = t.accepts_at + 8 * i
        product = u16(r, at + 2)
        whole_purse = product == s.NONE16 and not source
        if r[at] == issuer and (product == number or whole_purse):
            t.accepted[source] = 1
            return t.book if find_product(t, t.book, u16(r, at + 4), source) else UNKNOWN
    return FOREIGN


def _of_scheme(t, book, scheme, zones):
    """Return today's mask of `zones`, which are in an earlier scheme; unknown schemes hold none."""
    r = t.resident
    at = t.books_at + 32 * book
    first = r[at + s.BOOK_SCHEME]
    for i in range(first, first + r[at + s.BOOK_SCHEMES]):
        row = t.schemes_at + 28 * i
        if r[row] == scheme:
            mask = 0
            for zone in range(1, s.ZONES_MAX + 1):
                if zones >> (15 - zone) & 1:
                    mask |= u16(r, row + 2 + 2 * zone)
            return mask
    return 0
