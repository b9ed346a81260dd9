"""Sales of a counter come in: each once by its key, with the next number of its device's slips.

The number is given in the transaction that books the money, so there are no gaps. What was paid
waits in PREPAID for the card, and is the core's to earn or to load, as of every sale. A void undoes
a sale within its minutes, as long as no device has told that it is on the card; what is on the card
is given back by `product_refunds.py`. Source: D9, X-2, X-15; W-65 to W-67, W-112, R-10.
"""

from collections.abc import Mapping
from typing import NamedTuple

from backend_sync.actions.checks import check
from backend_sync.actions.desk import ActionRefused, Order
from backend_sync.actions.limits import CHANNELS, tariff_at
from backend_sync.ledger.books import Books
from backend_sync.ledger.imports import Sale as Paid
from backend_sync.ledger.ledger import Ledger
from backend_sync.refusal import Refusal
from backend_sync.sales.fiscal import COLUMNS, FIRST_MARK, Fiscal, FiscalChain, Slip
from backend_sync.sales.offered import Offer
from backend_sync.sales.slip_tables import KEY_LENGTH, slips
from card_layouts.fares import sections as s
from card_layouts.fares.clock import service_day
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import u16, u32
from card_layouts.fares.place import book_of
from card_layouts.records.entries_service import ACT_LOAD

LOAD, PRODUCT, FEE = "load", "product", "fee"
VOID, REFUND = "void", "refund"
DEPOSIT, PAYOUT = "deposit", "payout"  # of a card: cash of the till, and no sale
CASH, CARD = "cash", "card"
CENTS_MAX = 65_535
VOID_MINUTES = 10  # of a load or fee; a product's are in its tariff
SALES_ROW_BYTES = 16
DAY_SECONDS = 86_400
NEAREST = 5  # prices that a refusal names


class SaleRefused(Refusal, ValueError):
    """The sale, void or refund cannot be; nothing was changed. The message says why."""


class Sale(NamedTuple):
    """What a counter sold; `action` is the number under which its station put it on the card."""

    key: str
    device: int
    kind: str  # load, product, fee (of the card itself)
    card: int  # account number
    action: int
    product: int  # 0 unless it is one
    cents: int
    paid: str  # cash, card
    channel: str  # counter, driver, machine
    clerk: int
    shift: int


class Terms(NamedTuple):
    """How a product may be given back."""

    fee_cents: int
    void_minutes: int
    refundable: bool


