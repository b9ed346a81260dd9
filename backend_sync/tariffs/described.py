"""A Book in words: every setting of every part as text, so that two tariffs can be compared.

Indices become names, days dates, minutes times. Prices are left to `differences`, which compares
what a rider pays. Source: model.py.
"""

from collections.abc import Iterable

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.forms import DAY_MINUTES, WEEKDAYS, money
from backend_sync.tariffs.when import date

Words = dict[str, str]
Parts = dict[tuple[str, str], Words]  # {(section, name): {setting: words}}

SPANS = ("none", "from first use", "fixed dates", "calendar year", "from first use or a date")
COMPANIONS = ("none", "of the same class", "of the same class or younger", "of any class")
ON = ((m.ON_PURSE, "purse"), (m.ON_TICKET, "single"), (m.ON_PASS, "pass"))


def described(authored: Authored) -> Parts:
    """Return every part of a tariff but its prices, in words."""
    book = authored.book
    parts: Parts = {("tariff", book.name): {**_whole(book), **_places(authored)}}
    parts |= {("group", group.name): _group(book, group) for group in book.groups}
    keys = authored.source.values["products"]
    for key, product in zip(keys, book.products, strict=True):
        parts["product", key] = _product(book, product)
    parts |= _windows(book)
    for calendar in book.calendars:
        days = [f"{date(number)}" for number in sorted(calendar.days)]
        services = ", ".join(calendar.services)
        parts["calendar", calendar.name] = {"days": ", ".join(days), "services": services}
    for transfer in book.transfers:
        parts["transfer", transfer.name] = _transfer(authored, transfer)
    for row in book.surcharges:
        parts["surcharge", row.name] = _surcharge(book, row)
    for load in book.load:
        groups = _names(book, load.groups)
        parts["load", f"{load.channel} for {groups}"] = {
            "least": money(load.minimum, book.decimals),
            "most": money(load.maximum, book.decimals),
            "step": money(load.step, book.decimals),
        }
    names = {product.number: key for key, product in zip(keys, book.products, strict=True)}
    for sold in book.sells:
        there = "its own" if sold.table is None else book.tables[sold.table].name
        parts["load", f"{sold.channel} sells {names[sold.product]}"] = {"prices": there}
    if book.card != m.CardTerms():
        fee, deposit = money(book.card.fee, book.decimals), money(book.card.deposit, book.decimals)
        parts["card", "the card itself"] = {"fee": fee, "deposit": deposit}
    for ticket in book.per_use:
        parts["pay-per-use", _ticket_name(ticket)] = _ticket(book, ticket)
    return parts


def _whole(book: m.Book) -> Words:
    return {
        "valid from": str(date(book.valid_from)),
        "valid to": str(date(book.valid_to)),
        "currency": book.currency,
        "timezone": book.timezone,
        "service day begins": clock(book.shift_minutes),
        "zones": ", ".join(book.zones),
        "a skipped zone is": ("priced", "left out where that is sold")[book.skip],
        "away from the default zones": ("this zone", "to the end", "asks")[book.away],
        "between sets of one price": ("the zones ahead", "the lower zones")[book.lean],
        "a pass without money for a surcharge": "rides" if book.night_without_purse else "refused",
        "penalty fares": ", ".join(
            f"{group.name} {money(book.penalties[group.number], book.decimals)}"
            for group in book.groups
            if group.number in book.penalties
        ),
        **_money(book),
    }


