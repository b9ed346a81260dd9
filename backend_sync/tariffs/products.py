"""Products: what an author wrote about each becomes one row of parameters.

Source: tariff-model.md section 1, the table of products; W-47..W-91.
"""

import datetime
from collections.abc import Callable
from typing import Any

from backend_sync.tariffs import model as m
from backend_sync.tariffs.forms import name_list
from backend_sync.tariffs.reader import Reader
from backend_sync.tariffs.source import Finding, Source, unknown_name
from backend_sync.tariffs.when import day

MEDIA = {"desfire": 0, "ultralight-c": 1, "barcode": 2}
LENGTHS = ("days", "hours", "minutes", "year", "to")
COMPANIONS = {"own": 1, "own_or_younger": 2, "any": 3}


class ProductReader(Reader):
    """Reads `[products.*]`; `numbers` holds the index of every name a product may use."""

    def __init__(
        self,
        source: Source,
        tables: list[m.PriceTable],
        numbers: dict[str, dict[str, int]],
        payer: Callable[[str | None], int],
        report: Callable[[Finding], None],
    ) -> None:
        super().__init__(source, report)
        self.tables, self.numbers, self.payer = tables, numbers, payer
        self.products = source.values["products"]

    def read(self) -> tuple[m.Product, ...]:
        """Return the products in the order they are written."""
        taken: dict[int, str] = {}
        for name, row in self.products.items():
            if row["number"] in taken:
                said = f"products.{taken[row['number']]} and products.{name} share a number"
                self.fault(("products", name, "number"), said, "wanted one product a number")
            taken[row["number"]] = name
        return tuple(self._product(name, row) for name, row in self.products.items())

    def _product(self, name: str, row: dict[str, Any]) -> m.Product:
        kind, prices = m.KINDS[row["kind"]], self._prices(name, row)
        companions = row.get("companions", {})
        if row["number"] == 0 and row["kind"] not in ("ticket", "ticket_pack"):
            self.fault(
                ("products", name, "number"), f"products.{name} has number 0", "0 is paper's alone"
            )
        return m.Product(
            number=row["number"],
            name=row.get("name", name),
            kind=kind,
            rank=row.get("rank", 50),
            groups=self._groups(name, row, prices),
            prices=prices,
            shadow=self._optional(name, row, "shadow", "prices"),
            transfer=self._optional(name, row, "transfer", "transfer"),
            window=self._optional(name, row, "window", "window"),
            otherwise=self._else(name, row),
            personal=row.get("personal", False),
            grant=row.get("grant", False),
            trips_per_day=row.get("trips_per_day", 0),
            uses=row.get("uses", 0),
            cap=self._cap(name, row.get("cap")),
            payer=self.payer(row.get("payer")),
            billed="payer" in row,
            surcharge=row.get("surcharge", True),
            companions=COMPANIONS[companions.get("class", "own_or_younger")] if companions else 0,
            companions_max=companions.get("max", 0),
            needs_pass=row.get("needs") == "pass",
            media=MEDIA[row.get("media", "barcode" if kind == m.KIND_TICKET else "desfire")],
            scheme=row.get("scheme", 0),
            refund=self._refund(row.get("refund", {})),
            vat=self._vat(name, row),
            successor_days=row.get("successor", {}).get("within_days", 366),
            **self._span(name, row.get("span", {})),
        )

    def _prices(self, name: str, row: dict[str, Any]) -> int | None:
        if "prices" in row and row["prices"] in self.numbers["prices"]:
            return self.numbers["prices"][row["prices"]]
        if "prices" in row:
            place = self.source.place("products", name, "prices")
            found = unknown_name(place, "price table", row["prices"], self.numbers["prices"])
            self.report(found._replace(rule="product-price"))
        elif row["kind"] != "per_use":
            said = f"products.{name}.prices is missing"
            self.fault(
                (
                    "products",
                    name,
                ),
                said,
                "wanted the name of a price table",
            )
        return None

    def _span(self, name: str, span: dict[str, Any]) -> dict[str, Any]:
        start, unit = span.get("from", "first_use"), span.get("minutes", 60 * ("hours" in span))
        sold = 1 if "minutes" in span else span.get("hours", span.get("days", 0))
        least, most = (sold, sold) if isinstance(sold, int) else (sold[0], sold[1])
        found: dict[str, Any] = {
            "activate_within": span.get("activate_within", 365 if span else 0),
            "travel_days": span.get("travel_days", 0),
            "days": (least, most),
            "minutes": unit,
            "span": m.SPAN_NONE,
        }
        lengths = [key for key in LENGTHS if span.get(key)]
        if span and len(lengths) != 1:
            said = f"products.{name}.span has {' and '.join(lengths) or 'no length'}"
            self.fault(("products", name, "span"), said, f"wanted one of {', '.join(LENGTHS)}")
        elif span.get("year"):
            found["span"] = m.SPAN_YEAR
        elif isinstance(start, datetime.date):
            last = span.get("to")
            if last is None or last < start:
                self.fault(
                    ("products", name, "span"), f"products.{name}.span", "wanted to after from"
                )
            found |= {
                "span": m.SPAN_DATES,
                "first_day": day(start),
                "last_day": day(last or start),
            }
        elif "to" in span:
            self.fault(
                ("products", name, "span"), f"products.{name}.span.to", "wanted a date in from too"
            )
        elif span:
            fixed = {"first_use": m.SPAN_FIRST_USE}
            found["span"] = fixed.get(start, m.SPAN_FIRST_USE_OR_DATE)
        found["rounding"] = span.get("round", "half_up")
        for per, length in (("per_days", "days"), ("per_hours", "hours")):
            found["per"] = span.get(per, found.get("per", 0))
            if per in span and length not in span:
                said = f"products.{name}.span.{per} without {length}"
                self.fault(("products", name, "span", per), said, f"wanted {length}, or no {per}")
        return found

    def _groups(self, name: str, row: dict[str, Any], prices: int | None) -> int:
        if "groups" in row:
            return sum(
                1 << number
                for number in {
                    self._index(name, "group", group, "groups")
                    for group in name_list(row["groups"])
                }
            )
        if prices is None:
            return sum(1 << number for number in self.numbers["group"].values())
        table = self.tables[prices] if prices < len(self.tables) else None
        priced = {g for cells in table.prices.values() for g in cells} if table else set()
        return sum(1 << number for number in priced)

    def _cap(self, name: str, cap: dict[str, Any] | None) -> m.Cap | None:
        if cap is None:
            return None
        threshold = cap["threshold"]
        if not isinstance(threshold, str) or threshold not in self.numbers["prices"]:
            said = f"products.{name}.cap.threshold = {threshold!r}"
            remedy = 'write a table by = "flat" with the amount of each group'
            self.fault(("products", name, "cap", "threshold"), said, "wanted a price table", remedy)
            return None
        table = self.numbers["prices"][threshold]
        return m.Cap(table, cap["days"], cap.get("overshoot", "clip") == "clip")

    def _refund(self, row: dict[str, Any]) -> m.Refund:
        fee = self.cents(row.get("fee", 0))
        return m.Refund(fee, row.get("void_minutes", 15), row.get("unused", "pro_rata") != "none")

    def _vat(self, name: str, row: dict[str, Any]) -> int:
        code = row.get("vat") or self.source.get("settlement", "vat")
        return 0 if code is None else self._index(name, "vat", code)

    def _else(self, name: str, row: dict[str, Any]) -> int | None:
        if "else" not in row:
            return None
        if row["else"] in self.products:
            return int(self.products[row["else"]]["number"])
        self.unknown(("products", name, "else"), "product", row["else"], self.products)
        return None

    def _optional(self, name: str, row: dict[str, Any], key: str, what: str) -> int | None:
        return self._index(name, what, row[key], key) if key in row else None

    def _index(self, name: str, what: str, wanted: str, key: str | None = None) -> int:
        words = {"prices": "price table", "transfer": "transfer table", "vat": "vat code"}
        path = ("products", name, key or what)
        return self.index(path, words.get(what, what), wanted, self.numbers[what])
