"""The oracle's own reading of windows and calendars: is a clause in force at this wall-clock time?

Days are dates, minutes of a day are integers. Knows nothing of ours. Source: tariff-model.md
section 2 and the table of keys in backend_sync/tariffs/README.md.
"""

import datetime

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def minute(text):
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def service_date(book, wall):
    """Return the service day of a wall-clock time: the wall clock minus the shift."""
    shift = minute(book.get("service_day", "00:00"))
    return (wall - datetime.timedelta(minutes=shift)).date()


def in_window(book, feed, name, wall):
    return any(
        _in_hours(piece, wall) and _on_day(book, feed, piece, wall) for piece in _pieces(book, name)
    )


def on_window_days(book, feed, name, wall):
    """Return whether the weekdays and calendars of the window admit this day, at any hour."""
    return any(_on_day(book, feed, piece, wall) for piece in _pieces(book, name))


def _pieces(book, name):
    window = book["windows"][name]
    return window if isinstance(window, list) else [window]


def _in_hours(piece, wall):
    now = wall.hour * 60 + wall.minute
    first, after = minute(piece.get("from", "00:00")), minute(piece.get("to", "24:00"))
    if first <= after:
        return first <= now < after
    return now >= first or now < after


def _piece_day(book, piece, wall):
    return wall.date() if piece.get("date", "service") == "civil" else service_date(book, wall)


def _on_day(book, feed, piece, wall):
    day = _piece_day(book, piece, wall)
    return day.weekday() in weekdays(piece.get("days", "all")) and _in_calendars(
        book, feed, piece, day
    )


def _in_calendars(book, feed, piece, day):
    if "calendar" in piece and day not in calendar_days(book, feed, piece["calendar"]):
        return False
    return not ("not" in piece and day in calendar_days(book, feed, piece["not"]))


def weekdays(text):
    """Return the numbers of "Mon-Fri", "Sat,Sun" or "all"; Monday is 0."""
    days = set()
    for part in text.split(","):
        first, _dash, last = part.strip().partition("-")
        if first == "all":
            days |= {0, 1, 2, 3, 4, 5, 6}
            continue
        day = WEEKDAYS.index(first)
        days.add(day)
        while WEEKDAYS[day] != (last or first):
            day = (day + 1) % 7
            days.add(day)
    return days


def calendar_days(book, feed, name):
    """Return the set of dates of a calendar."""
    calendar = book["calendars"][name]
    days = set(calendar.get("dates", []))
    services = calendar.get("from_feed", [])
    for service in [services] if isinstance(services, str) else services:
        days |= feed["services"].get(service, set())
    if "from" in calendar:
        day = calendar["from"]
        while day <= calendar["to"]:
            if day.weekday() in weekdays(calendar.get("days", "all")):
                days.add(day)
            day += datetime.timedelta(days=1)
    return days - set(calendar.get("except", []))
