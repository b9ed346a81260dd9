"""The town every history begins in: keys, devices, issued cards, a tariff and an open ledger.

Made once a process by the programs that make them (keyring, station, ledger) and copied for every
history: what differs between histories is only what happens.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from backend_sync.ledger.imports import Sale
from backend_sync.ledger.ledger import Ledger
from backend_sync.ledger.opening import open_database
from backend_sync.ledger.seals import IDENTITY
from card_layouts.cards.card_layout import aid_bytes
from firmware.configuration import profile_of
from firmware.journal_provision import provision
from firmware.partitions import FLASH_BYTES
from firmware.tools.provision import as_text
from simulator.clock import WorldClock
from simulator.demo.issuing import IssuingOffice
from simulator.demo.passengers import PLAIN, Rider
from simulator.desfire_card import Image
from simulator.flash import BLOCK_BYTES, Flash
from simulator.histories.places import (
    CARDS_MAX,
    DESK,
    EDGES_MAX,
    GATES_MAX,
    edge_name,
    flash_blocks,
    gate_device,
    journal_blocks,
)
from simulator.histories.prices import AREAS, DAY_S, HOME, START_S, tariff_body
from simulator.prng import Prng

AUTHORITY, OPERATOR, EPOCH = HOME, 12, 0
ISSUED_BEFORE_S = 3600
FIRST_LOAD = 2000
LEDGER_NAME = "0" * 32


class Town(NamedTuple):
    """What a history starts from; files lie in `folder`, to be copied."""

    folder: Path
    configs: dict[int, dict[str, Any]]  # by device, keys as hexadecimal text
    flashes: dict[int, bytes]
    images: list[Image]  # one issued and loaded card each
    sales: list[Sale]
    publics: dict[bytes, bytes]
    aid: bytes
    certificate: bytes  # by which the desk sells single tickets


@cache
def town() -> Town:
    """Return this process's town; its folder is removed at the end of the process."""
    folder = Path(tempfile.mkdtemp(prefix="tornello-town-", dir=memory_folder()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "keyring").mkdir()
    write_keys(folder / "keyring" / KEY_FILE, make_keys(list(AREAS), seed="histories"))
    clock = WorldClock(START_S - ISSUED_BEFORE_S)
    keyring = LocalKeyring(folder / "keyring")
    try:
        made = _devices(keyring)
        _provision(Flash(FLASH_BYTES, folder / "desk.flash"), DESK, made[DESK]["K_block"])
        office = IssuingOffice(made[DESK], folder / "desk.flash", clock, Prng(3))
        cards = [
            office.issue(number, Rider(0, (0, 0), FIRST_LOAD, PLAIN), folder / "card.json")
            for number in range(1, CARDS_MAX + 1)
        ]
        office.flash.close()
        sales = [
            Sale(str(sale.sale_id), sale.action_id, sale.cents, str(sale.channel), sale.time)
            for sale in office.sales
        ]
        _open_books(folder, clock, keyring, office.issues, sales)
        publics = dict(keyring.assemble("publics", {}))
        first = {"device": DESK, "epoch": EPOCH, "from_day": clock.utc_seconds() // DAY_S}
        certificate = bytes(keyring.assemble("certificate", first))
    finally:
        keyring.close()
    (folder / "packages").mkdir()
    for area in AREAS:
        tariff_file(folder / "packages", area).write_bytes(tariff_body(area, 1))
    flashes = {DESK: (folder / "desk.flash").read_bytes()[: flash_blocks(DESK) * BLOCK_BYTES]}
    for device, config in made.items():
        if device != DESK:
            flashes[device] = _gate_flash(device, config["K_block"])
    configs = {device: as_text(config) for device, config in made.items()}
    images = [card.card.image.clone() for card in cards]
    aid = aid_bytes(made[DESK]["aid"], made[DESK]["generation"])
    return Town(folder, configs, flashes, images, sales, publics, aid, certificate)


def copy_of_town(folder: Path) -> None:
    """Lay the town's keyring, books and packages into `folder`."""
    for name in ("keyring", "packages"):
        shutil.copytree(town().folder / name, folder / name)
    shutil.copy(town().folder / "ledger.db", folder / "ledger.db")


def memory_folder() -> str | None:
    """Return a folder in memory where there is one: a history writes thousands of files."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def tariff_file(packages: Path, area: int) -> Path:
    """Return where the newest tariff of an area lies in the ledger's folder."""
    return packages / f"authority-{area}.ttar"


def profile(device: int, stop: int, area: int = HOME) -> dict[str, Any]:
    """Return the profile of a device that stands at `stop` in an authority's area."""
    values: dict[str, Any] = profile_of(town().configs[device])
    values.update(line=17, trip=-1, call=-1, stop=stop, shift=5, poll_ms=0)
    values.update(authority=area, issuers=AREAS)
    return values


def _devices(keyring: LocalKeyring) -> dict[int, dict[str, Any]]:
    made = {DESK: keyring.provision(DESK, EPOCH, AUTHORITY, OPERATOR, edge_name(0), "issuer")}
    for number in range(GATES_MAX):
        device, edge = gate_device(number), edge_name(number % EDGES_MAX)
        made[device] = keyring.provision(device, EPOCH, AUTHORITY, OPERATOR, edge, "validator")
    return made


def _open_books(
    folder: Path, clock: WorldClock, keyring: LocalKeyring, issues: list[bytes], sales: list[Sale]
) -> None:
    url = f"sqlite:///{folder / 'ledger.db'}"
    with open_database(url) as database, database.transaction():
        # A ledger draws its name by chance, and every seal hangs on it: same seed, same name.
        database.execute("UPDATE settings SET value = ? WHERE name = ?", (LEDGER_NAME, IDENTITY))
    ledger = Ledger(url, _Clock(clock), keyring, {}, AUTHORITY)
    ledger.import_issues(issues)
    ledger.import_sales(sales)
    ledger.close()


class _Clock:
    """The backend's Clock port over a world's clock."""

    def __init__(self, clock: WorldClock) -> None:
        self.utc_seconds = clock.utc_seconds
        self.monotonic_ms = clock.ticks_ms


def _gate_flash(device: int, k_block: bytes) -> bytes:
    flash = Flash(flash_blocks(device) * BLOCK_BYTES)
    _provision(flash, device, k_block)
    return flash.snapshot()


def _provision(flash: Flash, device: int, k_block: bytes) -> None:
    provision(flash, 0, journal_blocks(device), device, EPOCH, k_block)
    flash.close()
