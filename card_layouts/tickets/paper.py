"""What stands on a printed single ticket beside its code, as lines of text (W-51).

The same on the vehicle's thermal paper, at a counter and on a screen. Times are the wall clock's of
the tariff; names are the tariff's. English so far. Source: W-51, W-53, W-92.
"""

from card_layouts.cards.zones import ZONES_ALL
from card_layouts.codec.timestamps import date_of
from card_layouts.fares import sections as s
from card_layouts.fares.clock import DAY_MINUTES, offset_minutes
from card_layouts.fares.package import u16
from card_layouts.fares.place import book_of
from card_layouts.tickets.single import lines_of


def paper_lines(t, ticket):
    """Return the lines of a ticket's fields, at most 32 characters but for long names.

    Raises: RangeError, LayoutError for a broken package.
    """
    book = book_of(t, ticket["authority"])
    first = ticket["from_minute"]
    lines = [
        t.text(u16(t.resident, t.books_at + 32 * book + s.BOOK_NAME)),
        "SINGLE TICKET",
        "Zones " + zone_names(t, book, ticket["zones"]),
        ", ".join(["%d %s" % (count, group_name(t, group)) for group, count in lines_of(ticket)]),
        "Valid from " + wall_time(t, first),
        "     until " + wall_time(t, first + ticket["minutes"]),
    ]
    if ticket["line_only"]:
        lines.append("On line %d only" % ticket["line"])
    lines.append("Price " + money(t, ticket["price"]))
    if ticket["night"]:
        lines.append("with night fee")
    lines.append("No %d-%d" % (ticket["device"], ticket["serial"]))
    return lines


def wall_time(t, minute):
    """Return a minute since 2020 as the authority's wall clock shows it."""
    wall = minute + offset_minutes(t, minute * 60)
    rest = wall % DAY_MINUTES
    return "%d-%02d-%02d %02d:%02d" % (date_of(wall // DAY_MINUTES) + (rest // 60, rest % 60))


def zone_names(t, book, zones):
    """Return the names of a zone set, as the tariff writes them."""
    if zones == ZONES_ALL:
        return "all"
    names = []
    row = bytearray(4)
    for i in range(t.count(s.ZONE_NAMES)):
        t.read(s.ZONE_NAMES, i, row)
        if row[2] == book and zones >> (15 - row[3]) & 1:
            names.append(t.text(u16(row, 0)))
    return " ".join(names)


def group_name(t, group):
    """Return the name of a rider group."""
    row = bytearray(10)
    t.read(s.GROUP_NAMES, group, row)
    return t.text(u16(row, 0))


def money(t, price):
    """Return an amount of the currency's smallest units, and the currency's three letters."""
    head = bytearray(4)
    t.read_into(20, head)
    text = str(price)
    decimals = head[3]
    if decimals:
        text = "0" * (decimals + 1 - len(text)) + text
        text = text[: len(text) - decimals] + "." + text[len(text) - decimals :]
    return text + " " + bytes(head[:3]).decode()
