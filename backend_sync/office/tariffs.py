"""Tariffs of an authority and their way to the devices before the first day (W-115, W-117).

What was published is read from the publisher's memory (versions.json), what devices hold from what
their edges said last. Nothing is changed here: tariffs are written, linted and put into the folder
by `tornello tariff`.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from backend_sync.catalogue import ARCHIVE, TARIFF_FILES, every_tariff
from backend_sync.office.devices import Device, Held, devices, every_held
from backend_sync.package_versions import PackageVersions, VersionsError
from backend_sync.registers.rights import Scope
from backend_sync.storage.database import Database
from card_layouts.errors import LayoutError
from card_layouts.fares.package import read_header
from card_layouts.packages.manifest import TARIFF

ENDED, IN_FORCE, COMING = "ended", "in_force", "coming"
VERSIONS_FILE = "versions.json"
DEVICES_MOST = 500


class Version(NamedTuple):
    """One version; days since 2020. `published`: s since 2020, 0 = not, or long ago."""

    version: int
    valid_from: int
    valid_to: int
    state: str
    sha256: str
    published: int


class Spread(NamedTuple):
    """How far a version has come: devices that an edge holds it for, and those without."""

    version: int
    holding: int
    lacking: list[Device]
    has_more: bool  # there are more devices than were counted


def versions(folder: Path, tariffs: Path, authority: int, day: int) -> list[Version]:
    """Return the versions of an authority, the newest first; `day`: the service day of now."""
    bodies = _hashes(tariffs, authority)
    published = _published(folder, authority)
    found = []
    for (area, number), tariff in sorted(every_tariff(tariffs).items(), reverse=True):
        if area != authority:
            continue
        state = COMING if tariff.valid_from > day else IN_FORCE
        state = ENDED if tariff.valid_to < day else state
        found.append(Version(number, tariff.valid_from, tariff.valid_to, state,
                             bodies.get(number, ""), published.get(number, 0)))  # fmt: skip
    newest = [row.version for row in found if row.state == IN_FORCE][:1]
    return [row._replace(state=ENDED)
            if row.state == IN_FORCE and row.version not in newest else row
            for row in found]  # fmt: skip


def spread(database: Database, folder: Path, scope: Scope, version: int) -> Spread:
    """Return which of one's own devices a version has reached, as far as edges say."""
    holding = {device for device, held in every_held(folder) if _is(held, scope, version)}
    found: list[Device] = []
    after = 0
    while len(found) < DEVICES_MOST:
        part, after = devices(database, scope, after)
        found += part
        if not after:
            break
    lacking = [device for device in found if device.device not in holding]
    return Spread(version, len(found) - len(lacking), lacking, bool(after))


def _is(held: Held, scope: Scope, version: int) -> bool:
    return (held.role, held.authority) == (TARIFF, scope.authority) and held.version >= version


def _hashes(tariffs: Path, authority: int) -> dict[int, str]:
    found = {}
    for path in [*sorted((tariffs / ARCHIVE).glob(TARIFF_FILES)),
                 *sorted(tariffs.glob(TARIFF_FILES))]:  # fmt: skip
        try:
            body = path.read_bytes()
            area, number, _ = read_header(body)
        except (OSError, LayoutError):
            continue  # the publisher names it
        if area == authority:
            found[number] = hashlib.sha256(body).hexdigest()
    return found


def _published(folder: Path, authority: int) -> dict[int, int]:
    """Return {version: when its manifest was made} of what was published last."""
    try:
        manifest = PackageVersions(folder / VERSIONS_FILE).manifests.get(f"tariff-{authority}")
    except VersionsError:
        return {}
    return {int(manifest["version"]): int(manifest["made"])} if manifest else {}
