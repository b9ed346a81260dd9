"""Price a journalled tap again from nothing but its own entry and the tariff it names.

The validator writes the inputs of its decision into INTENT (D14), so the ledger and an auditor
can ask the same question of the same bytes (O-17). A difference is never explained away: it is
counted. Source: decisions.md D14, D26; card-bits.md "INTENT".
"""

from card_layouts.cards.card_layout import KIND_DEBIT, KIND_PASS, PREFIX_BYTES, G
from card_layouts.cards.zones import zones_first
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares.rate import Journey, Place, Rider, rate

SAME = 0
DIFFERENT = 1
PRICE_ONLY = 2  # the choice among products cannot be repeated, the price can
UNRATED = 3  # no inputs or no such tariff: counted, never called a difference
VERDICTS = ("same", "different", "price only", "unrated")

_PREFIX = bytes(PREFIX_BYTES)
_TAIL = bytes(8)


def journey_before(intent):
    """Return the Journey the tap found open, or None.

    `was_start_minute` holds the low 11 bits of the absolute minute and is read relative to
    `was_time`, the time of the record it stood in (less than 34 hours before it).
    """
    if not intent["was_start_zone"]:
        return None
    written = intent["was_time"] // 60
    start = written - ((written - intent["was_start_minute"]) & 0x7FF)
    return Journey(
        intent["was_authority"],
        intent["was_start_zone"],
        intent["was_zones"],
        start,
        intent["was_charged"],
        intent["was_transfers"],
        intent["was_companions"],
    )


def rerate(tariff, intent):
    """Return (verdict, Charge or None) for the unpacked INTENT fields `intent`.

    `tariff` is the package version the entry names, or None when it is not archived.
    """
    body = G.unpack(_PREFIX + intent["body"] + _TAIL)
    if body["kind"] not in (KIND_DEBIT, KIND_PASS) or tariff is None:
        return UNRATED, None
    if intent["tariff"] != tariff.version or body["authority"] != tariff.authority:
        return UNRATED, None
    rider = Rider(
        intent["group"],
        intent["product"],
        intent["product_authority"],
        intent["product_zones"],
        body["companions"],
    )
    try:
        charge = rate(
            tariff,
            rider,
            journey_before(intent),
            Place(body["zone"], zones_first(intent["picked"])),
            body["time"],
        )
    except (RangeError, LayoutError):
        return DIFFERENT, None
    found = (
        body["amount"],
        intent["full"],
        intent["reduction"],
        intent["concession"],
        intent["rule"],
        body["zones"],
        body["start_zone"],
        body["start_minute"],
        body["charged"],
        body["transfers"],
    )
    wanted = (
        charge.amount,
        charge.full,
        charge.reduction,
        charge.concession,
        charge.rule,
        charge.zones,
        charge.start_zone,
        charge.start_minute & 0x7FF,
        charge.charged,
        charge.transfers,
    )
    return (SAME if found == wanted else DIFFERENT), charge
