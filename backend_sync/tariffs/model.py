"""A tariff as numbers: what an author wrote, with every name resolved, before it becomes bytes.

`source` fills a `Book` from TOML, the linter reads it, `package_writer` packs it over a feed. All
amounts are explicit cents (derived prices are already worked out), all references are indices into
the tuples of the same Book, all zone sets are masks (`card_layouts/cards/zones.py`: zone z is bit
15 - z), all days are service days since 2020-01-01, all minutes wall-clock minutes of a day.

Source: tariff-model.md sections 1 and 2; decisions.md D31, D32.
"""

from dataclasses import dataclass, field

# Products: what kind of thing a card (or a paper) holds.
KIND_TICKET = 1  # single, paper or 2D code: sold, never on a card
KIND_PURSE = 2  # money is taken at the tap: value, senior, best price, group, extension
KIND_PASS = 3  # a right paid before: season, flex, school, student, tourist, zero price
KIND_PACK = 4  # a number of rides
KIND_PER_USE = 5  # rated afterwards (ski)
KINDS = {"ticket": 1, "purse": 2, "pass": 3, "ticket_pack": 4, "per_use": 5}

# M3 SPAN
SPAN_NONE = 0
SPAN_FIRST_USE = 1  # so many service days from first use, or times `minutes`
SPAN_DATES = 2  # first_day..last_day of the tariff (school year, event)
SPAN_YEAR = 3  # the calendar year of the sale
SPAN_FIRST_USE_OR_DATE = 4  # the card says which

# M8 RIDERS: which companions a product may pay for
COMPANIONS_NONE = 0
COMPANIONS_OWN = 1
COMPANIONS_OWN_OR_YOUNGER = 2
COMPANIONS_ANY = 3

CLASS_CHILD, CLASS_YOUTH, CLASS_ADULT = 0, 1, 2
CLASSES = {"child": 0, "youth": 1, "adult": 2}

# M9: on what a surcharge is asked (bits of Surcharge.on)
ON_PURSE, ON_TICKET, ON_PASS = 1, 2, 4

SKIP_SPAN, SKIP_TOUCHED = 0, 1  # A->C: priced A-C with B inside, or the listed mask A+C if sold
THROUGH_FREE = 0  # zones passed between two taps are not added
AWAY_START, AWAY_END, AWAY_ASK = 0, 1, 2  # away from the default zones: here / to the end / refuse
LEAN_AHEAD, LEAN_DOWN = 0, 1  # equal prices: the set holding the zones ahead / the lower zones

BY_ZONE_ID, BY_STOP_AREA = "stops.zone_id", "stop_areas"  # Book.zones_from

# Payers of a reduction; numbers from 2 on are positions in Book.payers + 2.
PAYER_NOBODY, PAYER_HOLDER, PAYER_SPONSOR = 0, 1, 2

PASS_BACK_CHARGE, PASS_BACK_REFUSE = 0, 1


@dataclass(frozen=True)
class Group:
    """A rider group (M8). Numbers 0..15 are scheme-wide; columns of price rows follow them."""

    number: int
    name: str
    age_class: int  # CLASS_*: what companions rules and `full` go by
    full: int  # number of the group that pays the full fare of this one (its age class)
    ages: tuple[int, int] | None = None  # first and last year of age, inclusive
    following: int | None = None  # group after `group_until`; None = `full`
    concession: int = 0  # code 0..63
    payer: int = PAYER_NOBODY  # who owes full - amount


@dataclass(frozen=True)
class Window:
    """M2 WHEN: minutes of chosen days. from_minute > to_minute wraps over midnight."""

    name: str
    weekdays: int = 0x7F  # bit 0 = Monday ... bit 6 = Sunday
    from_minute: int = 0
    to_minute: int = 1440  # exclusive
    calendar: int | None = None  # index into Book.calendars: only on its days ...
    calendar_negated: bool = False  # ... or only on the others
    civil: bool = False  # days are civil dates; False: service days
    or_window: int | None = None  # index of a further window that also counts


@dataclass(frozen=True)
class Calendar:
    """A set of days: holidays, school days. Feed services are united in by the writer."""

    name: str
    days: frozenset[int] = frozenset()
    services: tuple[str, ...] = ()  # service_id of the feed
    left_out: frozenset[int] = frozenset()  # days that no service puts back in


@dataclass(frozen=True)
class PriceWhen:
    """Prices that replace others while a window holds (several: the first that holds)."""

    window: int
    prices: dict[int, dict[int, int]]  # {mask: {group: cents}}; only what changes