def _places(authored: Authored) -> Words:
    """Return where the zones are, and whose cards count as whose."""
    book, zones = authored.book, authored.zones
    stops = [f"{stop} in {zones.words(mask)}" for stop, mask in book.stop_zones.items()]
    names = [
        f"{name} is {book.zones[zone - 1]}"
        for name, zone in {**book.feed_zones, "any other": book.other_zone}.items()
        if zone and name != book.zones[zone - 1]
    ]
    accepted = [
        f"{'the purse' if row.product is None else row.product} of {row.issuer} as"
        f" {next(p.name for p in book.products if p.number == row.as_product)}"
        for row in book.accepts
    ]
    return {
        "zones of the feed": ", ".join(book.zones_from),
        "zones renamed": ", ".join(names) or "-",
        "stops placed": ", ".join(stops) or "-",
        "short visits of": ", ".join(book.brief) or "-",
        "earlier divisions": ", ".join(str(row.number) for row in book.schemes) or "-",
        "accepted": ", ".join(accepted) or "-",
    }


def _money(book: m.Book) -> Words:
    """Return what happens to money that was taken."""
    shares = [f"{agency} {parts}" for agency, parts in book.settlement.shares.items()]
    operators = [f"{agency} {number}" for agency, number in book.settlement.operators.items()]
    rates = [f"{_percent(row.permille)} from {date(row.from_day)} {row.name}" for row in book.vat]
    return {
        "a journey's revenue": revenue_words(book),
        "a pass's revenue": passes_words(book),
        "shares": ", ".join(shares) or "-",
        "operators": ", ".join(operators) or "-",
        "VAT": ", ".join(rates) or "-",
    }


def _percent(permille: int) -> str:
    return f"{permille // 10}.{permille % 10} %"


def revenue_words(book: m.Book) -> str:
    """Return who gets the price of a journey."""
    return (
        "to the operator of its first boarding",
        "in equal parts to the operators of its legs",
        "to the operators of its legs by the kilometre",
    )[book.settlement.revenue]


def passes_words(book: m.Book) -> str:
    """Return who gets what was paid before: the price of a pass or pack."""
    return ("to the operators by its use", "to the operators by fixed shares")[
        book.settlement.passes
    ]


def _group(book: m.Book, group: m.Group) -> Words:
    names = {each.number: each.name for each in book.groups}
    return {
        "number": str(group.number),
        "ages": f"{group.ages[0]} to {group.ages[1]}" if group.ages else "any",
        "class": ("child", "youth", "adult")[group.age_class],
        "full price of": names.get(group.full, "-"),
        "next": "-" if group.following is None else names.get(group.following, "-"),
        "concession": str(group.concession),
        "payer": payer(book, group.payer),
    }


def _product(book: m.Book, product: m.Product) -> Words:
    def table(index: int | None) -> str:
        return "-" if index is None else book.tables[index].name

    other = None if product.otherwise is None else book.product(product.otherwise)
    cap = product.cap
    return {
        "number": str(product.number),
        "kind": next(word for word, number in m.KINDS.items() if number == product.kind),
        "rank": str(product.rank),
        "groups": _names(book, product.groups),
        "price table": table(product.prices),
        "list price": table(product.shadow),
        "transfer": "-" if product.transfer is None else book.transfers[product.transfer].name,
        "window": "-" if product.window is None else book.windows[product.window].name,
        "outside its window": "-" if other is None else other.name,
        "bound to": "a named rider" if product.personal else "whoever holds it",
        "given": "by an authority" if product.grant else "to anyone",
        "valid": _span(product),
        "must start within": f"{product.activate_within} days" if product.activate_within else "-",
        "travel days": str(product.travel_days or "-"),
        "trips a day": str(product.trips_per_day or "-"),
        "journeys": str(product.uses or "-"),
        "cap": f"{table(cap.table)} in {cap.days} days, {'cut' if cap.clip else 'kept'}"
        if cap
        else "-",
        "billed to": payer(book, product.payer) if product.billed else "-",
        "surcharges": "yes" if product.surcharge else "no",
        "companions": f"{product.companions_max} {COMPANIONS[product.companions]}",
        "needs a pass": "yes" if product.needs_pass else "no",
        "medium": ("card", "Ultralight C", "paper or code")[product.media],
        "refund": f"less {money(product.refund.fee)}" if product.refund.allowed else "none",
    }


