"""What a tariff says beside the tap: loading, penalties, pay-per-use, VAT, dividing the revenue.

Source: tariff-model.md section 1 (L, M11); W-65 to W-67, O-4 to O-7; X-1, X-12.
"""

from collections.abc import Callable

from backend_sync.tariffs import model as m
from backend_sync.tariffs.forms import minutes, name_list
from backend_sync.tariffs.reader import Reader
from backend_sync.tariffs.source import Finding, Source
from backend_sync.tariffs.when import day

DEPOSIT_MAX = 2_550  # of an ISSUE row


class AfterwardsReader(Reader):
    """Reads `[load]`, `[penalty]`, `[ppu]`, `[vat]` and `[settlement]`."""

    def __init__(
        self, source: Source, groups: dict[str, int], report: Callable[[Finding], None]
    ) -> None:
        super().__init__(source, report)
        self.groups = groups

    def loads(self) -> tuple[m.Load, ...]:
        rows = []
        for channel, row in self.values.get("load", {}).items():
            step, special = self.cents(row.get("step", 1)), 0
            for group, own in row.get("groups", {}).items():
                bit = 1 << self.index(
                    ("load", channel, "groups", group), "group", group, self.groups
                )
                special |= bit
                least, most = own.get("min", row["min"]), own.get("max", row["max"])
                rows.append(m.Load(channel, self.cents(least), self.cents(most), step, bit))
            least, most = self.cents(row["min"]), self.cents(row["max"])
            rows.append(m.Load(channel, least, most, step, 0xFFFF & ~special))
        return tuple(rows)

    def sells(self, products: dict[str, int], tables: dict[str, int]) -> tuple[m.Sells, ...]:
        """Return what channels sell; names that are no product are the linter's to say."""
        rows = []
        for channel, row in self.values.get("load", {}).items():
            listed, prices = name_list(row.get("sells", [])), row.get("prices", {})
            for name in dict.fromkeys((*listed, *prices)):
                path = ("load", channel, "prices", name)
                table = None
                if name in prices:
                    table = self.index(path, "price table", prices[name], tables)
                if name in products:
                    rows.append(m.Sells(channel, products[name], name in listed, table))
        return tuple(rows)

    def card(self) -> m.CardTerms:
        row = self.values.get("card", {})
        found = m.CardTerms(self.cents(row.get("fee", 0)), self.cents(row.get("deposit", 0)))
        if found.deposit % 10 or found.deposit > DEPOSIT_MAX:
            wanted = f"a multiple of 10 cents, at most {DEPOSIT_MAX}: so cards count it"
            self.fault(("card", "deposit"), f"card.deposit: {found.deposit} cents", wanted)
        return found

    def settlement(self) -> m.Settlement:
        row = self.values.get("settlement", {})
        return m.Settlement(
            revenue=m.REVENUES[row.get("revenue", "first_boarding")],
            passes=m.PASSES[row.get("passes", "by_use")],
            shares=dict(row.get("shares", {})),
            operators=dict(row.get("operators", {})),
        )

    def vat(self) -> tuple[m.VatRate, ...]:
        return tuple(
            m.VatRate(code, name, day(rate["from"]), rate["permille"])
            for code, (name, rates) in enumerate(self.values.get("vat", {}).items(), 1)
            for rate in sorted(rates, key=lambda rate: rate["from"])
        )

    def penalties(self) -> dict[int, int]:
        return {
            self.index(("penalty", group), "group", group, self.groups): self.cents(amount)
            for group, amount in self.values.get("penalty", {}).items()
        }

    def per_use(self) -> tuple[m.PerUseTicket, ...]:
        tickets = []
        for index, row in enumerate(self.values.get("ppu", {}).get("ticket", [])):
            fixed = ("name", "minutes", "window", "days", "within_days", "station", "stations")
            prices = {
                self.index(("ppu", "ticket", index, kind), "group", kind, self.groups): self.cents(
                    amount
                )
                for kind, amount in row.items()
                if kind not in fixed
            }
            for station in name_list(row.get("station", "*")):
                for window in row.get("window", [None]):
                    tickets.append(
                        m.PerUseTicket(
                            name=row["name"],
                            prices=prices,
                            minutes=row.get("minutes", 0),
                            window=None
                            if window is None
                            else (minutes(window[0]), minutes(window[1])),
                            days=row.get("days", 0),
                            region=row.get("stations") == "all",
                            station=station,
                        )
                    )
        return tuple(tickets)