@dataclass(frozen=True)
class PriceTable:
    """M1 PRICE: sold zone sets and what each costs. `by = "flat"` is one set of all zones."""

    name: str
    prices: dict[int, dict[int, int]]  # {mask: {group number: cents}}
    when: tuple[PriceWhen, ...] = ()  # at most 2


@dataclass(frozen=True)
class Transfer:
    """M6 JOURNEY: how long and how far one price goes on."""

    name: str
    by_zone: tuple[int, ...]  # minutes by start zone, zone 1 first; () = only by set
    by_set: dict[int, int] = field(default_factory=dict)  # {paid mask: minutes}
    legs: int = 0  # boardings after the first, 0 = no limit
    upgrade: bool = True  # leaving the paid zones pays the difference
    pass_back_s: int = 300  # the same card at the same device within this
    pass_back: int = PASS_BACK_CHARGE


@dataclass(frozen=True)
class Surcharge:
    """M9: at most two a book, numbered 1 and 2 by position."""

    name: str
    window: int
    cents: int
    on: int  # ON_* bits
    on_transfer: bool = False
    once_per_journey: bool = True
    per_person: bool = True


@dataclass(frozen=True)
class Cap:
    """M5: own charges in a span never sum above a price of another table."""

    table: int  # index into Book.tables: threshold for the own zones and group
    days: int  # 1..511 service days from first use
    clip: bool = True  # the last charge is cut; False: it may overshoot


@dataclass(frozen=True)
class Refund:
    """X-8: pro rata, integers only."""

    fee: int = 0
    void_minutes: int = 15
    allowed: bool = True


@dataclass(frozen=True)
class Product:
    """One row of tariff-model.md's product table: parameters of the eleven mechanisms."""

    number: int  # 0..1023 in the issuer's list, never reused (0 only for paper: 0 = no purse)
    name: str
    kind: int  # KIND_*
    rank: int  # lower is taken first between equals
    groups: int  # mask of group numbers admitted: bit n = group n
    prices: int | None = None  # index into Book.tables
    shadow: int | None = None  # table of the list price of a zero-price right, per journey
    transfer: int | None = None  # index into Book.transfers
    window: int | None = None  # index into Book.windows; outside it the product does not hold
    otherwise: int | None = None  # product number that prices it outside the window, as full fare
    personal: bool = False
    grant: bool = False  # only the authority gives it
    span: int = SPAN_NONE
    days: tuple[int, int] = (0, 0)  # least and most days, or units, sold (SPAN_FIRST_USE*)
    minutes: int = 0  # of one unit of its length; 0 = service days
    first_day: int = 0  # SPAN_DATES, SPAN_YEAR
    last_day: int = 0
    activate_within: int = 0  # days after the sale, 0 = no limit
    travel_days: int = 0  # M4: N travel days in the span
    trips_per_day: int = 0  # M4: trips a service day
    uses: int = 0  # KIND_PACK: rides sold
    cap: Cap | None = None
    payer: int = PAYER_NOBODY  # PAYER_NOBODY = prepaid or purse
    billed: bool = False  # the price itself is invoiced to `payer`, nothing leaves the purse
    surcharge: bool = True  # surcharges apply to it
    companions: int = COMPANIONS_NONE
    companions_max: int = 0
    needs_pass: bool = False  # extension: prices wanted zones minus those of a valid pass
    media: int = 0  # 0 card, 1 Ultralight C, 2 paper or code
    scheme: int = 0  # zone scheme its masks are in; 0 = today's
    refund: Refund = Refund()
    vat: int = 0
    per: int = 0  # its price is for so many units of its length; 0 = for the whole
    rounding: str = "half_up"  # of the price for another length
    successor_days: int = 0  # a second one may be sold this many days before the end


@dataclass(frozen=True)
class Load:
    """(L): what may be loaded where. Counter, web and driver ask; a tap does not."""

    channel: str
    minimum: int
    maximum: int
    step: int
    groups: int = 0xFFFF


@dataclass(frozen=True)
class Sells:
    """(L): a product that a channel sells, or sells at another price."""

    channel: str
    product: int  # its number
    listed: bool  # in the channel's list; False: only its price there is another
    table: int | None = None  # index into Book.tables, None = the product's own


@dataclass(frozen=True)
class CardTerms:
    """W-98: what a card costs; the deposit is given back with it."""

    fee: int = 0
    deposit: int = 0


@dataclass(frozen=True)
class Acceptance:
    """M10: a foreign issuer's card in this book. `product` None = its purse (any number)."""

    issuer: int
    product: int | None  # number in the issuer's list
    as_product: int  # number in this book's list that it is taken as


@dataclass(frozen=True)
class Scheme:
    """A past zone scheme: zone z of it is now the mask `zones[z - 1]`."""

    number: int
    zones: tuple[int, ...]


