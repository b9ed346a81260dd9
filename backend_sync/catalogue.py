"""What the authorities want published, read from one folder: tariffs, the hotlist, lease terms.

    *.ttar         tariff bodies; the newest version of each authority is published
    hotlist.json   {"cards": [{"card": "<P_L, 32 hex>", "action": "block", "g": 1}, ...]}
    leases.json    {"<device>": {"revoked": true} or LEASE fields that differ from the default}

A file that does not fit is refused by name and the last good state stays. Source: D8, D18, D26.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from card_layouts.codec.timestamps import SECOND_MAX
from card_layouts.errors import LayoutError
from card_layouts.fares.clock import offset_minutes
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import BROKEN, memory_reader
from card_layouts.packages.hotlist_layout import G_MAX, HOT_NAMES, HOT_NONE
from card_layouts.packages.lease import LEASE

TARIFF_FILES = "*.ttar"
HOTLIST_FILE = "hotlist.json"
LEASES_FILE = "leases.json"
ARCHIVE = "archive"

T = TypeVar("T")

# One listed card: (pseudonym, g, action), as `Keyring.assemble` takes it.
Listed = tuple[bytes, int, int]


class CatalogueError(Exception):
    """A file of the folder does not fit; the message names the file, what was found and wanted."""


class TariffBody(NamedTuple):
    """One tariff with the instants between which it is in force, seconds since 2020."""

    authority: int
    version: int
    semantics: int
    valid_from: int
    expires: int
    body: bytes


class Contents(NamedTuple):
    """Everything there is to publish."""

    tariffs: dict[int, TariffBody]
    listed: list[Listed] | None  # None: the file does not fit, what was read last stays
    leases: dict[int, dict[str, Any]] | None  # likewise
    errors: list[str]


class Catalogue:
    """The folder; `read` it when `changed`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[tuple[str, int, int]] | None = None

    def changed(self) -> bool:
        """Say whether any file came, went or was written since this was asked last."""
        found = []
        for file in _files(self.folder):
            try:
                state = file.stat()
            except FileNotFoundError:  # replaced between the two looks: the next look sees it
                continue
            found.append((file.name, state.st_mtime_ns, state.st_size))
        if found == self.seen:
            return False
        self.seen = found
        return True

    def read(self) -> Contents:
        """Return what the folder holds now, with a sentence for each file that does not fit."""
        tariffs: dict[int, TariffBody] = {}
        errors: list[str] = []
        for path in sorted(self.folder.glob(TARIFF_FILES)):
            tariff = _unless_refused(partial(self._tariff, path), errors)
            if tariff is not None:
                newest = tariffs.get(tariff.authority)
                if newest is None or tariff.version > newest.version:
                    tariffs[tariff.authority] = tariff
        listed = _unless_refused(self._listed, errors)
        return Contents(tariffs, listed, _unless_refused(self._leases, errors), errors)

    def _tariff(self, path: Path) -> TariffBody:
        try:
            body = path.read_bytes()
        except OSError as error:
            raise CatalogueError(f"{path.name}: {error.strerror}") from None
        tariff = read_tariff(path.name, body)
        try:
            starts = _day_starts(tariff, tariff.valid_from)
            ends = _day_starts(tariff, tariff.valid_to + 1)
        except BROKEN as error:
            raise CatalogueError(f"{path.name}: a broken package: {error}") from None
        if ends <= starts:
            raise CatalogueError(
                f"{path.name}: valid to day {tariff.valid_to}, from day {tariff.valid_from} on"
            )
        if ends > SECOND_MAX:
            raise CatalogueError(
                f"{path.name}: valid to day {tariff.valid_to} since 2020; a device's time ends on"
                f" day {SECOND_MAX // 86400} (January 2054): let valid_to be earlier"
            )
        self._archive(body)
        return TariffBody(tariff.authority, tariff.version, tariff.semantics, starts, ends, body)

    def _archive(self, body: bytes) -> None:
        """Keep every tariff ever published under its hash: old entries are priced with it (D26)."""
        path = self.folder / ARCHIVE / f"{hashlib.sha256(body).hexdigest()}.ttar"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            temporary = path.with_suffix(".new")
            temporary.write_bytes(body)
            temporary.replace(path)

    def _listed(self) -> list[Listed]:
        found = _read_json(self.folder / HOTLIST_FILE, {"cards": []})
        rows = found.get("cards")
        if not isinstance(rows, list):
            raise CatalogueError(f"{HOTLIST_FILE}: wanted {{'cards': [...]}}")
        listed = [_listed_card(f"{HOTLIST_FILE}.cards[{i}]", row) for i, row in enumerate(rows)]
        if len({card for card, _, _ in listed}) != len(listed):
            raise CatalogueError(f"{HOTLIST_FILE}: a card is listed twice")
        return sorted(listed)

    def _leases(self) -> dict[int, dict[str, Any]]:
        leases = {}
        for device, terms in _read_json(self.folder / LEASES_FILE, {}).items():
            place = f"{LEASES_FILE}[{device!r}]"
            if not device.isdecimal() or not isinstance(terms, dict):
                raise CatalogueError(f"{place}: wanted a device number and its terms")
            for name in terms:
                if name != "revoked" and name not in LEASE.fields:
                    raise CatalogueError(f"{place}: {name!r} is no field of a lease")
            leases[int(device)] = dict(terms)
        return leases


