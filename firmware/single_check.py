"""A code at the scanner, first half: what does it say, and is that good here and now.

Whatever is not is refused before any signature is looked at. Loaded for as long as a code is read;
then single_use.py goes on. Source: W-50, W-51, W-99, D9; SPEC.md section 9.
"""

from card_layouts.answers import (
    ACCEPTED,
    CODE_AUTHORITY,
    CODE_UNREADABLE,
)
from card_layouts.cards.zones import zones_first
from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.errors import LayoutError
from card_layouts.fares.inputs import T_SECONDS
from card_layouts.records.entries_service import (
    BARCODE,
    BARCODE_INSPECTED,
    BARCODE_USED,
)
from card_layouts.records.entries_tap import (
    REASON_AUTHORITY,
    REASON_CLOCK_UNSET,
    REASON_TARIFF,
    STOP_NONE,
    TRIP_NONE,
)
from card_layouts.tickets.check import out_of_days, refusal
from card_layouts.tickets.single import Code
from firmware.tap_decide import degraded, place_in, where

PROFILE = ("line", "operator", "shift", "terminal")


def check_steps(singles, text, inspecting):
    """Judge what a scanned code says; the generator's result is the answer if there is one yet.

    Otherwise it is 0, and `singles.after` has what single_use.py goes on with.
    """
    tap = singles.tap
    tap.mode = 0
    try:
        code = Code(text)
    except LayoutError:
        return tap.end(CODE_UNREADABLE)
    ticket = code.ticket
    public = tap.keys.signers.get(ticket["authority"])
    if public is None:
        return tap.end(CODE_AUTHORITY)
    yield
    now, clock = tap.clock.now()
    answer, zone = _scope(tap, ticket, now, clock, inspecting)
    if answer and not inspecting:
        return tap.end(answer)
    entry = bytearray(BARCODE.pack(_entry(tap, code, zone, now, clock)))
    BARCODE.put(entry, "answer", answer or out_of_days(code) or ACCEPTED)
    BARCODE.put(entry, "event", BARCODE_INSPECTED if inspecting else BARCODE_USED)
    row = (ticket["device"], ticket["serial"], ticket["from_minute"] + ticket["minutes"])
    singles.after = ("use", code.data, public, entry, row)
    return 0


def _scope(tap, ticket, now, clock, inspecting):
    """Return (answer or 0, zone): whether the ticket is good here and now."""
    if clock == CLOCK_UNSET:
        return REASON_CLOCK_UNSET, 0
    if tap.tariff is None:
        return REASON_TARIFF, 0
    place = tap.pricing.tap
    where(place, tap.profile)
    place[T_SECONDS] = now
    reason, zones = place_in(tap.tariff, place, ticket["authority"])
    if reason:
        return (CODE_AUTHORITY if reason == REASON_AUTHORITY else reason), 0
    tap.mode |= degraded(tap.tariff)
    t = tap.tariff
    late = t.reading[0] - t.reading[3] if t.readings == 4 else 0
    answer = refusal(ticket, now // 60, late, zones, tap.profile.get("line", 0))
    if not answer and not inspecting:
        answer = tap.lease.allows(now, clock, 0, tap.journal)
    return answer, zones_first(zones & ticket["zones"] or zones)


def _entry(tap, code, zone, now, clock):
    values = {"single": code.body, "time": now, "clock": clock, "zone": zone}
    for name in PROFILE:
        values[name] = tap.profile.get(name, 0)
    values["authority"] = code.ticket["authority"]
    values["trip"] = tap.profile.get("trip", -1) & TRIP_NONE
    values["stop"] = tap.profile.get("stop", -1) & STOP_NONE
    if tap.tariff is not None:
        values["tariff"] = tap.tariff.version
        values["semantics"] = tap.tariff.semantics
    values["mode"] = tap.mode
    return values
