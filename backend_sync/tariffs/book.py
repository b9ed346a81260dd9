"""From a tariff's files to its `Book`: every name resolved, every number explicit.

`source` has checked each key's form already; what is left to go wrong here is a name that names
nothing and a value that contradicts another. Judging the tariff is the linter's.
Source: tariff-model.md sections 1 and 2; model.py.
"""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.tariffs import model as m
from backend_sync.tariffs.afterwards import AfterwardsReader
from backend_sync.tariffs.forms import minutes, name_list
from backend_sync.tariffs.prices import Derived, PriceReader, Zones
from backend_sync.tariffs.products import ProductReader
from backend_sync.tariffs.reader import Reader
from backend_sync.tariffs.source import Finding, Source, TariffFault, read_source
from backend_sync.tariffs.when import WhenReader, day

HOLDER = "invoice-holder"


class Authored(NamedTuple):
    """A tariff with where it was written: what the linter, `explain` and `diff` read."""

    source: Source
    book: m.Book
    zones: Zones
    derived: list[Derived]
    others: "tuple[Authored, ...]" = ()  # as book.others


def read_tariff(path: Path, version: int = 1, others: bool = True) -> Authored:
    """Return the tariff in `path`.

    Raises: TariffFault with every finding, OSError when the file is unreadable.
    """
    source = read_source(path)
    reader = _Reader(source)
    book = reader.book(version, others)
    if reader.findings:
        raise TariffFault(list(dict.fromkeys(map(_hashable, reader.findings))), path)
    return Authored(source, book, reader.zones, reader.derived, tuple(reader.others))


def _hashable(finding: Finding) -> Finding:
    return _Keyed(*finding)


class _Keyed(Finding):
    """A finding that equals another saying the same: two readers may meet one fault."""

    def __hash__(self) -> int:
        return hash(self[:6])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finding) and self[:6] == other[:6]


