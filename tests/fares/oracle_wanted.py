"""The oracle's wish: which zones a tap asks for, from what was picked, the default and the trip.

Source: tariff-model.md section 3.2 step 5; W-34, W-37, W-63, W-64.
"""

from tests.fares import oracle_tariff


def wanted_sets(ask, default):
    """Return [(zone of the tap, set of zones wanted)], one for each zone the stop lies in."""
    return [
        (zone, wanted)
        for zone in ask["book"]["zones"]["order"]
        if zone in ask["here"]
        for wanted in _wanted_from(ask, default, zone)
    ]


def _wanted_from(ask, default, zone):
    picked, here = ask["picked"], frozenset([zone])
    if picked:
        return [picked | here]
    if not default:
        return [here]
    if zone in default:
        return [default]
    if default & ask["ahead"]:
        return [oracle_tariff.span_of(ask["book"], here | (default & ask["ahead"]))]
    away = ask["book"]["zones"].get("away", "start")
    if away == "end":
        return [oracle_tariff.span_of(ask["book"], here | ask["ahead"])]
    return [] if away == "ask" else [here]
