"""From lines to totals: per operator, payer, product, tax, service day and pair of authorities.

Both sides add up with this module; a test adds the same lines with SQL. Nothing here knows cards
or accounts. Left out of the board's image. Source: SPEC_SETTLEMENT.md section 3; W-23, W-41, W-59,
W-77, W-91; X-1, X-2, X-12.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from card_layouts.cards.card_layout import G
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.codec.bits import Layout
from card_layouts.fares.inputs import SLOTS
from card_layouts.fares.repeat import PASS_RULES
from card_layouts.records.entries import CASH_SALE as SALE_TYPE
from card_layouts.records.entries import INTENT as INTENT_TYPE
from card_layouts.records.entries_service import CASH_SALE, PAID_CASH, ROUNDING_ZERO, TICKET
from card_layouts.records.entries_tap import INTENT
from card_layouts.settlement.lines import REVENUE
from card_layouts.settlement.passes import (
    SCHEME,
    Money,
    Paid,
    Part,
    Pool,
    Taps,
    Use,
    month_of,
    moves,
)
from card_layouts.settlement.pricing import DAY_SECONDS, NO_TAX, DayTerms
from card_layouts.settlement.shares import Leg, earned, tax_inside, taxes_inside


class Facts(NamedTuple):
    """What a line's facts say that totals ask for. Units: cents; `product` is of the area's book.

    `full` before concessions; `charged` taken from the card or paid in cash, rounding left out.
    """

    authority: int
    operator: int
    issuer: int
    tariff: int
    product: int
    group: int
    concession: int
    zones: int
    full: int
    charged: int
    reduction: int
    rule: int
    transfers: int
    seconds: int
    channel: str
    carried: int = 0  # the issuer's number of the pass or pack that carried; 0 = none did
    payer: int = 0  # of an OTHER line: number in its tariff of who owes `reduction`


Places = list[tuple[int, int]]


def _places(layout: Layout, names: Sequence[str], start: int, end: int) -> Places:
    """Return (shift, mask) of fields within bytes start..end: a short integer is read fast."""
    places = []
    for bit, width in (layout.find(name) for name in names):
        assert start * 8 <= bit and bit + width <= end * 8, layout.name
        places.append((end * 8 - bit - width, (1 << width) - 1))
    return places


_BODY = _places(G, ("time", "amount", "authority", "zones", "transfers"), 7, 36)
_PRICE = _places(INTENT, ("group", "concession", "full", "reduction", "operator"), 68, 76)
_SOURCE = _places(INTENT, ("product", "product_authority", "tariff", "rule"), 84, 94)
_SALE = _places(
    CASH_SALE,
    ("authority", "operator", "tariff", "rule", "concession", "zones", "full", "total", "rounding",
     "reduction", "time", "void_of", "paid"), 0, 96,
)  # fmt: skip


_HEADER_AT = TICKET.find("header")[0]
_TICKET = _places(TICKET, ("authority", "operator", "tariff", "group", "time"), 0, 96) + [
    (TICKET.size * 8 - _HEADER_AT - bit - width, (1 << width) - 1)
    for bit, width in map(ULC_HEADER.find, ("authority", "product"))
]


def ride_facts(payload: bytes) -> Facts:
    """Return the facts of an INTENT's payload, whole or blanked."""
    body = int.from_bytes(payload[7:36], "big")
    seconds, amount, authority, zones, transfers = [body >> at & mask for at, mask in _BODY]
    price = int.from_bytes(payload[68:76], "big")
    group, concession, full, reduction, operator = [price >> at & mask for at, mask in _PRICE]
    source = int.from_bytes(payload[84:94], "big")
    product, issuer, tariff, rule = [source >> at & mask for at, mask in _SOURCE]
    carried = 0
    if rule & 15 in PASS_RULES:
        carried = _carried(payload, product, rule >> 4 if issuer == authority else 0)
    return Facts(authority, operator, issuer, tariff, rule >> 4, group, concession, zones, full,
                 amount, reduction, rule, transfers, seconds, "", carried)  # fmt: skip


