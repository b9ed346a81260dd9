"""Single tickets in the books: sold for cash, shown to scanners, and what cannot be.

A sale moves money once, from CASH to REV; a use moves none. A ticket is good on several trips of
its time, so a use elsewhere is no copy; two on one trip, or more trips than its tariff allows, are:
a case for a person, nothing is taken back by itself. Results are a function of the set of entries.
Source: SPEC.md section 8; decisions.md D9, D21; trust.md T14.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from backend_sync.ledger.accounts import CASH, REV, ROUNDING, AccountBook
from backend_sync.ledger.arrivals import Entry
from backend_sync.ledger.poster import Line, Poster
from backend_sync.ledger.resolve import Alarm
from backend_sync.ledger.results import (
    ALARM_SALE_DIFFERS,
    ALARM_SINGLE_DIFFERS,
    ALARM_SINGLE_OFTEN,
    ALARM_SINGLE_TWICE,
)
from backend_sync.ledger.schema import alarms
from backend_sync.ledger.single_prices import boardings, ticket_verdict
from backend_sync.ledger.single_tables import single_sales, single_uses
from backend_sync.storage.database import Database, Row
from card_layouts.errors import SealError
from card_layouts.fares.repeat import DIFFERENT, SAME, UNRATED
from card_layouts.records.entries_service import (
    BARCODE,
    BARCODE_USED,
    CASH_SALE,
    PAID_CASH,
    ROUNDING_ZERO,
)
from card_layouts.records.entries_tap import TRIP_NONE
from card_layouts.settlement.pricing import Tariffs, sale_answer
from card_layouts.tickets.check import genuine_steps
from card_layouts.tickets.single import LINES, Code, read_single

SCHEME = 0  # operator of what is not split among carriers yet
SAID = (("product", 2), ("zones", 2), ("minutes", 2), ("from_minute", 4), ("price", 4),
        ("tariff", 2), ("authority", 1))  # fmt: skip


class CounterSale(NamedTuple):
    """A ticket sold in advance: what its code says was paid to `channel`."""

    sale: str
    code: str
    channel: str
    time: int  # s since 2020


class SingleBook:
    """The sales and uses of one group; `write` puts them into the books."""

    def __init__(
        self, database: Database, book: AccountBook, poster: Poster, tariffs: Tariffs
    ) -> None:
        self.database = database
        self.book = book
        self.poster = poster
        self.tariffs = tariffs
        self.sales: list[Row] = []
        self.uses: list[Row] = []
        self.next = database.next_id(single_sales)

    def sell(self, entry: Entry) -> str:
        """Post a CASH_SALE at once: no card's counter could contradict it. A void the other way.

        Return who owes the rest of its price, "" for nobody.
        """
        opened = entry.opened
        sale = CASH_SALE.unpack(opened.payload)
        channel = "vehicle" if sale["paid"] == PAID_CASH else f"other{sale['paid']}"
        name = ":".join(map(str, opened[1:4] + (entry.id,) * entry.displaces))
        rounded = sale["rounding"] - ROUNDING_ZERO
        sign = -1 if sale["void_of"] else 1
        payer = f"{CASH}:{channel}:{sale['clerk']}"
        self._post(payer, sale["authority"], sale["operator"], sign * sale["total"],
                   sign * rounded, entry.id)  # fmt: skip
        answer = sale_answer(self.tariffs, sale)
        verdict = None if sale["void_of"] else answer.verdict
        seen = (opened.device, sale["ticket"], sale["void_of"], said_of_sale(sale))
        self._add(name, entry.id, seen, sale["total"], sale["authority"], sale["operator"],
                  sale["time"], channel, verdict)  # fmt: skip
        return answer.payer

    def sell_at_counter(self, row: CounterSale, ticket: dict[str, Any]) -> None:
        """Post a ticket sold in advance."""
        area, cents = ticket["authority"], ticket["price"]
        self._post(f"{CASH}:{row.channel}", area, SCHEME, cents, 0, None, self.next)
        seen = (ticket["device"], ticket["serial"], 0, said(ticket))
        verdict = ticket_verdict(self.tariffs, ticket)
        self._add(row.sale, None, seen, cents, area, SCHEME, row.time, row.channel, verdict)

    def use(self, entry: Entry) -> None:
        """Take a BARCODE entry. Raises: LayoutError if what was scanned is no ticket."""
        shown = BARCODE.unpack(entry.opened.payload)
        ticket = read_single(shown["single"])
        ride = shown["trip"] if shown["trip"] != TRIP_NONE else -entry.opened.device
        allowed = boardings(self.tariffs, ticket) if shown["event"] == BARCODE_USED else 0
        self.uses.append(
            (entry.id, ticket["device"], ticket["serial"], said(ticket), shown["event"],
             shown["again"], shown["answer"], shown["time"], ride, shown["operator"], allowed)
        )  # fmt: skip

    def write(self) -> None:
        """Write sales and uses, and an alarm for each ticket that was misused."""
        self.database.insert(single_sales, self.sales)
        self.database.insert(single_uses, self.uses)
        named = {(row[1], row[2]) for row in self.uses} | {(row[3], row[4]) for row in self.sales}
        if not named:
            return
        found = [
            Alarm(kind, seller, None, None, None, None, words.format(seller, ticket, *more))
            for kind, view, columns, words in CASES
            for seller, ticket, *more in self._of_view(view, columns, named)
        ]
        known = {
            (row[0], row[1])
            for row in self.database.rows_in(
                "SELECT kind, detail FROM alarms WHERE detail IN {}",
                [alarm.detail for alarm in found],
            )
        }
        number = self.database.next_id(alarms)
        news = [alarm for alarm in found if (alarm.kind, alarm.detail) not in known]
        rows = [(number + n, *alarm, self.poster.now) for n, alarm in enumerate(news)]
        self.database.insert(alarms, rows)

    def _of_view(self, view: str, columns: str, named: set[tuple[int, int]]) -> list[Row]:
        return self.database.rows_of(
            f"SELECT v.seller, v.ticket, {columns} FROM {{keys}} JOIN {view} v"
            " ON v.seller = k.seller AND v.ticket = k.ticket",
            ("seller", "ticket"),
            sorted(named),
        )

    def _post(
        self, payer: str, area: int, operator: int, total: int, rounded: int, entry: int | None,
        sale: int | None = None,
    ) -> None:  # fmt: skip
        currency = self.book.home_currency
        lines: list[Line] = [
            (self.book.number(payer, area), -total, currency, area),
            (self.book.number(f"{REV}:{area}:{operator}", area), total - rounded, currency, area),
        ]
        if rounded:
            account = self.book.number(f"{ROUNDING}:{area}", area)
            lines.append((account, rounded, currency, area))
        if total or rounded:
            self.poster.transfer(lines, "SALE", entry=entry, sale=sale)

    def _add(self, name: str, entry: int | None, seen: tuple[Any, ...], *rest: Any) -> None:
        self.sales.append((self.next, name, entry, *seen, *rest))
        self.next += 1


# kind of alarm, view, its columns, words
CASES = (
    (ALARM_SINGLE_TWICE, "single_twice", "v.ride, v.times",
     "single {0}-{1}: accepted {3} times on one trip ({2})"),
    (ALARM_SINGLE_OFTEN, "single_often", "v.rides, v.boardings",
     "single {0}-{1}: accepted on {2} trips, its tariff allows {3}"),
    (ALARM_SINGLE_DIFFERS, "single_differs", "v.tickets",
     "single {0}-{1}: {2} different tickets have this number"),
)  # fmt: skip


def said(ticket: dict[str, Any]) -> bytes:
    """Return what a SINGLE says in 33 bytes: what two tickets of one number must have alike."""
    fixed = b"".join(ticket[name].to_bytes(size, "big") for name, size in SAID)
    return fixed + bytes(
        ticket[f"{name}{n}"] for n in range(LINES) for name in ("group", "count")
    ).ljust(16, b"\0")


def said_of_sale(sale: dict[str, Any]) -> bytes:
    """Return the same of a CASH_SALE."""
    lines = {f"{name}{n}": sale[f"l_{name}{n}"] for n in range(LINES)
             for name in ("group", "count")}  # fmt: skip
    return said({**sale, **lines, "minutes": sale["valid"], "price": sale["total"]})


# The counters' register -----------------------------------------------------------------


def import_singles(database: Database, book: SingleBook, rows: Sequence[CounterSale]) -> int:
    """Enter tickets sold at counters; return how many were new. A changed repeat is an alarm.

    Raises: LayoutError for a code that is none. Signatures are the caller's to check.
    """
    read = [(row, Code(row.code).ticket) for row in rows]
    known = {
        row[0]: tuple(bytes(v) if isinstance(v, memoryview) else v for v in row[1:])
        for row in database.rows_in(
            "SELECT sale, seller, ticket, says, channel, at FROM single_sales WHERE sale IN {}",
            sorted({row.sale for row in rows}),
        )
    }
    count = 0
    for row, ticket in read:
        sold = (ticket["device"], ticket["serial"], said(ticket), row.channel, row.time)
        before = known.setdefault(row.sale, sold)
        if before is sold:
            book.sell_at_counter(row, ticket)
            count += 1
        elif before != sold:
            words = f"single sale {row.sale}: sent again with other values; the first stands"
            book.poster.alarms.append(Alarm(ALARM_SALE_DIFFERS, *(None,) * 5, words))
    return count


def is_genuine(text: str, publics: Sequence[bytes]) -> bool:
    """Return whether one of the authorities certified the seller of a code, and he signed it.

    Raises: LayoutError for a text that is no code.
    """
    code = Code(text)
    for public in publics:
        try:
            for _ in genuine_steps(code.data, public, []):
                pass
        except SealError:
            continue
        return bool(code.in_time())
    return False


# For people -----------------------------------------------------------------------------


def single_figures(database: Database) -> dict[str, int]:
    """Return what was sold, priced again, shown, and what is a case for a person."""
    sold = database.rows(
        "SELECT verdict, count(*), coalesce(sum(cents), 0) FROM single_sold WHERE void_of = 0"
        " GROUP BY verdict"
    )
    verdicts = {row[0]: int(row[1]) for row in sold}
    shown = {row[0]: row[1] for row in database.rows(
        "SELECT event, count(*) FROM single_shown GROUP BY event")}  # fmt: skip
    return {
        "sold": sum(verdicts.values()),
        "sold_cents": sum(int(row[2]) for row in sold),
        "voided": database.value("SELECT count(*) FROM single_sold WHERE void_of <> 0"),
        "same": verdicts.get(SAME, 0),
        "differences": verdicts.get(DIFFERENT, 0),
        "unrated": verdicts.get(UNRATED, 0),
        "used": shown.get(BARCODE_USED, 0),
        "refused": shown.get(2, 0),
        "inspected": shown.get(3, 0),
        **{
            name: database.value(f"SELECT count(*) FROM single_{name}")
            for name in ("twice", "often", "differs", "void_used", "unsold")
        },
    }


def single_cases(database: Database) -> list[dict[str, Any]]:
    """Return one row a ticket of every case but those whose sale may still come."""
    found = []
    for case in ("twice", "often", "differs", "void_used"):
        rows = database.rows(f"SELECT DISTINCT seller, ticket FROM single_{case}")
        for seller, ticket in sorted((row[0], row[1]) for row in rows):
            devices = database.rows(
                "SELECT DISTINCT e.device FROM single_shown u JOIN entries e ON e.id = u.id"
                " WHERE u.seller = ? AND u.ticket = ? AND u.event = 1", (seller, ticket)
            )  # fmt: skip
            shown_at = ", ".join(str(row[0]) for row in sorted(devices))
            words = {"case": case.replace("_", " "), "seller": seller, "ticket": ticket}
            found.append({**words, "devices": shown_at})
    return found