@dataclass(frozen=True)
class PerUseTicket:
    """M11: an interval that one price covers. Exactly one of minutes, window, days is set."""

    name: str
    prices: dict[int, int]  # {card type (group number): cents}
    minutes: int = 0
    window: tuple[int, int] | None = None  # minutes of the service day, from..to exclusive
    days: int = 0  # consecutive service days
    region: bool = False  # True: any station; False: each station on its own
    station: str = "*"  # agency_id of the station, "*" = every station the same


# how the price of a journey, and of what was paid before, is divided among operators.
REVENUES = {"first_boarding": 0, "per_leg": 1, "per_km": 2}
PASSES = {"by_use": 0, "shares": 1}


@dataclass(frozen=True)
class Settlement:
    """What the books do with money that was taken. The ledger does it, by largest remainder."""

    revenue: int = 0  # REVENUES: of a journey, its concession included
    passes: int = 0  # PASSES: of passes and packs
    shares: dict[str, int] = field(default_factory=dict)  # agency_id -> parts
    operators: dict[str, int] = field(default_factory=dict)  # agency_id -> number in accounts


@dataclass(frozen=True)
class VatRate:
    """X-1: the rate of a code from a day on; Product.vat names the code."""

    code: int  # 1..255, by place in [vat]
    name: str
    from_day: int
    permille: int


@dataclass(frozen=True)
class Book:
    """One authority's tariff for one period."""

    authority: int
    name: str
    currency: str
    valid_from: int  # service days
    valid_to: int  # inclusive
    zones: tuple[str, ...]  # names in order, zone 1 first; at most 12
    groups: tuple[Group, ...]
    tables: tuple[PriceTable, ...]
    products: tuple[Product, ...]
    transfers: tuple[Transfer, ...] = ()
    windows: tuple[Window, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    surcharges: tuple[Surcharge, ...] = ()
    # Where stops lie (`zoned.py`): by what of the feed, under which names, and single stops.
    zones_from: tuple[str, ...] = (BY_ZONE_ID,)
    feed_zones: dict[str, int] = field(default_factory=dict)  # zone_id or area of the feed -> zone
    other_zone: int = 0  # zone of every other name, and of none; 0 = a stop is then not ours
    stop_zones: dict[str, int] = field(default_factory=dict)  # stop_id -> mask, over the feed's
    agencies: tuple[str, ...] = ()  # agency_id contracted by this authority; () = all others
    version: int = 1
    decimals: int = 2
    semantics: int = 1
    timezone: str = "Europe/Helsinki"
    shift_minutes: int = 0  # wall-clock minute at which the service day starts
    utc_offsets: tuple[tuple[int, int], ...] = ()  # (UTC second since 2020, minutes), oldest first
    skip: int = SKIP_SPAN
    through: int = THROUGH_FREE
    away: int = AWAY_START
    lean: int = LEAN_AHEAD
    brief: tuple[str, ...] = ()  # trip ids whose short visit to a zone is not counted
    night_without_purse: bool = True  # a pass whose surcharge the purse cannot pay rides, counted
    payers: tuple[str, ...] = ()  # names; number = position + PAYER_SPONSOR
    load: tuple[Load, ...] = ()
    sells: tuple[Sells, ...] = ()
    card: CardTerms = CardTerms()
    accepts: tuple[Acceptance, ...] = ()
    schemes: tuple[Scheme, ...] = ()
    per_use: tuple[PerUseTicket, ...] = ()
    penalties: dict[int, int] = field(default_factory=dict)  # {group: cents}
    settlement: Settlement = Settlement()
    vat: tuple[VatRate, ...] = ()  # by code, oldest first
    others: tuple["Book", ...] = ()  # further books of the same package, in order of precedence

    def product(self, number: int) -> Product | None:
        """Return the product with this number, or None."""
        return next((p for p in self.products if p.number == number), None)

    def group(self, number: int) -> Group | None:
        """Return the group with this number, or None."""
        return next((g for g in self.groups if g.number == number), None)

    def all_payers(self) -> tuple[str, ...]:
        """Return the sponsors of the package: ours, then those that only other books name."""
        names = (*self.payers, *(name for book in self.others for name in book.payers))
        return tuple(dict.fromkeys(names))

    def class_group(self, age_class: int) -> int:
        """Return the group that a companion of this age class pays as; the next older if absent.

        Raises: ValueError if the book has no group of that class or an older one.
        """
        plain = [g for g in self.groups if g.age_class >= age_class and g.concession == 0]
        if not plain:
            raise ValueError(f"groups: none of age class {age_class} or older without concession")
        return min(plain, key=lambda g: (g.age_class, g.number)).number