def ticket_facts(payload: bytes) -> Facts:
    """Return the facts of a TICKET's payload: no cents, but who carried a product paid before.

    In another authority's area it is no product of that area's.
    """
    whole = int.from_bytes(payload, "big")
    authority, operator, tariff, group, seconds, issuer, product = [
        whole >> at & mask for at, mask in _TICKET
    ]
    at_home = product if issuer == authority else 0
    return Facts(authority, operator, issuer, tariff, at_home, group, 0, 0, 0, 0, 0, 0, 0, seconds,
                 "", product)  # fmt: skip


def facts_of(kind: int, payload: bytes) -> Facts:
    """Return the facts of an entry of this type: INTENT, CASH_SALE, TICKET."""
    if kind == INTENT_TYPE:
        return ride_facts(payload)
    return sale_facts(payload) if kind == SALE_TYPE else ticket_facts(payload)


def carried_by(kind: int, payload: bytes) -> int:
    """Return the issuer's number of the pass or pack that carried a ride; 0 = none did."""
    return facts_of(kind, payload).carried


def _carried(payload: bytes, product: int, at_home: int) -> int:
    """Return the issuer's number of the pass; `at_home`: the rule's, where that is the issuer's.

    INTENT names what paid: the pass itself, or the purse beside it that paid for companions.
    """
    return product if 1 <= G.get(payload, "paid_by") <= SLOTS else at_home


def sale_facts(payload: bytes) -> Facts:
    """Return the facts of a CASH_SALE's payload; a void's cents are below 0."""
    whole = int.from_bytes(payload, "big")
    (authority, operator, tariff, rule, concession, zones, full, total, rounding, reduction,
     seconds, void_of, paid) = [whole >> a & mask for a, mask in _SALE]  # fmt: skip
    sign = -1 if void_of else 1
    charged = sign * (total - (rounding - ROUNDING_ZERO))
    channel = "vehicle" if paid == PAID_CASH else f"other{paid}"
    return Facts(authority, operator, authority, tariff, rule >> 4, 0, concession, zones,
                 sign * full, charged, sign * reduction, rule, 0, seconds, channel)  # fmt: skip


def other_facts(facts: bytes) -> Facts:
    """Return the facts of an OTHER line; its seconds are those at which its service day began."""
    row = REVENUE.unpack(facts)
    cents = int.from_bytes(row["cents"], "big") * (-1 if row["minus"] else 1)
    rule = bytes(row["rule"]).rstrip(b"\0").decode("ascii", "replace")
    return Facts(row["authority"], row["operator"], row["authority"], row["tariff"],
                 row["product"], 0, 0, 0, cents + row["billed"], cents, row["billed"], 0, 0,
                 row["day"] * DAY_SECONDS, rule, 0, row["payer"])  # fmt: skip


class Key(NamedTuple):
    """Lines that are alike for every total."""

    authority: int
    operator: int
    issuer: int
    day: int
    tariff: int
    product: int
    group: int
    concession: int
    payer: str
    channel: str  # "" = by card
    carried: int = 0


class Earlier(Protocol):
    """What earlier batches brought for passes (`passes.py`)."""

    def so_far(self, pools: Iterable[Pool]) -> tuple[Paid, Taps]: ...


