"""What a tariff says to whoever sells: by channel, by length, and of the card itself.

It stands in the signed package behind what validators know. Nothing is priced here.
Source: requirements W-65 to W-67, W-98, W-107; tariff-model.md section 1 (L).
"""

from card_layouts.fares import sections as s
from card_layouts.fares.package import u16, u32
from card_layouts.fares.section_rows import read_rows

ROUNDING_NAMES = ("half_up", "half_up_to_5", "half_up_to_10", "floor", "up_to_5", "up_to_10")


class SalesTerms:
    """The sales terms of one mounted Package."""

    def __init__(self, package):
        self.package = package
        self._rows = read_rows(package, s.SELLS, s.CARD_TERMS)

    def sells(self, book, channel):
        """Return (products listed for a channel, {product: price table of its own there}).

        The first is None where the tariff lists none: then it sells whatever its kind can.
        """
        listed, tables = None, {}
        for row in self._rows.get(s.SELLS, ()):
            if row[0] != book or self.package.text(u16(row, 4)) != channel:
                continue
            if row[1] & s.SELLS_LISTED:
                listed = (listed or []) + [u16(row, 6)]
            if row[2] != s.NONE:
                tables[u16(row, 6)] = row[2]
        return listed, tables

    def length(self, book, product):
        """Return (units that a product's price is for, name of the rounding), None if fixed."""
        for row in self._rows.get(s.LENGTHS, ()):
            if row[0] == book and u16(row, 2) == product:
                return u16(row, 4), ROUNDING_NAMES[row[1]]
        return None

    def card(self, book):
        """Return (fee, deposit) of a card in cents; (0, 0) where the tariff names none."""
        for row in self._rows.get(s.CARD_TERMS, ()):
            if row[0] == book:
                return u32(row, 4), u32(row, 8)
        return 0, 0
