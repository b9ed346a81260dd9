"""What a translation between GTFS Fares or NeTEx and our tariffs could not carry, and where.

A loss is one thing of the source that the result says differently or not at all. Codes L are of
import, E of export (tariff-model.md section 5); L13 up, E17 up and N are ours, found in real feeds.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

CODES = {
    "L1": "rule_priority: what an empty field means",
    "L2": "a transfer that costs something: approximated by paying the difference",
    "L3": "a negative amount",
    "L4": "a time limit measured otherwise than from departure to departure, or none",
    "L5": "a fare product without any leg rule",
    "L6": "a pair of areas without a fare",
    "L7": "a network of no route",
    "L8": "a second currency",
    "L9": "who may have it is told at an address only",
    "L10": "timeframes that overlap, or prices that hold in timeframes only",
    "L11": "no price for the default rider",
    "L12": "prices of one product told apart by rider only",
    "L13": "there and back cost differently",
    "L14": "fares of another network, agency or route",
    "L15": "one product at several prices by medium",
    "L16": "riders without ages",
    "L17": "legs joined into one",
    "L18": "version 1 beside version 2",
    "N1": "a price of zero",
    "N2": "stops in no area",
    "E1": "a journey is priced by where it starts and ends, not by the zones passed",
    "E2": "caps",
    "E3": "best price",
    "E4": "how long a product lasts, travel days",
    "E5": "ages of riders",
    "E6": "default zones",
    "E7": "surcharges",
    "E8": "companions",
    "E9": "rules for loading money",
    "E10": "clipping, and readings of the clock in the rider's favour",
    "E11": "a service day that does not begin at midnight",
    "E12": "stops in several zones",
    "E13": "who pays a concession",
    "E14": "pay-per-use",
    "E15": "school calendars with trips a day",
    "E16": "refunds and settlement",
    "E17": "paying the difference to further zones",
    "E18": "tariffs of other authorities, foreign cards",
    "E19": "prices by time of day (NeTEx subset)",
    "E20": "transfers (NeTEx subset)",
}


class Loss(NamedTuple):
    code: str
    place: str  # "file:line" of the source
    found: str
    carried: str  # what the result says instead

    def __str__(self) -> str:
        return f"{self.place}: {self.code}: {self.found}; {self.carried}"


def report(losses: Iterable[Loss], as_json: bool = False) -> str:
    """Return the losses as lines of text or as JSON, in order of their codes, then places."""
    found = sorted(losses, key=_order)
    if as_json:
        rows = [{**loss._asdict(), "about": CODES[loss.code]} for loss in found]
        return json.dumps({"losses": rows}, indent=2, ensure_ascii=False)
    codes = sorted({loss.code for loss in found}, key=lambda c: (c[0], int(c[1:])))
    last = lost(len(found))
    legend = [f"  {code:<4}{CODES[code]}" for code in codes]
    return "\n".join([*map(str, found), last, *legend])


def lost(count: int) -> str:
    """Return "no loss", "1 loss", "9 losses"."""
    return f"{count or 'no'} loss{'es' if count > 1 else ''}"


def _order(loss: Loss) -> tuple[str, int, str, int, str]:
    file, _colon, line = loss.place.partition(":")
    return loss.code[0], int(loss.code[1:]), file, int(line) if line.isdigit() else 0, loss.found