class Totals:
    """Adds lines up; `figures` says the sums."""

    def __init__(self, terms: DayTerms, earlier: Earlier) -> None:
        self.terms = terms
        self.earlier = earlier
        self.groups: dict[Key, list[int]] = {}  # lines, charged, billed, full
        self.moves: dict[Key, int] = defaultdict(int)  # between operators, sums to 0
        self._shared: dict[Part, int] | None = None

    def add(self, key: Key, sign: int, charged: int, billed: int, full: int) -> None:
        """Add one line that counts: sign 1, or -1 for what is taken back."""
        row = self.groups.get(key)
        if row is None:
            row = self.groups[key] = [0, 0, 0, 0]
            assert self._shared is None, "added to after its sums were asked for"
        row[0] += sign
        row[1] += sign * charged
        row[2] += sign * billed
        row[3] += sign * full

    def split(self, key: Key, sign: int, legs: Sequence[Leg]) -> None:
        """Add what the last of a journey's legs moves between operators (X-12)."""
        revenue = self.terms.revenue(key.authority, key.tariff)
        parts = earned(revenue, legs, self.terms.kilometres.lengths)
        for operator, cents in [*parts, (key.operator, -legs[-1].cents)]:
            self.moves[_earner(key, operator)] += sign * cents

    def sum(self) -> int:
        """Return the cents of all lines: charged to cards and buyers, billed to payers."""
        return sum(row[1] + row[2] for row in self.groups.values())

    def figures(self) -> dict[str, list[list[int | str]]]:
        """Return every table by name; rows are sorted by what they are about."""
        return {
            "operators": self._operators(),
            "payers": self._table(
                ("authority", "payer", "operator", "product", "concession", "group"), 2, True
            ),
            "products": self._products(),
            "days": self._days(),
            "tax": self._taxes(),
            "clearing": self._clearing(),
            "channels": self._table(("authority", "channel"), 1, channel=True),
            "passes": [[*money, cents] for money, cents in sorted(self.paid().items())],
            "uses": [[*use, taps] for use, taps in sorted(self.taps().items())],
            "shared": [[*part, cents] for part, cents in self.shared().items()],
        }

    def paid(self) -> dict[Money, int]:
        """Return what these lines brought for passes and packs that nobody has a part of yet."""
        found: dict[Money, int] = defaultdict(int)
        for key, row in self.groups.items():
            if key.channel and key.operator == SCHEME and key.tariff:
                if self.terms.is_paid_before(key.authority, key.tariff, key.product):
                    found[Money(key.authority, key.product, month_of(key.day), key.tariff,
                                *self._tax_of(key))] += row[1]  # fmt: skip
        return dict(found)

    def taps(self) -> dict[Use, int]:
        """Return how often passes and packs carried somebody, by who carried them."""
        found: dict[Use, int] = defaultdict(int)
        for key, row in self.groups.items():
            if key.carried:
                found[Use(key.issuer, key.carried, month_of(key.day), key.authority, key.operator,
                          *self._tax_of(key))] += row[0]  # fmt: skip
        return dict(found)

    def shared(self) -> dict[Part, int]:
        """Return what moves between operators because of this batch's passes and their taps."""
        if self._shared is None:
            new = self.paid(), self.taps()
            pools = {name[:3] for names in new for name in names}
            self._shared = moves(self.terms, self.earlier.so_far(pools), new)
        return self._shared

    def _tax_of(self, key: Key) -> tuple[str, int]:
        if not key.tariff:
            return NO_TAX  # of what no tariff priced
        return self.terms.tax(key.authority, key.tariff, key.product, key.day)

    def _gross(self) -> dict[tuple[int, str, int], dict[int, int]]:
        """Return {(area, code, permille): {operator: gross}}."""
        gross: dict[tuple[int, str, int], dict[int, int]] = {}
        for key, cents in [
            *((key, row[1] + row[2]) for key, row in self.groups.items()),
            *self.moves.items(),
        ]:
            by = gross.setdefault((key.authority, *self._tax_of(key)), defaultdict(int))
            by[key.operator] += cents
        for part, cents in self.shared().items():
            by = gross.setdefault((part.area, part.code, part.permille), defaultdict(int))
            by[part.operator] += cents
        return gross

    def taxes(self) -> dict[tuple[int, str, int, int], int]:
        """Return {(area, code, permille, operator): tax in what it earned}, cents (X-1)."""
        taxes = {}
        for (area, code, permille), by in sorted(self._gross().items()):
            operators = sorted(by)
            parts = taxes_inside([by[o] for o in operators], permille)
            for operator, part in zip(operators, parts):
                taxes[area, code, permille, operator] = part
        return taxes

    def _operators(self) -> list[list[int | str]]:
        """Return [authority, operator, lines, charged, billed, moved, gross, tax, net]."""
        rows: dict[tuple[int, int], list[int]] = {}
        for key, row in self.groups.items():
            found = rows.setdefault((key.authority, key.operator), [0, 0, 0, 0])
            for place in range(3):
                found[place] += row[place]
        for key, cents in self.moves.items():
            rows.setdefault((key.authority, key.operator), [0, 0, 0, 0])[3] += cents
        for part, cents in self.shared().items():
            rows.setdefault((part.area, part.operator), [0, 0, 0, 0])[3] += cents
        taxes: dict[tuple[int, int], int] = defaultdict(int)
        for (area, _code, _permille, operator), cents in self.taxes().items():
            taxes[area, operator] += cents
        return [
            [*name, *row, sum(row[1:]), taxes[name], sum(row[1:]) - taxes[name]]
            for name, row in sorted(rows.items())
        ]

    def _table(self, names, column, paid=False, channel=False) -> list[list[int | str]]:
        """Return rows [*names, lines, cents of `column`] over lines with a payer or channel."""
        rows: dict[tuple, list[int]] = {}
        for key, row in self.groups.items():
            if (paid and not key.payer) or (channel and not key.channel):
                continue
            found = rows.setdefault(tuple(getattr(key, name) for name in names), [0, 0])
            found[0] += row[0]
            found[1] += row[column]
        return [[*name, *row] for name, row in sorted(rows.items())]

    def _products(self) -> list[list[int | str]]:
        """Return [authority, operator, tariff, product, lines, charged, billed, borne by nobody].

        The last is what concessions without a payer cost, and what passes were worth.
        """
        rows: dict[tuple, list[int]] = {}
        for key, row in self.groups.items():
            name = (key.authority, key.operator, key.tariff, key.product)
            found = rows.setdefault(name, [0, 0, 0, 0])
            for place, cents in enumerate((row[0], row[1], row[2], row[3] - row[1] - row[2])):
                found[place] += cents
        return [[*name, *row] for name, row in sorted(rows.items())]

    def _days(self) -> list[list[int | str]]:
        rows: dict[tuple, list[int]] = {}
        for key, row in self.groups.items():
            found = rows.setdefault((key.authority, key.day), [0, 0])
            found[0] += row[0]
            found[1] += row[1] + row[2]
        return [[*name, *row] for name, row in sorted(rows.items())]

    def _taxes(self) -> list[list[int | str]]:
        return [
            [*name, sum(by.values()), tax_inside(sum(by.values()), name[2])]
            for name, by in sorted(self._gross().items())
        ]

    def _clearing(self) -> list[list[int | str]]:
        """Return [issuer, authority, cents]: one's cards and passes in another's area (W-41)."""
        rows: dict[tuple[int, int], int] = defaultdict(int)
        for key, row in self.groups.items():
            if key.issuer != key.authority:
                rows[key.issuer, key.authority] += row[1]
        for part, cents in self.shared().items():
            if part.area != part.authority:
                rows[part.authority, part.area] += cents
        return [[*name, cents] for name, cents in sorted(rows.items())]


def key_of(facts: Facts, day: int, payer: str) -> Key:
    """Return what a line is added under."""
    return Key(facts.authority, facts.operator, facts.issuer, day, facts.tariff, facts.product,
               facts.group, facts.concession, payer, facts.channel, facts.carried)  # fmt: skip


def billed(facts: Facts, payer: str) -> int:
    """Return what the payer of the rest owes: nothing where there is none."""
    return facts.reduction if payer else 0


def _earner(key: Key, operator: int) -> Key:
    """Return where a move between operators is added: only area, day, tariff and product matter."""
    return Key(key.authority, operator, key.authority, key.day, key.tariff, key.product, 0, 0, "",
               "")  # fmt: skip
