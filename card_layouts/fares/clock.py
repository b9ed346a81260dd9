"""When: wall clock, service day, the readings of a clock that favour the rider, and windows (M2).

A favourable window or limit holds if any reading holds, an unfavourable one only if all do (X-13).
Source: tariff-model.md section 3.2, step 2, and 3.3; decisions.md D2.
"""

from card_layouts.fares import sections as s
from card_layouts.fares.inputs import T_SECONDS
from card_layouts.fares.package import u16, u32

SKEW_MINUTES = 5
LATE_MINUTES_MAX = 60
DAY_MINUTES = 1440
END_MAX = 0x1FFFF  # of `end_minute`: 17 bits, three months
_UNJUDGED = 255


def read_clock(t, tap):
    """Set the readings of the tap's second and their service days; `day` is that of the clock."""
    seconds = tap[T_SECONDS]
    wall = seconds // 60 + offset_minutes(t, seconds)
    reading = t.reading
    reading[0] = wall
    reading[1] = wall - SKEW_MINUTES
    reading[2] = wall + SKEW_MINUTES
    t.minute = seconds // 60
    t.readings = 3
    if t.scheduled >= 0:
        # Only the minute of the day counts: the latest time the vehicle was due here.
        late = (wall - t.scheduled) % DAY_MINUTES
        if late <= LATE_MINUTES_MAX:
            reading[3] = wall - late
            t.readings = 4
    for i in range(t.readings):
        t.days[i] = (reading[i] - t.shift) // DAY_MINUTES
    t.day = t.days[0]
    t.valid_bits = (1 << t.readings) - 1
    t.calendar_known = -1
    for i in range(t.count(s.WINDOWS)):
        t.window_bits[i] = _UNJUDGED


def offset_minutes(t, seconds):
    """Return what to add to UTC minutes for the wall clock."""
    r = t.resident
    minutes = 0
    at = t.resident_at(s.OFFSETS)
    for _ in range(t.count(s.OFFSETS)):
        if u32(r, at) > seconds:
            break
        minutes = u16(r, at + 4) - (0x10000 if r[at + 5] & 0x80 else 0)
        at += 8
    return minutes


def service_day(t, seconds):
    """Return the service day of a UTC second: wall clock minus shift (D2)."""
    return (seconds // 60 + offset_minutes(t, seconds) - t.shift) // DAY_MINUTES


def end_minute(start, cents):
    """Return the last minute (absolute) of a right by the minute from its T row.

    t_start is the service day of its first use, t_cents the minutes after 00:00 UTC of the day
    before: exact on the nights of clock change, >= 0 in every time zone.
    """
    return DAY_MINUTES * (start - 1) + cents


def window(t, number):
    """Return a bit for each reading in which the window holds; bit 0 is the clock itself."""
    bits = t.window_bits[number]
    if bits != _UNJUDGED:
        return bits
    r = t.resident
    at = t.windows_at + 12 * number
    start = u16(r, at + 2)
    end = u16(r, at + 4)
    calendar = u16(r, at + 6)
    bits = days = 0
    t.window_bits[number] = 0  # a chain that comes back here adds nothing
    for i in range(t.readings):
        minute = t.reading[i] % DAY_MINUTES
        day = t.reading[i] // DAY_MINUTES if r[at + 1] & s.WINDOW_CIVIL else t.days[i]
        # 2020-01-01 was a Wednesday; bit 0 is Monday.
        if not r[at] >> (day + 2) % 7 & 1:
            continue
        if calendar != s.NONE16:
            wanted = not r[at + 1] & s.WINDOW_CALENDAR_NEGATED
            if in_calendar(t, calendar, day) != wanted:
                continue
        days |= 1 << i
        if start < end:
            inside = start <= minute < end
        else:
            inside = minute >= start or minute < end
        if inside:
            bits |= 1 << i
    if r[at + 8] != s.NONE:
        bits |= window(t, r[at + 8])
        days |= t.window_days[r[at + 8]]
    t.window_bits[number] = bits
    t.window_days[number] = days
    return bits


def in_calendar(t, calendar, day):
    """Return whether a service day is in a calendar; days outside the package are in none."""
    day -= t.base_day
    if day < 0 or day >> 3 >= t.stride:
        return False
    known = calendar * t.stride + (day >> 3)
    if known != t.calendar_known:
        t.read_inside(s.CALENDARS, calendar, day >> 3, t.calendar_byte)
        t.calendar_known = known
    return t.calendar_byte[0] >> (day & 7) & 1 == 1


def first_bit(bits):
    """Return the number of the lowest bit set, 0..3; 0 for none. Bit i is FAIR_* i."""
    if bits & 1 or not bits:
        return 0
    return 1 if bits & 2 else 2 if bits & 4 else 3