def _files(folder: Path) -> list["os.DirEntry[str]"]:
    """Return what a folder holds, by name; nothing where there is no folder to read.

    Two looks a second: a Path for each file would cost several times what the system does.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((file for file in found if "." in file.name), key=lambda file: file.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _unless_refused(read: Callable[[], T], errors: list[str]) -> T | None:
    try:
        return read()
    except CatalogueError as error:
        errors.append(f"CatalogueError: {error}")
        return None


def every_tariff(folder: Path) -> dict[tuple[int, int], Tariff]:
    """Return {(authority, version): tariff} of all that are here or were ever published.

    Files that are no tariffs are left out: `Catalogue.read` names them.
    """
    found: dict[tuple[int, int], Tariff] = {}
    for path in [
        *sorted((folder / ARCHIVE).glob(TARIFF_FILES)),
        *sorted(folder.glob(TARIFF_FILES)),
    ]:
        with contextlib.suppress(CatalogueError, OSError):
            tariff = read_tariff(path.name, path.read_bytes())
            found[tariff.authority, tariff.version] = tariff
    return found


def read_tariff(name: str, body: bytes) -> Tariff:
    """Return the tariff that reads `body`. Raises: CatalogueError naming the file."""
    try:
        tariff = Tariff(memory_reader(body))
        tariff.mount()
    except LayoutError as error:
        raise CatalogueError(f"{name}: {error}") from None
    return tariff


def _day_starts(tariff: Tariff, day: int) -> int:
    """Return the UTC second at which a service day starts by the tariff's wall clock and shift."""
    wall = day * 86400 + tariff.shift * 60
    # The offset in force around then: once as if the wall clock were UTC, once corrected.
    guess = max(0, wall - offset_minutes(tariff, wall) * 60)
    return max(0, wall - offset_minutes(tariff, guess) * 60)


def _listed_card(place: str, row: Any) -> Listed:
    try:
        card = bytes.fromhex(row["card"])
        action = HOT_NAMES.index(row["action"])
        g = row.get("g", 0)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise CatalogueError(f"{place}: wanted card, action and g ({error})") from None
    if len(card) != 16 or action == HOT_NONE or not isinstance(g, int) or not 0 <= g <= G_MAX:
        raise CatalogueError(
            f"{place}: wanted a pseudonym of 16 bytes, an action of {HOT_NAMES[1:]}"
            f" and g 0..{G_MAX}"
        )
    return card, g, action


def _read_json(path: Path, absent: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return absent
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogueError(f"{path.name}: {error}") from None
    if not isinstance(found, dict):
        raise CatalogueError(f"{path.name}: wanted an object")
    return found
