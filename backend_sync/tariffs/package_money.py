"""What the books say about money that was taken, as sections: payers, VAT, shares.

Source: X-1, X-12; `card_layouts/fares/settlement.py` reads it.
"""

from backend_sync.tariffs import model as m
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.package_records import Texts, u8, u16, u32, within
from card_layouts.fares import sections as s
from card_layouts.fares.sales_terms import ROUNDING_NAMES


class PayerNumbers:
    """Payers as the whole package counts them: those of the first book, then of the others."""

    def __init__(self, books: tuple[m.Book, ...]) -> None:
        self.names = books[0].all_payers()

    def number(self, book: m.Book, payer: int) -> int:
        """Return the package's number for a payer of `book`."""
        if payer < m.PAYER_SPONSOR:
            return payer
        return m.PAYER_SPONSOR + self.names.index(book.payers[payer - m.PAYER_SPONSOR])


def money_sections(
    books: tuple[m.Book, ...], feed: Feed, payers: PayerNumbers, texts: Texts
) -> dict[int, list[bytes]]:
    """Return what is divided, taxed and sold how, by section. Raises: RangeError."""
    agencies = {agency.agency_id: agency.name for agency in feed.agencies}
    rows: dict[int, list[bytes]] = {
        section: []
        for section in (
            *(s.SETTLEMENT, s.SHARES, s.VAT_RATES, s.OPERATORS, s.LENGTHS, s.CARD_TERMS),
        )
    }
    for index, book in enumerate(books):
        terms = book.settlement
        rows[s.SETTLEMENT].append(u8("settlement", terms.revenue, terms.passes, 0, 0))
        for agency, parts in terms.shares.items():
            names = texts.add(agency), texts.add(agencies.get(agency, agency))
            rows[s.SHARES].append(u8("shares", index, 0) + u16("shares", *names, parts))
        for agency, number in terms.operators.items():
            row = u8("operators", index, 0) + u16("operators", texts.add(agency), number)
            rows[s.OPERATORS].append(row)
        for rate in book.vat:
            row = u8("vat", index, within("vat", rate.code, 255, 1))
            row += u16("vat", texts.add(rate.name), max(rate.from_day, 0), rate.permille)
            rows[s.VAT_RATES].append(row)
        rows[s.LENGTHS] += [
            u8("span", index, ROUNDING_NAMES.index(product.rounding))
            + u16("span", product.number, product.per)
            for product in book.products
            if product.per
        ]
        if book.card != m.CardTerms():
            terms_row = u8("card", index, 0, 0, 0) + u32("card", book.card.fee, book.card.deposit)
            rows[s.CARD_TERMS].append(terms_row)
    rows[s.PAYERS] = [u16("payers", texts.add(name)) for name in payers.names]
    return rows
