"""What a card would pay at a tap and why, rule by rule, in words.

Every sentence reads a field of the engine's decision; the price's place in the tariff and the way
a derived price came about are added from the source. Source: tariff-model.md section 3.2.
"""

import datetime
from collections.abc import Iterator

from backend_sync.tariffs import model as m
from backend_sync.tariffs.described import passes_words, payer, revenue_words, window_words
from backend_sync.tariffs.forms import DAY_MINUTES, money
from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.rules.case import Case, minutes_of
from backend_sync.tariffs.when import date, day
from card_layouts.fares import inputs as i
from card_layouts.fares.clock import end_minute
from card_layouts.fares.pay_per_use import best_price, tickets_of

SOURCES = ("purse", "slot 1", "slot 2", "slot 3", "slot 4")


class Explanation:
    """One decision in words: `lines()` for people, `fields()` for programs."""

    def __init__(self, rater: Rater, place: Place, card: list[int], tap: list[int]) -> None:
        self.rater, self.place = rater, place
        self.card, self.tap = card, tap
        self.decision = rater.decide(card, tap)
        # The tariff that prices the stop, which need not be the one asked (W-41).
        self.index = rater.index_of(self.decision[i.D_BOOK_AUTHORITY])
        self.authored = (rater.authored, *rater.authored.others)[self.index]
        self.book = self.authored.book
        self.local = rater.wall(tap[i.T_SECONDS])

    def lines(self) -> list[str]:
        """Return the explanation: the answer, then each step of the decision on a line."""
        steps = [
            ("decision", self._decision()),
            ("place", self._place()),
            ("clock", self._clock()),
            ("rider", self._rider()),
            *(("open", words) for words in self._journey()),
            *((name, words) for name, words in self._sources()),
            *(("price", words) for words in self._price()),
            *(("pays", words) for words in self._payers()),
            *(("per use", words) for words in self._per_use()),
            *(("revenue", words) for words in self._revenue()),
            *(("then", words) for words in self._after()),
        ]
        return [f"{name + ':':<10} {words}" for name, words in steps]

    def fields(self) -> dict[str, object]:
        d, is_refused = self.decision, self.decision[i.D_KIND] == i.KIND_REFUSED
        return {
            "kind": i.KIND_NAMES[d[i.D_KIND]],
            "reason": i.REFUSED_NAMES[d[i.D_REASON]] if is_refused else "",
            "rule": d[i.D_RULE],
            "rule_name": "" if is_refused else i.RULE_NAMES[d[i.D_RULE] % 16],
            "cents": d[i.D_AMOUNT],
            "full_cents": d[i.D_FULL],
            "surcharge_cents": d[i.D_SURCHARGE],
            "concession": d[i.D_CONCESSION],
            "product": self._product_name(d[i.D_PRODUCT]),
            "source": SOURCES[d[i.D_SLOT]],
            "zones": self._zones(d[i.D_ZONES]),
            "service_day": str(date(d[i.D_DAY])),
            "why": {SOURCES[n]: i.WHY_NAMES[d[i.D_WHY0 + n]] for n in range(5)},
            "lines": self.lines(),
        }

    # Steps

    def _place(self) -> str:
        feed = self.rater.feed
        stop = feed.stops[self.place.stop]
        own = self.rater.zone_mask(self.place.stop, self.index)
        words = f"{stop.stop_id} {stop.name}, zone {self._zones(own)}"
        words += f" of {self.book.name}" if self.index else ""
        trip = self.place.trip
        if trip is None:
            return words
        line = feed.lines[trip.line]
        segment = next(
            segment
            for segment in reversed(self.rater.segments(trip, self.index))
            if segment.first_call <= self.place.call
        )
        if segment.here != own:
            # Only zones.brief adds zones to a stop.
            words += f", a short visit from {self._zones(segment.here & ~own)} (zones.brief)"
        return (
            f"{words}; trip {trip.trip_id} of line {line.name}, call {self.place.call + 1} of"
            f" {len(trip.stops)}, zones ahead {self._zones(segment.ahead)}"
        )

    def _clock(self) -> str:
        minute = self.local.hour * 60 + self.local.minute
        service_day = self.decision[i.D_DAY]
        case = Case(self.authored, self.rater.feed)
        holding = [
            f"{w.name} ({window_words(self.book, w)})"
            for w in self.book.windows
            if minute in minutes_of(w) and self._day_of(w, service_day) in case.days_of(w)
        ]
        fair = self.decision[i.D_MODIFIERS] >> 4
        words = f"{self.local:%a %Y-%m-%d %H:%M}, service day {date(service_day)}"
        words += f"; holds: {', '.join(holding)}" if holding else "; no window holds"
        return words + (f"; read kindly: {i.FAIR_NAMES[fair]}" if fair else "")

    def _day_of(self, window: m.Window, service_day: int) -> int:
        return day(self.local.date()) if window.civil else service_day

    def _rider(self) -> str:
        number = self.decision[i.D_GROUP]
        group = self.book.group(number)
        words = f"group {group.name if group else number}"
        if number != self.card[i.C_GROUP]:
            before = self.book.group(self.card[i.C_GROUP])
            words += f", since {before.name if before else self.card[i.C_GROUP]} has ended"
        if group is not None and group.concession:
            words += f", concession {group.concession} paid by {payer(self.book, group.payer)}"
        heads = self.decision[i.D_COMPANIONS]
        return words + (f", {heads} companions" if heads else "")

    def _journey(self) -> Iterator[str]:
        if self.card[i.C_J_AUTHORITY]:
            began = _minute(self.rater, self.card[i.C_J_START_MINUTE])
            paid = self._money(self.card[i.C_J_CHARGED])
            zones = self._zones(self.card[i.C_J_ZONES])
            yield f"journey from {began:%H:%M}, paid {paid} for {zones}"

    def _sources(self) -> Iterator[tuple[str, str]]:
        for source, name in enumerate(SOURCES):
            number = self._number(source)
            why = i.WHY_NAMES[self.decision[i.D_WHY0 + source]]
            if number or self.decision[i.D_WHY0 + source]:
                chosen = self.decision[i.D_KIND] and self.decision[i.D_SLOT] == source
                yield name, f"{self._product_name(number)}: {'used' if chosen else why}"

    def _number(self, source: int) -> int:
        if source == 0:
            return self.card[i.C_PURSE_PRODUCT]
        return self.card[i.slot_at(source - 1) + i.S_PRODUCT]

    def _decision(self) -> str:
        d = self.decision
        if d[i.D_KIND] == i.KIND_REFUSED:
            short = f" of {self._money(d[i.D_AMOUNT])}" if d[i.D_AMOUNT] else ""
            return f"refused: {i.REFUSED_NAMES[d[i.D_REASON]]}{short} (rule {d[i.D_RULE]})"
        rule = f"rule {d[i.D_RULE]}, {i.RULE_NAMES[d[i.D_RULE] % 16]}"
        charge = f"{self._money(d[i.D_AMOUNT])} {self.book.currency}"
        product = self._product_name(d[i.D_PRODUCT])
        return (
            f"{i.KIND_NAMES[d[i.D_KIND]]} {charge} from {product} for {self._zones(d[i.D_ZONES])}"
            f" ({rule})"
        )

    def _price(self) -> Iterator[str]:
        """Say where the price stands in the tariff, and how a derived one came about."""
        d = self.decision
        if d[i.D_KIND] == i.KIND_REFUSED or not d[i.D_AMOUNT]:
            return
        product = self._pricing_product()
        group = self.book.group(d[i.D_GROUP])
        if product is not None and product.prices is not None and group is not None:
            table = self.book.tables[product.prices]
            sold = self._sold(table, d[i.D_ZONES], group.number)
            if sold is not None:
                yield self._listed(table, group, sold)
        if d[i.D_SURCHARGE]:
            number = d[i.D_MODIFIERS] & 15
            name = self.book.surcharges[number - 1].name if number else "surcharge"
            yield f"surcharges.{name} = {self._money(d[i.D_SURCHARGE])} is in it"

    def _listed(self, table: m.PriceTable, group: m.Group, sold: int) -> str:
        """Say the listed price of one person and its place, a window's row before the plain one."""
        path: tuple[str | int, ...] = ("prices", table.name)
        cents, window = table.prices[sold][group.number], ""
        derived = self._derived(table, sold, group)
        for index, when in enumerate(table.when):
            row = when.prices.get(sold, {})
            if group.number in row and self._holds(when.window):
                path, cents, derived = (*path, "when", index), row[group.number], ""
                window = f" in {self.book.windows[when.window].name}"
                break
        place = self.authored.source.place(*path, group.name)
        words = f"prices.{table.name} {group.name} {self._zones(sold)}{window}"
        return f"{words} = {self._money(cents)} ({place}){derived}"

    def _holds(self, index: int) -> bool:
        """Say whether a window holds by any kind reading of the clock, up to five minutes off."""
        case = Case(self.authored, self.rater.feed)
        now, service_day = self.local.hour * 60 + self.local.minute, self.decision[i.D_DAY]
        readings = {(now + shift) % DAY_MINUTES for shift in (0, -5, 5)}
        return any(
            readings & minutes_of(row) and self._day_of(row, service_day) in case.days_of(row)
            for row in case.chain(index)
        )

    def _pricing_product(self) -> m.Product | None:
        product = self.book.product(self._taken_as(self.decision[i.D_PRODUCT]))
        is_else = self.decision[i.D_RULE] % 16 == i.RULE_ELSE
        if product is not None and is_else and product.otherwise is not None:
            return self.book.product(product.otherwise)
        return product

    def _taken_as(self, number: int) -> int:
        """Return the number, in the book that prices, of a product of the card's issuer."""
        issuer = self.card[i.C_ISSUER]
        if issuer == self.book.authority:
            return number
        rows = (row for row in self.book.accepts if row.issuer == issuer)
        return next((r.as_product for r in rows if r.product in (None, number)), number)

    def _sold(self, table: m.PriceTable, zones: int, group: int) -> int | None:
        fits = [s for s, row in table.prices.items() if not zones & ~s and group in row]
        return min(fits, key=lambda s: (table.prices[s][group], -s), default=None)

    def _derived(self, table: m.PriceTable, mask: int, group: m.Group) -> str:
        for row in self.authored.derived:
            if (row.table, row.mask, row.group) == (table.name, mask, group.name):
                return f", {row.words(self.book.decimals)}" if row.listed is None else ""
        return ""

    def _payers(self) -> Iterator[str]:
        d = self.decision
        if d[i.D_KIND] == i.KIND_REFUSED or not d[i.D_REDUCTION]:
            return
        who = payer(self.rater.book, d[i.D_PAYER]) if d[i.D_PAYER] else "nobody"
        full, rest = self._money(d[i.D_FULL]), self._money(d[i.D_REDUCTION])
        concession = f", concession {d[i.D_CONCESSION]}" if d[i.D_CONCESSION] else ""
        yield f"full price {full}{concession}: {who} owes {rest}"

    def _per_use(self) -> Iterator[str]:
        """Say what a pay-per-use card would be charged for this access alone (O-6)."""
        nothing_held = self.decision[i.D_REASON] == i.REFUSED_NO_PRODUCT
        group = self.card[i.C_GROUP]
        if not self.book.per_use or not nothing_held or self.place.trip is None:
            return
        station = self.rater.feed.lines[self.place.trip.line].agency
        minute = day(self.local.date()) * DAY_MINUTES + self.local.hour * 60 + self.local.minute
        tickets = tickets_of(self.rater.tariff, group)
        cents = best_price(tickets, [(minute, station)], self.book.shift_minutes)
        listed = ", ".join(
            f"{name} {self._money(price)}"
            for name, price in dict.fromkeys(
                (ticket.name, ticket.prices[group])
                for ticket in self.book.per_use
                if group in ticket.prices
            )
        )
        yield (
            f"as a pay-per-use card {self._money(cents)} {self.book.currency} for this access"
            f" alone; after the day all are rated together, by the best of {listed}"
        )

    def _revenue(self) -> Iterator[str]:
        """Say who gets the money (X-12)."""
        d = self.decision
        if d[i.D_KIND] == i.KIND_REFUSED or not (d[i.D_FULL] or d[i.D_SLOT]):
            return
        is_pass = bool(d[i.D_SLOT]) and not d[i.D_FULL]
        words = passes_words(self.book) if is_pass else revenue_words(self.book)
        trip = self.place.trip
        if trip is not None:
            agency = self.rater.feed.lines[trip.line].agency
            names = {row.agency_id: row.name for row in self.rater.feed.agencies}
            words += f"; this leg is of {names.get(agency) or agency or 'the only operator'}"
        yield words

    def _after(self) -> Iterator[str]:
        d = self.decision
        if d[i.D_KIND] == i.KIND_REFUSED:
            return
        if d[i.D_KIND] != i.KIND_REFUSED and d[i.D_T_SLOT]:
            yield from self._usage(d)
        product = self._pricing_product()
        if d[i.D_START_MINUTE] and product is not None and product.transfer is not None:
            transfer = self.book.transfers[product.transfer]
            minutes = transfer.by_zone[d[i.D_START_ZONE] - 1] if transfer.by_zone else 0
            minutes = max(minutes, transfer.by_set.get(d[i.D_ZONES], 0))
            until = _minute(self.rater, d[i.D_START_MINUTE] + minutes)
            yield f"the journey is open in {self._zones(d[i.D_ZONES])} until {until:%H:%M}"

    def _usage(self, d: list[int]) -> Iterator[str]:
        words = f"slot {d[i.D_T_SLOT]}"
        if d[i.D_ACTIVATES]:
            words += f" begins {date(d[i.D_T_START])}"
        if d[i.D_UNIT]:
            end = end_minute(d[i.D_T_START], d[i.D_T_CENTS])
            words += f" and ends {_minute(self.rater, end):%Y-%m-%d %H:%M}"
        elif d[i.D_ACTIVATES] and d[i.D_T_LENGTH]:
            words += f" and ends {date(d[i.D_T_START] + d[i.D_T_LENGTH] - 1)}"
        product = self.book.product(self._taken_as(self._number(d[i.D_T_SLOT])))
        if product is not None and product.cap is not None:
            words += f", {self._money(d[i.D_T_CENTS])} left to the cap"
        elif product is not None and (product.travel_days or product.uses):
            words += f", {d[i.D_T_LEFT]} {'days' if product.travel_days else 'journeys'} left"
        elif product is not None and product.trips_per_day:
            words += f", {d[i.D_T_TODAY]} of {product.trips_per_day} trips today"
        yield words

    def _product_name(self, number: int) -> str:
        keys = (k for k, p in self.rater.words.products.items() if p.number == number)
        return next(keys, f"product {number}")

    def _zones(self, mask: int) -> str:
        return "everywhere" if mask == 0xFFFF else self.authored.zones.words(mask)

    def _money(self, cents: int) -> str:
        return money(cents, self.book.decimals)


def _minute(rater: Rater, minute: int) -> datetime.datetime:
    """Return the wall clock at an absolute UTC minute since 2020."""
    return rater.wall(minute * 60)
