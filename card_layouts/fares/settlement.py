"""What a tariff says about money that was taken: who bears what, VAT, how revenue is divided.

The ledger closes a day by it, and so does an outsider who checks the close (D25): it stands in the
signed package beside the prices. Validators read past it. Nothing is divided here.
Source: X-1, X-12; requirements R-21, R-27.
"""

from card_layouts.errors import LayoutError
from card_layouts.fares import sections as s
from card_layouts.fares.inputs import PAYER_HOLDER, PAYER_SPONSOR
from card_layouts.fares.package import u16
from card_layouts.fares.section_rows import read_rows

REVENUE_NAMES = ("first_boarding", "per_leg", "per_km")
PASSES_NAMES = ("by_use", "shares")
HOLDER = "invoice-holder"  # a payer: the card's own holder


class Terms:
    """The terms of one mounted Package."""

    def __init__(self, package):
        self.package = package
        self._rows = read_rows(package, s.SETTLEMENT, s.OPERATORS)

    def revenue(self, book):
        """Return (REVENUE_* of journeys, PASSES_* of what was paid before) of a book's index."""
        row = self._rows[s.SETTLEMENT][book]
        return row[0], row[1]

    def shares(self, book):
        """Return [(agency_id, name, parts)] of those who share what was paid before."""
        text = self.package.text
        return [
            (text(u16(row, 2)), text(u16(row, 4)), u16(row, 6))
            for row in self._rows.get(s.SHARES, ())
            if row[0] == book
        ]

    def operators(self, book):
        """Return {agency_id: number in entries and accounts} of a book's operators."""
        return {
            self.package.text(u16(row, 2)): u16(row, 4)
            for row in self._rows.get(s.OPERATORS, ())
            if row[0] == book
        }

    def payer(self, number):
        """Return the name of a payer of DECISION or an entry; "" nobody, "invoice-holder"."""
        if number < PAYER_SPONSOR:
            return HOLDER if number == PAYER_HOLDER else ""
        rows = self._rows.get(s.PAYERS, ())
        if number - PAYER_SPONSOR >= len(rows):
            raise LayoutError("package.payers: no payer %d, %d sponsors" % (number, len(rows)))
        return self.package.text(u16(rows[number - PAYER_SPONSOR], 0))

    def vat(self, book, code, day):
        """Return (name, permille) of a VAT code on a service day; None before its first rate."""
        found = None
        for row in self._rows.get(s.VAT_RATES, ()):
            if row[0] == book and row[1] == code and u16(row, 4) <= day:
                found = self.package.text(u16(row, 2)), u16(row, 6)
        return found
