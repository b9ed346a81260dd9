"""What one can choose of an offer: products at a price that holds all day, and how much to load.

The same for a page, an interface and a shop: each names a choice by its key, and is told its price.
Source: W-57, W-65 to W-67, W-107.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from backend_sync.sales.offered import Offer, Price

COUNTER, WEB = "counter", "web"
SOLD_KINDS = ("pass", "pack")  # a purse or a price per use is nothing that a card is sold


class Choice(NamedTuple):
    """One product at one price; `key` names it in a form."""

    key: str
    product: int
    name: str
    zones: str
    group: str
    length: int
    unit: str
    cents: int


def choices(offer: Offer, channel: str = COUNTER) -> list[Choice]:
    """Return what a channel sells for cards."""
    return [choice for choice, _ in priced(offer, channel)]


def priced(offer: Offer, channel: str) -> Iterator[tuple[Choice, Price]]:
    """Yield each choice with the price of the tariff that it is."""
    said = offer.said(channel)
    groups = {group["group"]: group["name"] for group in said["groups"]}
    for product in said["products"]:
        if product["kind"] not in SOLD_KINDS or product["media"] != "card":
            continue
        if any(price["window"] >= 0 for price in product["prices"]):
            continue  # which of its prices holds is a matter of the minute
        for price in product["prices"]:
            if price["cents"]:
                yield _choice(product, price, groups), Price(**price)


def load_limits(offer: Offer, channel: str = COUNTER) -> list[tuple[str, int, int, int]]:
    """Return (groups, least, most, step) in cents of what a channel loads."""
    groups = {group["group"]: group["name"] for group in offer.said(channel)["groups"]}
    return [
        (", ".join(groups.get(group, str(group)) for group in row["groups"]),
         row["least_cents"], row["most_cents"], row["step_cents"])
        for row in offer.loads(channel)
    ]  # fmt: skip


def _choice(product: dict[str, Any], price: dict[str, Any], groups: dict[int, str]) -> Choice:
    words = (product["product"], "+".join(price["zones"]), price["group"], price["length"])
    key = sha256(repr(words).encode()).hexdigest()[:16]
    group = groups.get(price["group"], str(price["group"]))
    return Choice(key, product["product"], product["name"], words[1], group, price["length"],
                  product["unit"], price["cents"])  # fmt: skip
