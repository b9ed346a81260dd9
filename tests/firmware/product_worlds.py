"""Cards with products on them, sold by a real station and tapped at real gates, for tests."""

from card_layouts.answers import ACCEPTED, LOADED
from card_layouts.cards.card_layout import (
    CHANNEL_COUNTER,
    FILE_P,
    FILE_T,
    M_BEST,
    M_FIRST_USE,
    M_FLEX,
    M_RIDES,
    M_SCHOOL,
    M_ZERO,
    P_SLOT,
    ZONES_ALL,
    T,
    zone_bit,
)
from firmware.station import Order
from firmware.station_services import Product
from simulator.worlds import product_tariff as p
from simulator.worlds.small_tariffs import mounted
from simulator.worlds.tap_world import (
    AUTHORITY,
    GATE_A,
    GATE_B,
    NOW,
    PURSE,
    STATION,
    Device,
    OnCard,
    head_of,
    lease,
    new_card,
)

DAY = NOW // 86_400
DAY_S, HOUR_S = 86_400, 3_600
MONDAY = NOW + DAY_S
A_ONLY = zone_bit(1)
LONG_LEASE = lease(not_after=NOW + 400 * DAY_S)
TARIFF = mounted(p.product_tariff(AUTHORITY))

SEASON = {"mechanism": M_FIRST_USE, "product": p.SEASON, "length": 30, "zones": ZONES_ALL}
FLEX = {"mechanism": M_FLEX, "product": p.FLEX, "length": 90, "travel_days": 30}
SCHOOL = {
    "mechanism": M_SCHOOL,
    "product": p.SCHOOL,
    "trips_day": 2,
    "last_day": 2500,
    "zones": A_ONLY,
}
BEST = {"mechanism": M_BEST, "product": p.BEST, "length": 30, "price": p.CAP_30, "zones": A_ONLY}
RIDES = {"mechanism": M_RIDES, "product": p.RIDES, "length": 90, "travel_days": 10}
MADE = []  # the worlds of a test

ZERO = {"mechanism": M_ZERO, "product": p.ZERO, "length": 365, "zones": A_ONLY}


class World:
    """One card, sold `rights` from slot 0 on, and a gate that takes the products' tariff."""

    def __init__(self, *rights, purse=PURSE, profile=(), **head):
        self.card = new_card(head_of(**head), purse)
        self.actions = 2 if purse else 1
        self.desk = Device(STATION, station=True)
        gates = {"tariff": TARIFF, "lease": LONG_LEASE, "profile": dict(profile)}
        self.gates = [Device(number, **gates) for number in (GATE_A, GATE_B)]
        for slot, right in enumerate(rights):
            self.sell(slot, right)
        MADE.append(self)

    def sell(self, slot, right, at=NOW):
        """Sell one right at the station at second `at`, as every sale goes."""
        self.desk.watch.seconds = at
        order = Order(500 + self.actions, self.actions, 1, 0, CHANNEL_COUNTER)
        bought = P_SLOT.pack({"zones": ZONES_ALL, **right, "slot": slot, "k": self.actions})
        assert self.desk.present(self.card, order=order, service=Product(slot, bought)) == LOADED
        self.actions += 1

    def tap(self, at=NOW, gate=0):
        """Hold the card to a gate at second `at`; return the answer."""
        device = self.gates[gate]
        device.watch.seconds = at
        self.card.meter.exchanges.clear()
        return device.present(self.card)

    def rides(self, *times):
        """Tap at each second, all accepted; return the amounts of the records."""
        amounts = []
        for at in times:
            assert self.tap(at) == ACCEPTED
            amounts.append(self.newest["amount"])
        return amounts

    @property
    def cost(self):
        """Exchanges, and bytes both ways, of the last tap."""
        counts = self.card.meter.exchanges
        return len(counts), sum(c.bytes_in + c.bytes_out for c in counts)

    @property
    def newest(self):
        """The newest record on the card."""
        return OnCard(self.card).newest

    @property
    def usage(self):
        """File T."""
        return T.unpack(OnCard(self.card).data[FILE_T])

    def row(self, slot):
        """Return the usage row of a slot: (start, length, day, left, today, cents)."""
        usage = self.usage
        names = ("start", "length", "day", "left", "today", "cents")
        return tuple(usage[f"t_{name}{slot}"] for name in names)

    def intents(self, gate=0):
        """Return the INTENT fields of a gate's journal, oldest first."""
        return [fields for name, _header, fields in self.gates[gate].entries() if name == "INTENT"]

    def rule(self, at=-1, gate=0):
        """Return (product, RULE_*) of an intent."""
        rule = self.intents(gate)[at]["rule"]
        return rule >> 4, rule & 15


def sold_terms(world, fields):
    """Return the terms of the right whose first use an intent is, as the ledger knows the sale."""
    rights = OnCard(world.card).data[FILE_P]
    for slot in range(4):
        sold = P_SLOT.unpack(rights, 12 + 24 * slot)
        if sold["product"] == fields["product"]:
            return sold["length"], sold["travel_days"], sold["price"]
    return 0, 0, 0
