"""The oracle's pay-per-use: every way of covering a card's accesses by tickets, and the cheapest.

For small sets only: the number of ways grows with the power of the accesses. Source:
tariff-model.md section 3.4; requirements.md O-3..O-7.
"""

import datetime

from tests.fares.oracle_tariff import cents
from tests.fares.oracle_windows import minute, service_date


def cheapest(book, card_type, accesses):
    """Return what the accesses of one card cost: [(wall time, station)] in order of time, cents."""
    return _cover(book, card_type, sorted(accesses), 0, [])


def _cover(book, card_type, accesses, place, bought):
    """Cover accesses[place:] by what is bought already or by one more ticket, each in turn."""
    if place == len(accesses):
        return sum(price for price, _covered in bought)
    ways = []
    if any(place in covered for _price, covered in bought):
        ways.append(_cover(book, card_type, accesses, place + 1, bought))
    for ticket in book["ppu"]["ticket"]:
        if card_type not in ticket:
            continue
        for covered in _coverages(book, ticket, accesses, place):
            more = [*bought, (cents(ticket[card_type]), covered)]
            ways.append(_cover(book, card_type, accesses, place + 1, more))
    return min(ways)


def _coverages(book, ticket, accesses, place):
    """Return the sets of accesses that one ticket can cover if it covers `place`."""
    sets = []
    for first in range(place + 1):
        covered = frozenset(
            other
            for other in range(first, len(accesses))
            if _same_place(ticket, accesses[first], accesses[other])
            and _same_time(book, ticket, accesses[first][0], accesses[other][0])
        )
        if place in covered and covered not in sets:
            sets.append(covered)
    return sets


def _same_place(ticket, one, other):
    if ticket.get("stations") == "all":
        return True
    listed = ticket.get("station", "*")
    return one[1] == other[1] and (listed == "*" or one[1] in _names(listed))


def _names(value):
    return [value] if isinstance(value, str) else value


def _same_time(book, ticket, start, now):
    if "minutes" in ticket:
        return start <= now < start + datetime.timedelta(minutes=ticket["minutes"])
    first, day = service_date(book, start), service_date(book, now)
    if "days" in ticket:
        return first <= day < first + datetime.timedelta(days=ticket["days"])
    return first == day and any(
        minute(one) <= _minutes(start) < minute(after)
        and minute(one) <= _minutes(now) < minute(after)
        for one, after in ticket["window"]
    )


def _minutes(wall):
    return wall.hour * 60 + wall.minute
