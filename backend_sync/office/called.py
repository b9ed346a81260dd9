"""What a page calls a number: "name (number)", the number alone when it needs no name.

Names come from `../reports/naming.py`; tariffs are read only by a page that shows a product.
Source: W-5, W-122.
"""

from functools import cached_property
from pathlib import Path

from backend_sync.catalogue import every_tariff
from backend_sync.reports.naming import AUTHORITY, DEVICE, GROUP, KINDS, OPERATOR, PRODUCT, Names
from backend_sync.reports.words import labelled
from backend_sync.storage.database import Database

DAY_S = 86_400
# Columns of a settlement that hold numbers of something with a name.
COLUMNS = {**KINDS, "group": GROUP, "area": AUTHORITY, "from": AUTHORITY, "to": AUTHORITY}


class Called:
    """The names of one reader's authority, in force `now` (s since 2020)."""

    def __init__(
        self, tariffs: Path, authority: int, database: Database, now: int, language: str
    ) -> None:
        self.tariffs = tariffs
        self.authority = authority
        self.database = database
        self.day = now // DAY_S
        self.language = language

    @cached_property
    def register(self) -> Names:
        return Names({}, self.authority, self.database)

    @cached_property
    def tariff(self) -> Names:
        return Names(every_tariff(self.tariffs), self.authority, self.database)

    def operator(self, number: int | None) -> str:
        return self._of(self.register, OPERATOR, number)

    def authority_of(self, number: int | None) -> str:
        return self._of(self.register, AUTHORITY, number)

    def device(self, number: int | None) -> str:
        """Return a device's name; without one its number alone, by which devices are known."""
        return self._of(self.register, DEVICE, number)

    def product(self, number: int | None, at: int | None = None) -> str:
        """Return a product as the tariff of a second (now) calls it."""
        return self._of(self.tariff, PRODUCT, number, at)

    def group(self, number: int | None, at: int | None = None) -> str:
        return self._of(self.tariff, GROUP, number, at)

    def column(self, name: str, number: int | str, day: int) -> str:
        """Return a cell of a settlement's table, named when it stands in a column of numbers."""
        kind = COLUMNS.get(name)
        if kind is None or not isinstance(number, int):
            return str(number)
        names = self.tariff if kind in (PRODUCT, GROUP) else self.register
        return self._label(kind, number, names.name(kind, number, day))

    def party(self, name: str) -> str:
        """Return a party of a settlement, "operator-1-10" or "authority-2", by its name."""
        kind, *numbers = name.split("-")
        own = kind == AUTHORITY or numbers[:1] == [str(self.authority)]
        if kind not in (OPERATOR, AUTHORITY) or not own or not numbers[-1].isdecimal():
            return name
        found = self.register.name(kind, int(numbers[-1]), self.day)
        return f"{found} ({name})" if found else name

    def _of(self, names: Names, kind: str, number: int | None, at: int | None = None) -> str:
        if number is None:
            return ""
        if not self.authority and kind != AUTHORITY:  # support works for every authority
            return str(number)
        day = self.day if at is None else names.days.day(at)
        return self._label(kind, number, names.name(kind, number, day))

    def _label(self, kind: str, number: int, name: str | None) -> str:
        return labelled(None if kind == DEVICE and not name else name, str(number), self.language)
