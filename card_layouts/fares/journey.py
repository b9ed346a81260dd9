"""The open journey: how long its price goes on, for whom and where (M6), and pass-back.

Source: tariff-model.md section 3.2, step 6, and 3.3; W-38, W-50, D7.
"""

from card_layouts.cards.zones import zones_hull
from card_layouts.fares import sections as s
from card_layouts.fares.clock import SKEW_MINUTES
from card_layouts.fares.inputs import (
    C_J_AUTHORITY,
    C_J_COMPANIONS,
    C_J_PAID_BY,
    C_J_START_MINUTE,
    C_J_START_ZONE,
    C_J_TIME,
    C_J_TRANSFERS,
    C_J_ZONES,
    FAIR_EARLIER,
    FAIR_LATE_VEHICLE,
    FAIR_NONE,
    FLAG_GATE,
    FLAG_SAME_DEVICE,
    FLAG_TRIP_RESET,
    PAID_BILLED,
    REFUSED_PASS_BACK,
    T_FLAGS,
    T_PICKED,
    T_SECONDS,
)
from card_layouts.fares.package import u16
from card_layouts.fares.sources import load


def find_journey(t, card, tap):
    """Set `open`, `paying`, `covered`, `inside`; return 0 or REFUSED_PASS_BACK."""
    t.open = t.inside = t.covered = 0
    t.paying = t.left_out = -1
    if card[C_J_AUTHORITY] != t.resident[t.book_at] or not card[C_J_START_ZONE]:
        return 0
    source = card[C_J_PAID_BY]
    if source == PAID_BILLED:
        source = 0
    if source > 4 or load(t, card, tap, source) != t.book:
        return 0
    row = t.products[source][s.P_TRANSFER]
    if row == s.NONE or card[C_J_START_ZONE] > t.zone_count:
        return 0
    t.read(s.TRANSFERS, row, t.transfer)
    legs = t.transfer[s.TRANSFER_LEGS]
    if legs and card[C_J_TRANSFERS] >= legs:
        return 0
    if not _in_time(t, card):
        return 0
    zones = card[C_J_ZONES] & 0x7FFF
    t.open = 1
    t.paying = source
    t.covered = card[C_J_COMPANIONS]
    t.inside = 1 if t.here & zones and not tap[T_PICKED] & ~zones else 0
    return _pass_back(t, card, tap)


def _in_time(t, card):
    """Return whether the journey is still open by the kindest reading; sets `fair`."""
    age = t.minute - card[C_J_START_MINUTE]
    if age < -SKEW_MINUTES:
        return False
    minutes = u16(t.transfer, 2 * (card[C_J_START_ZONE] - 1))
    minutes = max(minutes, set_minutes(t, card[C_J_ZONES] & t.all_zones))
    if not minutes:
        return False
    late = t.reading[0] - t.reading[3] if t.readings == 4 else 0
    if age <= minutes:
        t.fair = FAIR_NONE
    elif age - SKEW_MINUTES <= minutes:
        t.fair = FAIR_EARLIER
    elif age - late <= minutes:
        t.fair = FAIR_LATE_VEHICLE
    else:
        return False
    return True


def set_minutes(t, zones):
    """Return the minutes of a paid set: as listed, else the largest of a listed set in it."""
    runs = u16(t.transfer, s.TRANSFER_FIRST_RUN)
    if runs == s.NONE16 or not zones:
        return 0
    longest = first = 0
    if zones != zones_hull(zones) and t.transfer[s.TRANSFER_SET_COUNT]:
        t.read(s.TRANSFER_SETS, u16(t.transfer, s.TRANSFER_FIRST_SET), t.listed)
        for i in range(t.transfer[s.TRANSFER_SET_COUNT]):
            listed = u16(t.listed, 4 * i)
            if listed == zones:
                return u16(t.listed, 4 * i + 2)
            if not listed & ~zones:
                longest = max(longest, u16(t.listed, 4 * i + 2))
    for zone in range(1, t.zone_count + 2):
        inside = zone <= t.zone_count and zones >> (15 - zone) & 1
        if inside and not first:
            first = zone
        if first and not inside:
            t.read(s.TRANSFER_RUNS, runs + s.run_index(t.zone_count, first, zone - 1), t.two)
            longest = max(longest, u16(t.two, 0))
            first = 0
    return longest


def _pass_back(t, card, tap):
    """Return REFUSED_PASS_BACK, or 0; a holder's product in a bus pays for another person."""
    flags = tap[T_FLAGS]
    if not flags & FLAG_SAME_DEVICE or flags & FLAG_TRIP_RESET or t.covered:
        return 0
    seconds = tap[T_SECONDS] - card[C_J_TIME]
    if not 0 <= seconds < u16(t.transfer, s.TRANSFER_PASS_BACK):
        return 0
    personal = t.products[t.paying][s.P_FLAGS] & s.PRODUCT_PERSONAL
    refuse = t.transfer[s.TRANSFER_FLAGS] & s.TRANSFER_PASS_BACK_REFUSE
    if personal or refuse or flags & FLAG_GATE:
        return REFUSED_PASS_BACK
    t.open = 0
    t.left_out = t.paying
    return 0