class _Reader(Reader):
    def __init__(self, source: Source) -> None:
        self.findings: list[Finding] = []
        super().__init__(source, self.findings.append)
        self.derived: list[Derived] = []
        self.others: list[Authored] = []
        order = name_list(self.values["zones"]["order"])
        if len(order) > 15:
            self.fault(("zones", "order"), f"{len(order)} zones", "wanted at most 12")
        self.zones = Zones(order[:15])
        self.payers: list[str] = []
        self.groups = self._group_numbers()

    def book(self, version: int, others: bool) -> m.Book:
        values = self.values
        calendars = list(values.get("calendars", {}))
        when = WhenReader(self.source, self.report)
        windows, rows = when.windows(calendars)
        prices = PriceReader(self.source, self.zones, self.groups, self.report)
        tables = prices.read(windows)
        self.derived = prices.derived
        transfers, books = values.get("transfer", {}), self._others(version) if others else ()
        numbers = {
            "prices": {table.name: i for i, table in enumerate(tables)},
            "window": windows,
            "transfer": {name: i for i, name in enumerate(transfers)},
            "group": self.groups,
            "vat": {name: i for i, name in enumerate(values.get("vat", {}), 1)},
        }
        products = ProductReader(self.source, tables, numbers, self._payer, self.report)
        afterwards = AfterwardsReader(self.source, self.groups, self.report)
        valid_from, valid_to = day(values["valid_from"]), day(values["valid_to"])
        return m.Book(
            authority=values["authority"],
            name=values.get("name", self.source.path.stem),
            currency=values["currency"],
            valid_from=valid_from,
            valid_to=valid_to,
            zones=tuple(self.zones.order),
            groups=self._groups(),
            tables=tuple(tables),
            products=products.read(),
            transfers=tuple(self._transfer(name) for name in transfers),
            windows=tuple(rows),
            calendars=tuple(when.calendar(name) for name in calendars),
            surcharges=tuple(self._surcharge(n, windows) for n in values.get("surcharges", {})),
            **self._stops(),
            version=version,
            decimals=values.get("decimals", 2),
            semantics=values.get("semantics", 1),
            timezone=values["timezone"],
            shift_minutes=minutes(values.get("service_day", "00:00")),
            utc_offsets=when.utc_offsets(valid_from, valid_to),
            skip=("span", "touched").index(self._zones_key("skip", "span")),
            away=("start", "end", "ask").index(self._zones_key("away", "start")),
            lean=("ahead", "down").index(self._zones_key("lean", "ahead")),
            brief=tuple(name_list(self._zones_key("brief", []))),
            night_without_purse=values.get("night_without_purse", "ride_and_count") != "refuse",
            payers=tuple(self.payers),
            load=afterwards.loads(),
            sells=afterwards.sells(
                {name: row.get("number", -1) for name, row in values["products"].items()},
                {table.name: place for place, table in enumerate(tables)},
            ),
            card=afterwards.card(),
            accepts=tuple(
                self._acceptance(row, i) for i, row in enumerate(values.get("foreign", []))
            ),
            schemes=self._schemes(),
            per_use=afterwards.per_use(),
            penalties=afterwards.penalties(),
            settlement=afterwards.settlement(),
            vat=afterwards.vat(),
            others=books,
        )

    def _zones_key(self, key: str, default: Any) -> Any:
        return self.values["zones"].get(key, default)

    def _stops(self) -> dict[str, Any]:
        """Return what says in which zones a stop lies: our own names before `zones.alias`."""
        alias, number = self._zones_key("alias", {}), self.zones.number
        renamed = {
            name: self.index(("zones", "alias", name), "zone", zone, number)
            for name, zone in alias.items()
        }
        return {
            "zones_from": tuple(name_list(self._zones_key("from", m.BY_ZONE_ID))),
            "other_zone": renamed.pop("*", 0),
            "feed_zones": {**renamed, **number},
            "stop_zones": {
                stop: self._mask(("zones", "stops", stop), words)
                for stop, words in self._zones_key("stops", {}).items()
            },
        }

    def _payer(self, name: str | None) -> int:
        if name is None:
            return m.PAYER_NOBODY
        if name == HOLDER:
            return m.PAYER_HOLDER
        if name not in self.payers:
            self.payers.append(name)
        return m.PAYER_SPONSOR + self.payers.index(name)

    # Groups

    def _group_numbers(self) -> dict[str, int]:
        groups = self.values["groups"]
        numbers = {name: row.get("number", i) for i, (name, row) in enumerate(groups.items())}
        taken: dict[int, str] = {}
        for name, number in numbers.items():
            if number > 15:
                self.fault(("groups", name), f"group {number}, {name}", "wanted at most 16 groups")
            if number in taken:
                said = f"groups.{taken[number]} and groups.{name} both have number {number}"
                self.fault(("groups", name), said, "wanted one group a number")
            taken[number] = name
        return numbers

    def _groups(self) -> tuple[m.Group, ...]:
        groups = self.values["groups"]
        return tuple(self._group(name, groups[name]) for name in groups)

    def _group(self, name: str, row: dict[str, Any]) -> m.Group:
        concession, ages = row.get("concession", 0), row.get("ages")
        plain = self._of_class(row["class"]) if concession else name
        path = ("groups", name)
        full = self.index((*path, "full"), "group", row.get("full", plain), self.groups)
        following = row.get("next") or (None if concession else self._next_by_age(name))
        return m.Group(
            number=self.groups[name],
            name=name,
            age_class=m.CLASSES[row["class"]],
            full=full,
            ages=(ages[0], ages[1]) if ages else None,
            following=None
            if following is None
            else self.index((*path, "next"), "group", following, self.groups),
            concession=concession,
            payer=self._payer(row.get("payer")),
        )

    def _of_class(self, age_class: str) -> str:
        """Return the group of a class that has no concession, the one a concession rests on."""
        rows = self.values["groups"].items()
        plain = (n for n, row in rows if row["class"] == age_class and not row.get("concession"))
        return next(plain, next(iter(self.groups)))

    def _next_by_age(self, name: str) -> str | None:
        groups = self.values["groups"]
        if "ages" not in groups[name]:
            return None
        starts = {
            row["ages"][0]: other
            for other, row in groups.items()
            if "ages" in row and not row.get("concession")
        }
        return starts.get(groups[name]["ages"][1] + 1)

    # Journeys and fees

    def _transfer(self, name: str) -> m.Transfer:
        row = self.values["transfer"][name]
        everywhere, by_zone = row.get("minutes", 0), row.get("by_start_zone", {})
        for zone in by_zone:
            if zone != "*":
                path = ("transfer", name, "by_start_zone", zone)
                self.index(path, "zone", zone, self.zones.number)
        other = by_zone.get("*", everywhere)
        return m.Transfer(
            name=name,
            by_zone=tuple(by_zone.get(zone, other) for zone in self.zones.order),
            by_set=self._minutes_by_set(name, row),
            legs=row.get("legs", 0),
            upgrade=row.get("upgrade", True),
            pass_back_s=row.get("pass_back_seconds", 300),
            pass_back=("charge", "refuse").index(row.get("pass_back", "charge")),
        )

    def _minutes_by_set(self, name: str, row: dict[str, Any]) -> dict[int, int]:
        by_set, by_count = row.get("by_set", {}), row.get("by_count", [])
        other = by_set.get("*")
        result = dict.fromkeys(self.zones.runs(), other) if other is not None else {}
        for count, length in enumerate(by_count[: len(self.zones.order)], 1):
            result |= dict.fromkeys(self.zones.run_of(count), length)
        for words, length in by_set.items():
            if words != "*":
                result[self._mask(("transfer", name, "by_set", words), words)] = length
        return result

    def _mask(self, path: tuple[str | int, ...], words: Any) -> int:
        try:
            return self.zones.mask(words)
        except ValueError as error:
            self.fault(path, str(error), "")
            return 0

    def _surcharge(self, name: str, windows: dict[str, int]) -> m.Surcharge:
        row, path = self.values["surcharges"][name], ("surcharges", name, "window")
        bits = {"purse": m.ON_PURSE, "single": m.ON_TICKET, "pass": m.ON_PASS}
        return m.Surcharge(
            name=name,
            window=self.index(path, "window", row["window"], windows),
            cents=self.cents(row["cents"]),
            on=sum(bits[word] for word in set(row.get("on", ["purse", "single"]))),
            on_transfer=row.get("on_transfer", False),
            once_per_journey=row.get("once_per_journey", True),
            per_person=row.get("per_person", True),
        )

    # Other authorities, earlier zones

    def _others(self, version: int) -> tuple[m.Book, ...]:
        areas = self.values.get("areas", {})
        books = []
        for name in sorted(areas, key=lambda n: areas[n].get("precedence", 255)):
            path = self.source.path.parent / areas[name]["tariff"]
            try:
                authored = read_tariff(path, version, others=False)
            except TariffFault as fault:
                self.findings += fault.findings
                continue
            except OSError as error:
                self.fault(("areas", name, "tariff"), f"{path.name}: {error.strerror}", "")
                continue
            other = authored.book
            if other.authority != areas[name]["authority"]:
                said = f"{path.name} is of authority {other.authority}"
                self.fault(("areas", name), said, f"wanted {areas[name]['authority']}")
            agencies = tuple(name_list(areas[name].get("agencies", [])))
            books.append(dataclasses.replace(other, agencies=agencies))
            self.others.append(authored._replace(book=books[-1]))
        return tuple(books)

    def _acceptance(self, row: dict[str, Any], index: int) -> m.Acceptance:
        products = self.values["products"]
        numbers = {name: product["number"] for name, product in products.items()}
        own = self.index(("foreign", index, "as"), "product", row["as"], numbers)
        return m.Acceptance(row["authority"], row.get("product"), own)

    def _schemes(self) -> tuple[m.Scheme, ...]:
        rows = []
        for number, table in self._zones_key("schemes", {}).items():
            path = ("zones", "schemes", number)
            masks = tuple(self._mask((*path, old), new) for old, new in table.items())
            if number.isdigit() and 0 < int(number) < 16:
                rows.append(m.Scheme(int(number), masks))
            else:
                self.fault(path, f"zones.schemes.{number}", "wanted a number 1..15")
        return tuple(rows)
