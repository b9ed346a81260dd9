"""What a channel may load onto a card: multiples, least and most for the holder's group.

The figures are `[load.CHANNEL]` of the issuer's tariff; a channel it does not name loads nothing.
Source: requirements W-65, W-66, W-67; tariff-model.md (L).
"""

from collections.abc import Mapping
from typing import NamedTuple

from card_layouts.cards.card_layout import (
    CHANNEL_COUNTER,
    CHANNEL_MACHINE,
    CHANNEL_VEHICLE,
    CHANNEL_WEB,
)
from card_layouts.fares import sections as s
from card_layouts.fares.clock import service_day
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import u16, u32

# Channels by their name in a tariff; the number is ACTION_ENTRY's.
CHANNELS = {
    "counter": CHANNEL_COUNTER,
    "web": CHANNEL_WEB,
    "driver": CHANNEL_VEHICLE,
    "machine": CHANNEL_MACHINE,
}
ROW_BYTES = 16


class Limits(NamedTuple):
    """Of one load, in cents."""

    least: int
    most: int
    step: int


def limits_of(tariff: Tariff, channel: str, group: int) -> Limits | None:
    """Return what `channel` may load for a group of riders; None: it may not."""
    row = bytearray(ROW_BYTES)
    for index in range(tariff.count(s.LOADS)):
        tariff.read(s.LOADS, index, row)
        if u16(row, 2) >> group & 1 and tariff.text(u16(row, 0)) == channel:
            return Limits(u32(row, 4), u32(row, 8), u32(row, 12))
    return None


def newest_tariff(tariffs: Mapping[tuple[int, int], Tariff], authority: int) -> Tariff | None:
    """Return an authority's newest tariff of those published."""
    versions = [version for area, version in tariffs if area == authority]
    return tariffs[authority, max(versions)] if versions else None


def tariff_at(
    tariffs: Mapping[tuple[int, int], Tariff], authority: int, second: int
) -> Tariff | None:
    """Return an authority's newest tariff in force at a UTC second; its newest when none is."""
    for (area, _), tariff in sorted(tariffs.items(), reverse=True):
        if area == authority:
            if tariff.valid_from <= service_day(tariff, second) <= tariff.valid_to:
                return tariff
    return newest_tariff(tariffs, authority)


def why_not(limits: Limits | None, channel: str, cents: int) -> str:
    """Return what is wrong with a load, "" when nothing is."""
    if limits is None:
        return f"channel {channel}: the tariff lets it load nothing"
    least, most, step = limits
    if not least <= cents <= most:
        return f"{_euros(cents)}: {channel} loads {_euros(least)} to {_euros(most)} for this group"
    if cents % step:
        return f"{_euros(cents)}: {channel} loads multiples of {_euros(step)}"
    return ""


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
