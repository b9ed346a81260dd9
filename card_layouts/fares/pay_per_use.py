"""Pay per use: what a card's accesses cost together, and what one more adds (M11).

Every access is covered by some ticket of its station or of the region; the cheapest cover counts.
A ticket begins at an access and covers an interval: minutes on the wall clock, a clock window of
one service day, or consecutive service days. The price of a set of accesses never depends on the
order in which they arrived, so a late upload needs no correction: its charge is what it adds.

Integers only. Used by the ledger; nothing here runs in a tap.
Source: tariff-model.md section 3.4; O-3 to O-7.
"""

from card_layouts.errors import RangeError
from card_layouts.fares import sections as s
from card_layouts.fares.package import u16, u32

DAY_MINUTES = 1440
NO_PRICE = 0xFFFFFFFF
ANYWHERE = ""  # station of a region ticket

# Ticket: (cents, minutes, days, window from, window to, region, station); of minutes, days and
# window exactly one is set. `station` "*" is a ticket that every station sells for itself.
CENTS, MINUTES, DAYS, WINDOW_FROM, WINDOW_TO, REGION, STATION = 0, 1, 2, 3, 4, 5, 6


def tickets_of(package, card_type):
    """Return the tickets of a mounted package that a card type (a group number) can be rated by."""
    tickets = []
    row = bytearray(12 + 4 * package.columns)
    for index in range(package.count(s.PER_USE)):
        package.read(s.PER_USE, index, row)
        cents = u32(row, 12 + 4 * card_type)
        if cents == NO_PRICE:
            continue
        start, end = u16(row, 4), u16(row, 6)
        station = package.text(u16(row, 8))
        tickets.append((cents, u16(row, 2), row[1], start, end, row[0] == 1, station))
    return tickets


def best_price(tickets, accesses, shift_minutes):
    """Return the cents that `accesses` cost at least.

    Shape: accesses [(wall minute since 2020, station name)] in any order; `shift_minutes` is where
    the service day starts. Raises: RangeError if no ticket covers an access.
    """
    # What has been bought and may still cover something -> the least it cost so far. An access
    # that is covered buys nothing: a ticket that began there could as well begin later.
    reached = {(): 0}
    for minute, station in sorted(accesses):
        day = (minute - shift_minutes) // DAY_MINUTES
        after = {}
        for bought, cents in reached.items():
            alive = tuple(cover for cover in bought if minute < cover[1])
            if any(_covers(cover, minute, station) for cover in alive):
                _keep(after, alive, cents)
                continue
            for ticket in tickets:
                cover = _begin(ticket, minute, day, station, shift_minutes)
                if cover:
                    _keep(after, tuple(sorted(alive + (cover,))), cents + ticket[CENTS])
        if not after:
            raise RangeError("pay_per_use: no ticket covers minute %d at %s" % (minute, station))
        reached = after
    return min(reached.values())


def charge_of(tickets, accesses, more, shift_minutes):
    """Return what the access `more` adds to what `accesses` cost: >= 0."""
    before = best_price(tickets, accesses, shift_minutes) if accesses else 0
    return best_price(tickets, list(accesses) + [more], shift_minutes) - before


def _keep(after, bought, cents):
    after[bought] = min(cents, after.get(bought, cents))


def _begin(ticket, minute, day, station, shift_minutes):
    """Return the cover (station, end, window from, window to) of a ticket begun here."""
    if not ticket[REGION] and ticket[STATION] not in ("*", station):
        return None
    place = ANYWHERE if ticket[REGION] else station
    if ticket[MINUTES]:
        return (place, minute + ticket[MINUTES], 0, 0)
    end = (day + (ticket[DAYS] or 1)) * DAY_MINUTES + shift_minutes
    cover = (place, end, ticket[WINDOW_FROM], ticket[WINDOW_TO])
    return cover if _covers(cover, minute, station) else None


def _covers(cover, minute, station):
    """Return whether a cover that has not ended holds at this station and time of the day."""
    place, _end, window_from, window_to = cover
    in_window = not window_to or window_from <= minute % DAY_MINUTES < window_to
    return place in (ANYWHERE, station) and in_window
