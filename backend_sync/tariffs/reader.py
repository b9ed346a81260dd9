"""What the readers of a tariff's parts share: a source, and a place to report what is wrong."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backend_sync.tariffs.forms import cents
from backend_sync.tariffs.source import Finding, Source, unknown_name


class Reader:
    """Reads one part of `source`; every fault goes to `report`, reading goes on."""

    def __init__(self, source: Source, report: Callable[[Finding], None]) -> None:
        self.source, self.values, self.report = source, source.values, report
        self.decimals: int = source.get("decimals", default=2)

    def cents(self, value: Any) -> int:
        return cents(value, self.decimals)

    def fault(self, path: tuple[str | int, ...], found: str, want: str, remedy: str = "") -> None:
        place = self.source.place(*path)
        self.report(Finding(place, "book", "error", found, want, remedy))

    def unknown(
        self, path: tuple[str | int, ...], what: str, name: str, known: Iterable[str]
    ) -> None:
        self.report(unknown_name(self.source.place(*path), what, name, known))

    def index(
        self, path: tuple[str | int, ...], what: str, name: str, known: Mapping[str, int]
    ) -> int:
        """Return the number of a name; an unknown one is a finding and counts as 0."""
        if name in known:
            return known[name]
        self.unknown(path, what, name, known)
        return 0
