"""The oracle's trips: in which zones a call lies, and which are ahead, brief visits not counted.

Source: tariff-model.md section 2.2, `brief`; backend_sync/tariffs/README.md, "Short visits".
"""

from tests.fares.oracle_tariff import stop_zones


def zones_here(ask, book):
    """Return the zones of `book` in which the tap is made."""
    trip, call = ask["tap"]["trip"], ask["tap"]["call"]
    if trip is None or call is None:
        return frozenset() if ask["stop"] is None else stop_zones(book, ask["feed"], ask["stop"])
    return _calls(book, ask["feed"], trip)[call][0]


def zones_ahead(ask, book):
    """Return the zones of `book` here and at every later call that counts."""
    trip, call = ask["tap"]["trip"], ask["tap"]["call"]
    here = zones_here(ask, book)
    if trip is None or call is None:
        return here
    return here.union(*(counted for _here, counted in _calls(book, ask["feed"], trip)[call:]))


def _calls(book, feed, trip):
    """Return [(zones of the call, zones of it that count for who boards before)]."""
    zones = [stop_zones(book, feed, stop) for _order, stop, _time in feed["trips"][trip]["calls"]]
    stretches, calls = [], []
    for own in zones:
        if not stretches or stretches[-1][0] != own:
            stretches.append([])
        stretches[-1].append(own)
    for place, stretch in enumerate(stretches):
        before, after = stretches[:place][-1:], stretches[place + 1 :][:1]
        is_visit = before and after and before[0][0] == after[0][0] and before[0][0] and stretch[0]
        if is_visit and _is_brief(book, feed, trip):
            if len(stretch) <= len(before[0]) and len(stretch) <= len(after[0]):
                around = before[0][0]
                calls += [(own | around, around) for own in stretch]
                continue
        calls += [(own, own) for own in stretch]
    return calls


def _is_brief(book, feed, trip):
    """A trip that `zones.brief` names, or one of the same line, direction and stops."""
    return any(
        _pattern(feed, trip) == _pattern(feed, named) for named in book["zones"].get("brief", [])
    )


def _pattern(feed, trip):
    row = feed["trips"][trip]
    return row["line"], row["direction"], [stop for _order, stop, _time in row["calls"]]
