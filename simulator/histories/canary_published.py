"""Bugs planted in what authorities publish and in what a ride costs, as `canary.py` plants others.

A list that loses cards at the publisher or on its way, generations and versions that fall, a pass
that lasts a day longer, a way further at half its price. Ledger and validators share the fares:
only the oracle can tell. Source: trust.md T9; tariff-model.md 3.2.
"""

from typing import Any

from backend_sync.keyring.assembly import Assembly
from backend_sync.packages import Packages
from card_layouts.cards.card_layout import P_SLOT
from card_layouts.fares import continuing, rights
from card_layouts.fares.inputs import S_LAST
from card_layouts.packages.hotlist import HOTLIST_HEAD
from card_layouts.packages.manifest import ACTIONS, HOTLIST, OVERLAY, TARIFF
from edge_agent.dock_parcels import DockParcels
from firmware.station_services import Product
from simulator.histories.planting import Plant, wrapped

INDEX_BYTES, ENTRY_BYTES = 3, 8


def _every_second(take: Any) -> Any:
    """Take up every second card of the list that people wrote."""
    return lambda self, listed: take(self, listed[::2])


def _half_carried(choose: Any) -> Any:
    """Offer a list in whose body every second card is left out."""

    def chosen(self: Any, statement: Any) -> None:
        choose(self, statement)
        package = self._current
        if package is not None and package.role in (HOTLIST, OVERLAY) and self._body:
            buckets = HOTLIST_HEAD.get(self._body, "buckets")
            start = HOTLIST_HEAD.size + INDEX_BYTES * (buckets + 1)
            entries = [
                self._body[at : at + ENTRY_BYTES]
                for at in range(start, len(self._body), ENTRY_BYTES)
            ]
            self._body = self._body[:start] + b"".join(entries[::2])

    return chosen


def _lower_g(by_uid: Any) -> Any:
    """List every card for the generation before."""

    def listed(self: Any, entries: Any) -> Any:
        return [(uid, action, max(1, g - 1)) for uid, action, g in by_uid(self, entries)]

    return listed


def _lower(role: int) -> Plant:
    """Publish what is new of a role under the number of the one before."""

    def make(manifest: Any) -> Any:
        def made(self: Any, its: int, authority: int, version: int, body: bytes) -> Any:
            lower = max(1, version - 1) if its == role else version
            return manifest(self, its, authority, lower, body)

        return made

    return wrapped(Packages, "_manifest", make)


def _older_key(actions: Any) -> Any:
    """Seal action lists under the key of the generation before."""

    def sealed(self: Any, request: Any) -> Any:
        return actions(self, {**request, "generation": max(1, request["generation"] - 1)})

    return sealed


def _day_longer(weigh: Any) -> Any:
    """Let every pass hold on the day after its last one."""

    def weighed(t: Any, card: Any, at: int, product: Any) -> Any:
        longer = 1 if card[at + S_LAST] else 0
        card[at + S_LAST] += longer
        try:
            return weigh(t, card, at, product)
        finally:
            card[at + S_LAST] -= longer

    return weighed


def _day_more(fill: Any) -> Any:
    """Write a pass onto a card for a day more than was paid."""

    def filled(self: Any, values: Any, seen: Any, order: Any) -> Any:
        bought = P_SLOT.unpack(self.bought)
        self.bought = P_SLOT.pack({**bought, "last_day": bought["last_day"] + 1})
        return fill(self, values, seen, order)

    return filled


def _half_way_further(cut: Any) -> Any:
    """Ask half of what the way further costs."""
    return lambda t, own, zones: cut(t, own // 2, zones)


PUBLISHED: dict[str, tuple[str, Plant]] = {
    "half-a-list": (
        "the publisher leaves out every second listed card",
        wrapped(Packages, "_list", _every_second),
    ),
    "half-a-list-carried": (
        "an edge leaves out every second listed card",
        wrapped(DockParcels, "_choose", _half_carried),
    ),
    "lower-g": (
        "cards are listed a generation too low",
        wrapped(Assembly, "_by_uid", _lower_g),
    ),
    "lower-tariff": (
        "a new tariff has an older number",
        _lower(TARIFF),
    ),
    "lower-list": (
        "a new list has an older number",
        _lower(OVERLAY),
    ),
    "lower-actions": ("a new list of actions has an older number", _lower(ACTIONS)),
    "older-key": (
        "lists of actions are sealed under an older key",
        wrapped(Assembly, "actions", _older_key),
    ),
    "pass-a-day-longer": (
        "the fares let a pass hold a day longer",
        wrapped(rights, "weigh_days", _day_longer),
    ),
    "pass-sold-longer": (
        "the desk writes a pass a day longer",
        wrapped(Product, "fill", _day_more),
    ),
    "half-the-way-further": (
        "the way further costs half, on boards and in the books",
        wrapped(continuing, "cut", _half_way_further),
    ),
}