class Counter:
    """Books what counters sell; `cash_step` is the smallest coin in cents (X-2)."""

    def __init__(self, ledger: Ledger, fiscal: Fiscal | None = None, cash_step: int = 5) -> None:
        self.ledger = ledger
        self.database = ledger.database
        self.fiscal = fiscal or FiscalChain()
        self.cash_step = cash_step
        self._prices: dict[tuple[int, int, int, str], frozenset[int]] = {}

    def sell(self, sale: Sale) -> tuple[Slip, bool]:
        """Book a sale; return (its slip, whether it is new). Raises: SaleRefused."""
        with self.ledger.books() as books:
            if before := self.find("key = ?", sale.key):
                said = (sale.kind, 0, *sale[3:10], sale.shift)
                self.same(before, said, sale.device)
                return before, False
            self._check(sale, books.now)
            used = self.database.rows(
                "SELECT sale FROM sales WHERE action = ? OR sale = ?", (sale.action, sale.key)
            )
            if used and sale.action:
                raise SaleRefused(f"action {sale.action}: sold before as {used[0][0]}")
            rounding = self.rounding(sale.cents) if sale.paid == CASH else 0
            slip = Slip(sale.device, 0, sale.key, sale.kind, 0, sale.card, sale.action,
                        sale.product, sale.cents, rounding, sale.paid, sale.channel, sale.clerk,
                        sale.shift)  # fmt: skip
            return self.enter(books, slip), True

    def void(self, key: str, device: int, place: int, clerk: int) -> tuple[Slip, bool]:
        """Undo a sale within its minutes; return (the void's slip, whether it is new)."""
        with self.ledger.books() as books:
            sold = self.sold(device, place)
            if before := self.find("key = ?", key):
                self.same(before, (VOID, place), device)
                return before, False
            self.refuse_ended(sold)
            minutes = VOID_MINUTES if sold.kind != PRODUCT else self.terms(sold).void_minutes
            age = books.now - self._received(sold)
            if not 0 <= age <= 60 * minutes:
                raise SaleRefused(
                    "slip {slip}: sold {age} minutes ago, void within {minutes}",
                    slip=place,
                    age=age // 60,
                    minutes=minutes,
                )
            if clerk != sold.clerk:
                raise SaleRefused(
                    "slip {slip}: sold by clerk {clerk}, not {other}",
                    slip=place,
                    clerk=sold.clerk,
                    other=clerk,
                )
            if self._on_card(sold):
                raise SaleRefused(
                    "slip {slip}: it is on the card; it is given back as a refund", slip=place
                )
            undone = sold._replace(place=0, key=key, kind=VOID, of=place, cents=-sold.cents,
                                   rounding=-sold.rounding)  # fmt: skip
            return self.enter(books, undone), True

    def enter(self, books: Books, slip: Slip, account: str = "") -> Slip:
        """Give the slip its number and mark, write it, move its money.

        `account`: whose the money is then, of what is no sale; else what the slip sold or refunds.
        """
        rows = self.database.rows(
            "SELECT place, fiscal FROM slips WHERE device = ? ORDER BY place DESC LIMIT 1",
            (slip.device,),
        )
        place, before = rows[0] if rows else (0, FIRST_MARK)
        slip = slip._replace(place=place + 1)
        mark = self.fiscal.mark(slip, before)
        self.database.insert(slips, [(self.database.next_id(slips), *slip, mark, books.now)])
        area = int(self.database.value("SELECT issuer FROM cards WHERE id = ?", (slip.card,)))
        payer = f"CASH:{slip.channel}:{slip.clerk if slip.paid == CASH else CARD}"
        given_back = slip.kind == REFUND
        waits = f"PREPAID:{slip.action}" if slip.action else f"FEES:{area}"
        other = account or (f"REV:{area}:0" if given_back else waits)
        sale = self._sale_of(slip.action) if given_back else None
        books.transfer(
            f"sales:slip:{slip.device}:{slip.place}", slip.kind.upper(),
            [(payer, area, -slip.cents - slip.rounding), (other, area, slip.cents),
             (f"ROUNDING:{area}", area, slip.rounding)], sale,
        )  # fmt: skip
        if slip.action and not slip.of:
            books.sold(Paid(slip.key, slip.action, slip.cents, slip.channel, books.now, area))
        return slip

    def _sale_of(self, action: int) -> int:
        return int(self.database.value("SELECT id FROM sales WHERE action = ?", (action,)))

    def check_till(self, device: int, clerk: int, shift: int) -> None:
        """Raise SaleRefused unless these can be a till, its clerk and his shift."""
        _check_number("device", device, 1, (1 << 20) - 1)
        _check_number("clerk", clerk, 0, (1 << 20) - 1)
        _check_number("shift", shift, 0, 4095)

    def _check(self, sale: Sale, now: int) -> None:
        self.check_till(sale.device, sale.clerk, sale.shift)
        _check_number("action", sale.action, int(sale.kind != FEE), (1 << 29) - 1)
        _check_number("cents", sale.cents, 1, CENTS_MAX)
        check_key(sale.key)
        if sale.kind not in (LOAD, PRODUCT, FEE) or sale.paid not in (CASH, CARD):
            raise SaleRefused(
                f"{sale.kind!r} paid {sale.paid!r}: wanted load, product or fee, cash or card"
            )
        if sale.channel not in CHANNELS:
            raise SaleRefused(f"channel {sale.channel!r}: wanted one of {', '.join(CHANNELS)}")
        if sale.kind == LOAD:
            order = Order(sale.key, sale.card, ACT_LOAD, sale.cents, sale.channel, now, now + 3600)
            try:
                check(self.database, self.ledger.rerater.tariffs, order, now)
            except ActionRefused as error:
                raise SaleRefused(str(error)).told_as(error.sentence, **error.fields) from None
            return
        rows = self.database.rows("SELECT issuer FROM cards WHERE id = ?", (sale.card,))
        if not rows:
            raise SaleRefused(f"card {sale.card}: there is none")
        self._check_offered(sale, int(rows[0][0]), now)

    def _check_offered(self, sale: Sale, issuer: int, now: int) -> None:
        """Refuse what the issuer's tariff in force does not let this channel sell (W-107)."""
        tariffs = self.ledger.rerater.tariffs
        tariff = tariff_at(tariffs, issuer, now)
        offer = Offer(tariff, service_day(tariff, now)) if tariff else None
        if sale.kind == FEE:
            fee = offer.said()["card"]["fee_cents"] if offer else 0
            if (sale.action, sale.product, sale.cents) != (0, 0, fee):
                raise SaleRefused(
                    f"fee of {sale.cents} cents, action {sale.action}: the issuer's tariff says"
                    f" {fee}, and nothing goes onto the card"
                )
        elif offer is None or sale.product not in offer.numbers():
            raise SaleRefused(
                "product {product}: the issuer's tariff has none", product=sale.product
            )
        elif sale.product not in offer.numbers(sale.channel):
            raise SaleRefused(
                "product {product}: {channel} does not sell it",
                product=sale.product,
                channel=sale.channel,
            )
        else:
            self._check_price(sale, issuer, now)

    def _check_price(self, sale: Sale, issuer: int, now: int) -> None:
        """Refuse a price that the tariff has for nobody, now or a day before, when a till without
        network sold it. Which zones and group it was for a slip does not say."""
        offered: frozenset[int] = frozenset()
        for at in (now, now - DAY_SECONDS):
            tariff = tariff_at(self.ledger.rerater.tariffs, issuer, at)
            if tariff is not None:
                offered |= self._costs(tariff, sale, at)
        if sale.cents not in offered:
            near = sorted(offered, key=lambda cents: (abs(cents - sale.cents), cents))[:NEAREST]
            said = ", ".join(map(str, sorted(near))) or "no price at all"
            raise SaleRefused(
                "product {product} for {cents} cents: no zones, group and length cost so "
                "much by {channel}; the tariff says {said}",
                product=sale.product,
                cents=sale.cents,
                channel=sale.channel,
                said=said,
            )

    def _costs(self, tariff: Tariff, sale: Sale, at: int) -> frozenset[int]:
        key = (tariff.authority, tariff.version, sale.product, sale.channel)
        if key not in self._prices:
            offer = Offer(tariff, service_day(tariff, at))
            self._prices[key] = offer.costs(sale.product, sale.channel)
        return self._prices[key]

    def terms(self, sold: Slip) -> Terms:
        issuer = int(self.database.value("SELECT issuer FROM cards WHERE id = ?", (sold.card,)))
        at = self._received(sold)  # what held when it was sold holds for giving it back
        found = terms_of(self.ledger.rerater.tariffs, issuer, sold.product, at)
        return found or Terms(0, 0, False)

    def sold(self, device: int, place: int) -> Slip:
        found = self.find("device = ? AND place = ?", device, place)
        if found is None or found.of or found.kind in (DEPOSIT, PAYOUT):
            raise SaleRefused(
                "device {device}, slip {slip}: no such sale", device=device, slip=place
            )
        return found

    def refuse_ended(self, sold: Slip) -> None:
        before = self.find("device = ? AND of = ?", sold.device, sold.place)
        if before is not None:
            raise SaleRefused(
                "slip {slip}: given back before as {kind} {other}",
                slip=sold.place,
                kind=before.kind,
                other=before.place,
            )

    def _on_card(self, sold: Slip) -> bool:
        rows = self.database.rows(
            "SELECT 1 FROM action_entries WHERE action = ? AND card = ?", (sold.action, sold.card)
        )
        return bool(rows and sold.action)

    def _received(self, sold: Slip) -> int:
        return int(self.database.value("SELECT received FROM slips WHERE key = ?", (sold.key,)))

    def rounding(self, cents: int) -> int:
        """Return what rounding to the smallest coin adds."""
        step = self.cash_step
        return (cents + step // 2) // step * step - cents

    def find(self, where: str, *values: int | str) -> Slip | None:
        rows = self.database.rows(
            f"SELECT {COLUMNS} FROM slips WHERE {where} ORDER BY id LIMIT 1", values
        )
        return Slip(*rows[0]) if rows else None

    def same(self, before: Slip, said: tuple[object, ...], device: int) -> None:
        now = (before.kind, before.of, before.card, before.action, before.product, before.cents,
               before.paid, before.channel, before.clerk, before.shift)  # fmt: skip
        if now[: len(said)] != said or before.device != device:
            raise SaleRefused(
                "key {key}: is slip {slip} of device {device} with other values; the first "
                "stands, nothing was changed",
                key=before.key,
                slip=before.place,
                device=before.device,
            )


def _check_number(what: str, value: int, low: int, top: int) -> None:
    if type(value) is not int or not low <= value <= top:
        raise SaleRefused(
            "{what} {value!r}: wanted a number from {low} to {top}",
            what=what,
            value=value,
            low=low,
            top=top,
        )


def check_key(key: str) -> None:
    """Raise SaleRefused unless this can be the number of a sale or refund."""
    if not 0 < len(key) <= KEY_LENGTH or " " in key:
        raise SaleRefused(f"key {key!r}: wanted 1 to {KEY_LENGTH} signs, no spaces")


def terms_of(
    tariffs: Mapping[tuple[int, int], Tariff], authority: int, product: int, at: int
) -> Terms | None:
    """Return how a product sold at a UTC second may be given back; None if unknown."""
    tariff = tariff_at(tariffs, authority, at)
    if tariff is None:
        return None
    row, sold = bytearray(2), bytearray(SALES_ROW_BYTES)
    at = tariff.books_at + 32 * max(book_of(tariff, authority), 0)
    first = u16(tariff.resident, at + s.BOOK_PRODUCT)
    for index in range(first, first + u16(tariff.resident, at + s.BOOK_PRODUCTS)):
        tariff.read(s.PRODUCTS, index, row)
        if u16(row, s.P_NUMBER) == product:
            tariff.read(s.SALES, index, sold)
            return Terms(u32(sold, 8), u16(sold, 12), not sold[15] & s.SALE_NO_REFUND)
    return None
