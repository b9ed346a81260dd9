"""Inland: the ledger's service with its real database and keyring, and what may kill it.

The service is the one `tornello serve` runs; it is given a keyring in process and the simulated
broker. A kill comes at a statement or around a commit; a restore puts an older copy of the books
back and tells the keyring so (D16).
"""

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event

from backend_sync.actions.desk import ActionRefused, Order, cancel, create
from backend_sync.app import PUBLISH_EVERY_MS, Service
from backend_sync.config import LEASE_DEFAULTS, Config
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.imports import Sale
from backend_sync.ledger.singles import CounterSale
from backend_sync.ledger.tickets import TicketSale
from backend_sync.packages import Terms
from simulator.clock import WorldClock
from simulator.histories.broker import LedgerSide, Post
from simulator.histories.depot import Killed, MachineClock, QuietStatus
from simulator.histories.places import LEDGER
from simulator.histories.prices import AREAS, tariff_body
from simulator.histories.town import AUTHORITY, EPOCH, tariff_file
from simulator.prng import Prng

HOUR_S = 3600
# Between two turns: a group waits for company; then one more look at what is to be published; idle,
# it is woken by mail. Turns in which the service does nothing cost a history half its time.
GROUP_MS = 100
ACTIVE_MS = PUBLISH_EVERY_MS + 100
IDLE_MS = 1_800_000


class Never(threading.Event):
    """A stop signal nobody gives; waiting for it costs no time."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class WatchedDriver:
    """SQLite's connection, which says before each statement that it comes."""

    def __init__(self, real: sqlite3.Connection, coming: Callable[[], None]) -> None:
        self.real, self.coming = real, coming
        self.rollback = real.rollback

    def execute(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        self.coming()
        return self.real.execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Any]) -> sqlite3.Cursor:
        self.coming()
        return self.real.executemany(sql, rows)


