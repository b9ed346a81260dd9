"""A card as the ledger knows it: its account's balance, what was charged to it and why.

A card is its account number; no printed number leads here, and none is shown (D11). Rides are
found by walking the card's own thread from its newest commit, so no book is read through.
Source: W-10, W-55, W-123; decisions D11, D22.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.actions.words import status
from backend_sync.catalogue import every_tariff
from backend_sync.ledger.listing import DISMISSED, LISTED
from backend_sync.ledger.results import BITS, STATE_NAMES, state_of
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import Scope, User, at_hand
from backend_sync.registers.users import demand
from backend_sync.sales.offered import Offer
from backend_sync.storage.database import Database
from card_layouts.cards.zones import ZONE_MAX, zone_bit

NUMBER = re.compile(r"[0-9]{1,15}")  # that a database can hold
AT_ONCE = 20
THREAD = (
    "WITH RECURSIVE thread (id, older, place) AS ("
    " SELECT id, older, 1 FROM pendings WHERE id = ? AND card = ?"
    " UNION ALL SELECT p.id, p.older, t.place + 1 FROM thread t JOIN pendings p ON p.id = t.older"
    f" WHERE t.place <= {AT_ONCE})"
)
RIDES = (
    f"{THREAD} SELECT t.id, p.at, p.kind, p.cents, p.authority, r.operator, r.product, r.rider,"
    " r.concession, r.zones, r.rule, r.transfers, r.payer, r.full_cents, r.charged_cents,"
    " r.billed_cents, r.tariff, r.verdict FROM thread t JOIN pendings p ON p.id = t.id"
    " LEFT JOIN rides r ON r.id = t.id ORDER BY t.place"
)


class Account(NamedTuple):
    """`listed`: what the hotlist says of it, "" when it is not there; cents."""

    card: int
    issuer: int
    issued: bool
    balance: int
    missing: str
    listed: str
    newest: int | None


class Ride(NamedTuple):
    """One commit on a card; of areas that are not the reader's only `at`, `kind` and `cents`."""

    id: int
    at: int
    kind: int
    cents: int
    authority: int
    operator: int | None
    product: int | None
    rider: int | None
    concession: int | None
    zones: int | None
    rule: int | None
    transfers: int | None
    payer: str | None
    full: int | None
    charged: int | None
    billed: int | None
    tariff: int | None
    verdict: int | None
    state: str = ""


def own_card(database: Database, user: User, right: str, wanted: str) -> int | None:
    """Return the account number of a card over which a user has a right, else None.

    A foreign card is no other than one that is not there: nobody tries numbers out.
    """
    text = wanted.strip()
    if not NUMBER.fullmatch(text):
        return None
    for card, issuer in database.rows("SELECT id, issuer FROM cards WHERE id = ?", (int(text),)):
        try:
            demand(user, right, at_hand(user, int(issuer)))
        except Refused:
            return None
        return int(card)
    return None


def account(database: Database, card: int) -> Account:
    """Return what is known of a card that is there."""
    issuer, issued, balance, missing, newest = database.rows(
        "SELECT issuer, issued, balance_cents, missing, newest FROM cards WHERE id = ?", (card,)
    )[0]
    decided = database.rows(
        "SELECT decision, action FROM listing_decisions WHERE card = ? AND decision <> ?"
        " ORDER BY id DESC LIMIT 1",
        (card, DISMISSED),
    )
    listed = decided[0][1] if decided and decided[0][0] == LISTED else ""
    return Account(card, issuer, bool(issued), balance, missing, listed, newest)


def actions_of(database: Database, card: int) -> list[dict[str, Any]]:
    """Return what was ordered for a card, the newest first."""
    rows = database.rows(
        "SELECT id FROM actions WHERE card = ? ORDER BY received DESC, id LIMIT ?", (card, AT_ONCE)
    )
    found = [status(database, row[0]) for row in rows]
    return [one for one in found if one]


def rides_of(
    database: Database, scope: Scope, card: int, newest: int | None
) -> tuple[list[Ride], int]:
    """Return (commits from `newest` back, the number at which the next page begins or 0)."""
    if newest is None:
        return [], 0
    rides = [Ride(*row) for row in database.rows(RIDES, (newest, card))]
    bits: dict[int, int] = defaultdict(int)
    for pending, rule in database.rows_in(
        "SELECT pending, rule FROM evidence WHERE pending IN {}", [ride.id for ride in rides]
    ):
        bits[pending] |= BITS[rule]
    shown = [_own(ride, scope)._replace(state=STATE_NAMES[state_of(bits[ride.id])])
             for ride in rides[:AT_ONCE]]  # fmt: skip
    return shown, rides[AT_ONCE].id if len(rides) > AT_ONCE else 0


def _own(ride: Ride, scope: Scope) -> Ride:
    """Leave out where and why of a ride in an area or with an operator that is not the reader's."""
    own = (scope.authority in (0, ride.authority)) and scope.operator in (0, ride.operator)
    return ride if own else Ride(*ride[:5], *(None,) * 13)


class Names:
    """Products, groups and zones by their names in the published tariffs, read when asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: dict[tuple[int, int], tuple[dict[int, str], dict[int, str], dict[int, str]]] = {}

    def of(self, ride: Ride) -> tuple[str, str, str]:
        """Return (product, group, zones) of a ride, numbers where its tariff is not here."""
        products, groups, zones = self._names(ride.authority, ride.tariff or 0)
        mask = ride.zones or 0
        wanted = [zone for zone in range(1, ZONE_MAX + 1) if mask & zone_bit(zone)]
        if zones:  # the masks of a pass may have every bit
            wanted = [zone for zone in wanted if zone in zones]
        product, group = ride.product or 0, ride.rider or 0
        return (products.get(product, str(product)), groups.get(group, str(group)),
                "+".join(zones.get(zone, str(zone)) for zone in wanted))  # fmt: skip

    def _names(
        self, authority: int, version: int
    ) -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
        name = (authority, version)
        if name not in self.said:
            tariff = every_tariff(self.folder).get(name)
            if tariff is None:
                return {}, {}, {}
            offer = Offer(tariff, tariff.valid_from)
            said = offer.said()
            self.said[name] = (
                {row["product"]: row["name"] for row in said["products"]},
                {row["group"]: row["name"] for row in said["groups"]},
                dict(offer.zones),
            )
        return self.said[name]