def _span(product: m.Product) -> str:
    if product.span == m.SPAN_DATES:
        return f"{date(product.first_day)} to {date(product.last_day)}"
    return SPANS[product.span] + (f", {length_words(product)}" if product.days[1] else "")


def length_words(product: m.Product) -> str:
    """Return how long a product lasts from first use: "30 days", "24 to 72 hours", "90 minutes"."""
    least, most = product.days
    if product.minutes not in (0, 60):
        return f"{most * product.minutes} minutes"
    unit = "hour" if product.minutes else "day"
    return f"{least if least == most else f'{least} to {most}'} {unit}{'s' * (most != 1)}"


def _windows(book: m.Book) -> Parts:
    rows: dict[str, list[str]] = {}
    for window in book.windows:
        rows.setdefault(window.name, []).append(window_words(book, window))
    return {("window", name): {"when": " or ".join(words)} for name, words in rows.items()}


def window_words(book: m.Book, window: m.Window) -> str:
    """Return a window in words: "Mon Tue, 09:00 to 14:00, not on holidays"."""
    days = [WEEKDAYS[i] for i in range(7) if window.weekdays >> i & 1]
    words = ["every day" if len(days) == 7 else " ".join(days)]
    if (window.from_minute, window.to_minute) != (0, DAY_MINUTES):
        words.append(f"{clock(window.from_minute)} to {clock(window.to_minute)}")
    if window.calendar is not None:
        name = book.calendars[window.calendar].name
        words.append(f"not on {name}" if window.calendar_negated else f"on {name}")
    return ", ".join(words + (["by civil date"] if window.civil else []))


def _transfer(authored: Authored, transfer: m.Transfer) -> Words:
    zones = authored.book.zones
    rows = {f"from {zone}": f"{n} min" for zone, n in zip(zones, transfer.by_zone, strict=False)}
    for mask, length in sorted(transfer.by_set.items(), reverse=True):
        rows[f"paid {authored.zones.words(mask)}"] = f"{length} min"
    rows["boardings after the first"] = str(transfer.legs or "any number")
    rows["upgrade"] = "yes" if transfer.upgrade else "no"
    rows["pass-back"] = f"{transfer.pass_back_s} s, {('charge', 'refuse')[transfer.pass_back]}"
    return rows


def _surcharge(book: m.Book, row: m.Surcharge) -> Words:
    return {
        "amount": money(row.cents, book.decimals),
        "when": book.windows[row.window].name,
        "on": ", ".join(word for bit, word in ON if row.on & bit),
        "on a transfer": "yes" if row.on_transfer else "no",
        "once a journey": "yes" if row.once_per_journey else "no",
        "for each person": "yes" if row.per_person else "no",
    }


def _ticket_name(ticket: m.PerUseTicket) -> str:
    window = "" if ticket.window is None else f" from {clock(ticket.window[0])}"
    return f"{ticket.name}{window} at {ticket.station}"


def _ticket(book: m.Book, ticket: m.PerUseTicket) -> Words:
    names = {group.number: group.name for group in book.groups}
    window = "-" if ticket.window is None else " to ".join(map(clock, ticket.window))
    prices = {names[g]: money(cents, book.decimals) for g, cents in ticket.prices.items()}
    length = f"{ticket.minutes} min" if ticket.minutes else f"{ticket.days} days"
    where = "all stations" if ticket.region else "one station"
    return {"window": window, "length": length, "where": where, **prices}


def payer(book: m.Book, number: int) -> str:
    """Return who pays, in words."""
    if number < m.PAYER_SPONSOR:
        return ("-", "the holder")[number]
    return book.all_payers()[number - m.PAYER_SPONSOR]


def _names(book: m.Book, mask: int) -> str:
    names: Iterable[str] = (g.name for g in book.groups if mask >> g.number & 1)
    return ", ".join(names)


def clock(minute: int) -> str:
    """Return a minute of the day as HH:MM."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