class Inland:
    """The ledger's service while it lives, and its files."""

    def __init__(self, folder: Path, clock: WorldClock, post: Post, lease_hours: int) -> None:
        self.folder, self.clock, self.post = folder, clock, post
        self.machine = MachineClock(clock)
        self.books = folder / "ledger.db"
        self.config = Config(
            database=f"sqlite:///{self.books}",
            keyring=folder / "keyring",
            status=folder / "ledger-status.json",
            quarantine=folder / "quarantine",
            packages=folder / "packages",
            versions=folder / "versions.json",
            clock=None,
            authority=AUTHORITY,
            host="",
            port=0,
            tls=None,
            client_id="ledger",
            queue_messages=200,
            group_entries=400,
            terms=Terms(lease_hours * HOUR_S, min(20, lease_hours - 1) * HOUR_S, LEASE_DEFAULTS),
            capacities={},
        )
        self.service: Service | None = None
        self.broker: LedgerSide | None = None
        self.sales: list[Sale] = []
        self.ticket_sales: list[TicketSale] = []
        self.single_sales: list[CounterSale] = []
        self.online_sales: list[tuple[bytes, Order]] = []  # by the card's pseudonym
        self.withdrawn: list[str] = []  # keys of orders
        self.listed: dict[bytes, tuple[str, int]] = {}
        self.lists: dict[int, dict[bytes, int]] = {}  # overlay version -> pseudonym -> g
        self._noted: set[int] = set()  # versions since the start: one nobody was given comes again
        self.tariffs = dict.fromkeys(AREAS, 1)  # the newest version published
        self.backup: Path | None = None
        self.backup_ms = 0
        self.restores = 0
        self.may_restore = False  # a copy was made: from now on no edge may lose its disk
        self.commits = 0
        self.wake_ms = 0
        self.active_until_ms = 0
        self._left = -1
        self._after = False

    # Life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the service on what is on its disk, and give it what people gave it before."""
        keyring = LocalKeyring(self.folder / "keyring", Prng(self.restores).fork("refused").bytes)
        self.broker = LedgerSide(self.post, LEDGER)
        self.service = Service(self.config, self.machine, keyring, self.broker, Never())
        self.service.status = QuietStatus(self.config.status)
        self._left = -1
        self._noted.clear()
        database = self.service.ledger.database
        event.listen(database.engine, "before_cursor_execute", self._statement)
        database.driver = WatchedDriver(database.driver, self._statement)
        self._wrap_commits(database)
        self.service.ledger.import_sales(self.sales)
        self.service.ledger.import_tickets(self.ticket_sales)
        self.service.ledger.import_singles(self.single_sales)
        for pseudonym, order in self.online_sales[:: -1 if self.restores % 2 else 1]:
            self._order(self.service, pseudonym, order)
        for key in self.withdrawn:
            self._withdraw(self.service, key)
        self.busy()

    def die(self) -> None:
        """End as a killed process does."""
        service, broker = self.service, self.broker
        if service is None or broker is None:
            return
        self.service = None
        self._left = -1
        broker.lost()
        service.ledger.database.connection.invalidate()
        service.ledger.close()
        keyring: Any = service.keyring
        keyring.register.close()
        os.close(keyring.lock)

    def stop(self) -> None:
        if self.service is not None:
            self.service.close()
            self.service = None

    def kill_at(self, statement: int, after: bool) -> None:
        """Die before the `statement`-th statement to come, or after the commit it belongs to."""
        self._left, self._after = statement, after

    def keep_copy(self) -> None:
        """Make a backup of the books."""
        copy = self.folder / "backup.db"
        copy.unlink(missing_ok=True)
        self._copy(self.books, copy)
        self.backup = copy
        self.backup_ms = self.clock.now_ms

    def restore(self) -> bool:
        """Put the backup back, as an operator does after a disaster; False without one."""
        if self.backup is None:
            return False
        self.die()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.books}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.backup, self.books)
        self.restores += 1
        keyring = LocalKeyring(self.folder / "keyring", Prng(self.restores).bytes)
        keyring.restored()
        keyring.close()
        self.start()
        return True

    # What people do -------------------------------------------------------------------

    def sell(self, sale: Sale) -> bool:
        """Take a paid sale, given again after every start; False when the ledger died of it."""
        self.sales.append(sale)
        try:
            if self.service is not None:
                self.service.ledger.import_sales([sale])
        except Killed:
            self.die()
            return False
        return True

    def sell_single(self, sale: CounterSale) -> bool:
        """Take a sold code, as `sell` does a load."""
        self.single_sales.append(sale)
        try:
            if self.service is not None:
                self.service.ledger.import_singles([sale])
        except Killed:
            self.die()
            return False
        return True

    def sell_online(self, pseudonym: bytes, order: Order) -> bool:
        """Take a paid order that the next list brings, as `sell` does a load at the counter."""
        self.online_sales.append((pseudonym, order))
        try:
            if self.service is not None:
                self._order(self.service, pseudonym, order)
        except Killed:
            self.die()
            return False
        self.busy()
        return True

    def withdraw_online(self, key: str) -> bool:
        """Withdraw an order, as `sell_online` takes one."""
        self.withdrawn.append(key)
        try:
            if self.service is not None:
                self._withdraw(self.service, key)
        except Killed:
            self.die()
            return False
        self.busy()
        return True

    def _withdraw(self, service: Service, key: str) -> None:
        with service.ledger.books() as books:
            number = books.database.value("SELECT id FROM actions WHERE key = ?", (key,))
            try:
                cancel(books, number, "buyer")
            except ActionRefused:
                return  # it is done or over: then that stands

    def _order(self, service: Service, pseudonym: bytes, order: Order) -> None:
        with service.ledger.books() as books:
            card = books.database.value("SELECT id FROM cards WHERE pseudonym = ?", (pseudonym,))
            create(books, order._replace(card=card))

    def refuse(self, devices: Iterable[int]) -> None:
        """Sign nothing more for devices that are gone, as an operator does."""
        assert self.service is not None, "the ledger is up"
        for device in sorted(devices):
            self.service.keyring.refuse(device, EPOCH)  # type: ignore[attr-defined]

    def list_card(self, pseudonym: bytes, action: str, g: int) -> None:
        """Put a card on the hotlist."""
        self.listed[pseudonym] = (action, g)
        cards = [{"card": p.hex(), "action": a, "g": n} for p, (a, n) in self.listed.items()]
        self._lay("hotlist.json", json.dumps({"cards": cards}).encode())

    def change_tariff(self, area: int) -> int:
        """Publish the next version of an area's tariff; return its number."""
        self.tariffs[area] += 1
        name = tariff_file(self.folder / "packages", area).name
        self._lay(name, tariff_body(area, self.tariffs[area]))
        return self.tariffs[area]

    def _lay(self, name: str, content: bytes) -> None:
        """Put a file into the folder of what is to be published, whole or not at all."""
        beside = self.folder / "packages" / "beside.new"
        beside.write_bytes(content)
        beside.replace(self.folder / "packages" / name)
        self.busy()

    # Ticks ----------------------------------------------------------------------------

    def busy(self) -> None:
        """Look again soon."""
        self.active_until_ms = self.clock.now_ms + ACTIVE_MS
        self.wake_ms = self.clock.now_ms

    def tick(self) -> bool:
        """Give the service its turn; False when it died of it."""
        service = self.service
        if service is None:
            self.wake_ms = self.clock.now_ms + IDLE_MS
            return True
        before = (service.intake.counts.batches, service.publisher.published)
        try:
            service.tick()
        except Killed:
            self.die()
            return False
        finally:
            self._note_list(service)
        if before != (service.intake.counts.batches, service.publisher.published):
            self.active_until_ms = self.clock.now_ms + ACTIVE_MS
        self.wake_ms = self.clock.now_ms + self._rest_ms(bool(service.intake.group))
        return True

    def _rest_ms(self, has_group: bool) -> int:
        if has_group:
            return GROUP_MS
        return PUBLISH_EVERY_MS if self.clock.now_ms < self.active_until_ms else IDLE_MS

    def _note_list(self, service: Service) -> None:
        """Note what people had listed when the version came about that boards are given now."""
        overlay = service.publisher.packages.overlay
        if overlay is not None and overlay.manifest["version"] not in self._noted:
            version = overlay.manifest["version"]
            self._noted.add(version)
            self.lists[version] = {card: g for card, (_, g) in self.listed.items()}

    def next_ms(self) -> int:
        """Return when the service wants its turn."""
        mail = self.post.next_ms(LEDGER)
        if mail is not None and self.service is not None:
            return min(self.wake_ms, max(mail, self.clock.now_ms))
        return self.wake_ms

    # What happened, without asking the service ----------------------------------------

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Return the rows of a query over the books as they are on the disk now."""
        connection = sqlite3.connect(self.books)
        try:
            return list(connection.execute(sql, values).fetchall())
        finally:
            connection.close()

    def _statement(self, *_: Any) -> None:
        if self._left >= 0 and not self._after:
            self._left -= 1
            if self._left < 0:
                raise Killed

    def _wrap_commits(self, database: Any) -> None:
        real = database.transaction

        @contextmanager
        def transaction() -> Iterator[None]:
            with real():
                yield
            self.commits += 1
            if self._left >= 0 and self._after:
                self._left = -1
                raise Killed

        database.transaction = transaction

    def _copy(self, source: Path, target: Path) -> None:
        reader, writer = sqlite3.connect(source), sqlite3.connect(target)
        try:
            reader.backup(writer)
        finally:
            reader.close()
            writer.close()
