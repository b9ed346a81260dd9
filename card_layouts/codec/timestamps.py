"""Seconds, minutes and days since 2020-01-01 00:00 UTC: the only place that knows an epoch.

Units: second 30 bits (to 2054-01-09), minute 25 bits, day 14 bits. Embedded ports count
`time.time()` from other years, so everybody else asks here. Source: SPEC.md section 1, D2.
"""

from card_layouts.errors import RangeError

EPOCH_UNIX = 1577836800
SECOND_MAX = (1 << 30) - 1

CLOCK_SIGNED = 0  # a time signed by the ledger is behind it
CLOCK_FLOOR = 1  # never earlier than the last time known
CLOCK_UNSET = 2  # nothing is known; nothing is charged
CLOCK_NAMES = ("signed", "floor", "unset")


def from_unix(seconds):
    """Return seconds since 2020 of a Unix time. Raises: RangeError outside 2020..2054."""
    value = int(seconds) - EPOCH_UNIX
    if value < 0 or value > SECOND_MAX:
        raise RangeError("time: Unix %s is outside 2020-01-01..2054-01-09" % (seconds,))
    return value


def to_unix(seconds):
    """Return the Unix time of `seconds` since 2020."""
    return seconds + EPOCH_UNIX


def day_of(seconds):
    """Return days since 2020-01-01 UTC. The service day is the tariff's, not this one (D2)."""
    return seconds // 86400


def month_of(day):
    """Return months since 2020-01 of a day number.

    Source: proleptic Gregorian arithmetic in 400-year cycles, years starting in March.
    """
    days = day + 737730  # from 0000-03-01 to 2020-01-01
    era_day = days % 146097
    era_year = (era_day - era_day // 1460 + era_day // 36524 - era_day // 146096) // 365
    year_day = era_day - (365 * era_year + era_year // 4 - era_year // 100)
    march_month = (5 * year_day + 2) // 153
    year = days // 146097 * 400 + era_year + march_month // 10
    return (year - 2020) * 12 + (march_month + 2) % 12


def date_of(day):
    """Return (year, month, day of the month) of a day number."""
    months = month_of(day)
    in_month = 1
    while month_of(day - in_month) == months:
        in_month += 1
    return 2020 + months // 12, months % 12 + 1, in_month
