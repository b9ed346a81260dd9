"""Whose agencies a feed holds: an operator maintains his own lines and nobody else's.

The tariff says which operator's number an agency has in the accounts; what it does not name is
his whose data in force hold it. Source: W-10, W-20; X-12.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from backend_sync.catalogue import every_tariff
from backend_sync.operating.refusals import OperatingRefused
from backend_sync.tariffs.gtfs_source import shown
from card_layouts.fares.place import book_of
from card_layouts.fares.settlement import Terms


def by_tariff(folder: Path, authority: int) -> dict[str, int]:
    """Return {agency_id: operator} as the newest tariff of an authority in `folder` says."""
    tariffs = every_tariff(folder)
    newest = [tariff for (area, _), tariff in sorted(tariffs.items()) if area == authority]
    if not newest:
        return {}
    return dict(Terms(newest[-1]).operators(max(book_of(newest[-1], authority), 0)))


def refuse_foreign(agencies: Iterable[str], operator: int, owners: Mapping[str, int]) -> None:
    """Raise OperatingRefused when one of these agency_ids is another operator's."""
    for agency in agencies:
        if owners.get(agency, operator) != operator:
            raise OperatingRefused(
                f"agency.txt: agency_id {shown(agency)} is not operator {operator}'s; wanted a feed"
                " of that operator's own lines"
            )
