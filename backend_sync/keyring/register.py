"""The keyring's own database: issued cards, provisioned devices, batches, the incarnation.

Here and nowhere else inland a UID stands beside a pseudonym. One process and one connection per
file (decision D20). It must not know keys. Source: decisions D1, D11, D16, D20; card-bits.md ISSUE.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from backend_sync.ports import KeyringRefused

SCHEMA = """
CREATE TABLE IF NOT EXISTS card (
    pseudonym BLOB PRIMARY KEY,
    uid BLOB NOT NULL UNIQUE,
    authority INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    issue BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS card_number ON card (authority, serial);
CREATE TABLE IF NOT EXISTS device (
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    authority INTEGER NOT NULL,
    operator INTEGER NOT NULL,
    edge TEXT NOT NULL,
    kind TEXT NOT NULL,
    generation INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'refused')),
    PRIMARY KEY (device, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint (
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (device, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger_head (
    ledger TEXT PRIMARY KEY,
    seal INTEGER NOT NULL,
    head TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS given_batch (
    number INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS action_lease (
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    PRIMARY KEY (device, epoch, chain)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO state VALUES ('incarnation', 1);
"""

DEVICE_COLUMNS = "device, epoch, authority, operator, edge, kind, generation, first_seq, state"


class Card(NamedTuple):
    """One issued card; `issue` is its ISSUE row of 64 bytes."""

    pseudonym: bytes
    uid: bytes
    authority: int
    serial: int
    generation: int
    issue: bytes


class Device(NamedTuple):
    """One identity: a device in one key epoch."""

    device: int
    epoch: int
    authority: int
    operator: int
    edge: str
    kind: str  # validator, vehicle, counter, issuer, inspector
    generation: int
    first_seq: int
    state: str = "active"


class ActionLease(NamedTuple):
    """The last of the leases that a device was sealed with K_act of some chains."""

    device: int
    epoch: int
    lease: int  # the highest number
    not_after: int  # the latest end, s since 2020


class Register:
    """Tables behind methods; every change is durable when the method returns."""

    def __init__(self, path: Path | str) -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        self.database.executescript(SCHEMA)

    def close(self) -> None:
        self.database.close()

    def add_cards(self, cards: Sequence[Card]) -> None:
        """Enter issued cards; the same row again changes nothing.

        Raises: KeyringRefused when a card is there with another serial, or another card with its
        serial, and enters none of them.
        """
        with self.all_or_nothing():
            self.database.executemany(
                "INSERT INTO card VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (pseudonym) DO UPDATE SET generation = excluded.generation,"
                " issue = excluded.issue"
                " WHERE authority = excluded.authority AND serial = excluded.serial",
                cards,
            )
            self._check_entered(cards)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Do what is inside in one transaction; after any error nothing of it remains."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:  # a full disk may have ended it already
                self.database.execute("ROLLBACK")
            raise

    def _check_entered(self, cards: Sequence[Card]) -> None:
        for card in cards:
            found = self.database.execute(
                "SELECT authority, serial FROM card WHERE pseudonym = ?", (card.pseudonym,)
            ).fetchone()
            if found != (card.authority, card.serial):
                # Neither UID nor serial: this sentence is read outside the keyring.
                raise KeyringRefused(
                    f"issue row of card {card.pseudonym.hex()}: its serial is not the register's"
                )
            same = "SELECT COUNT(*) FROM card WHERE authority = ? AND serial = ?"
            if self.database.execute(same, (card.authority, card.serial)).fetchone() != (1,):
                raise KeyringRefused(
                    f"issue row of card {card.pseudonym.hex()}: another card has its serial; two "
                    "deliveries with the same numbers?"
                )

    def uids(self) -> Iterable[tuple[bytes, bytes]]:
        """Return (uid, pseudonym) of every issued card."""
        return self.database.execute("SELECT uid, pseudonym FROM card")

    def card(self, pseudonym: bytes) -> Card | None:
        found = self.database.execute(
            "SELECT pseudonym, uid, authority, serial, generation, issue FROM card"
            " WHERE pseudonym = ?",
            (pseudonym,),
        ).fetchone()
        return None if found is None else Card(*found)

    def card_count(self) -> int:
        return int(self.database.execute("SELECT count(*) FROM card").fetchone()[0])

    def add_device(self, device: Device) -> None:
        """Enter a provisioned identity; the same again changes its place, never its keys.

        Raises: KeyringRefused when the epoch was provisioned with another first_seq.
        """
        found = self.device(device.device, device.epoch)
        if found is not None and found.first_seq != device.first_seq:
            raise KeyringRefused(
                f"device {device.device} epoch {device.epoch}: first_seq {device.first_seq},"
                f" but it was provisioned with {found.first_seq}; take a new epoch"
            )
        self.database.execute(
            f"INSERT OR REPLACE INTO device ({DEVICE_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", device
        )

    def device(self, device: int, epoch: int) -> Device | None:
        found = self.database.execute(
            f"SELECT {DEVICE_COLUMNS} FROM device WHERE device = ? AND epoch = ?", (device, epoch)
        ).fetchone()
        return None if found is None else Device(*found)

    def newest(self, device: int) -> Device | None:
        """Return the identity with the highest epoch: the one packages are made for."""
        found = self.database.execute(
            f"SELECT {DEVICE_COLUMNS} FROM device WHERE device = ? ORDER BY epoch DESC", (device,)
        ).fetchone()
        return None if found is None else Device(*found)

    def devices(self) -> list[Device]:
        rows = self.database.execute(
            f"SELECT {DEVICE_COLUMNS} FROM device ORDER BY device, epoch"
        ).fetchall()
        return [Device(*row) for row in rows]

    def refuse_device(self, device: int, epoch: int) -> None:
        """Sign nothing more for this identity; its entries still open (trust.md 6.6)."""
        self.database.execute(
            "UPDATE device SET state = 'refused' WHERE device = ? AND epoch = ?", (device, epoch)
        )

    def state(self, name: str) -> int:
        """Return a number kept under `name`, 0 when none is."""
        found = self.database.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return 0 if found is None else int(found[0])

    def keep_state(self, values: Mapping[str, int]) -> None:
        """Keep numbers by name, all of them or none."""
        with self.all_or_nothing():
            self._keep_state(values)

    def _keep_state(self, values: Mapping[str, int]) -> None:
        self.database.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", values.items())

    def incarnation(self) -> int:
        return int(
            self.database.execute("SELECT value FROM state WHERE name='incarnation'").fetchone()[0]
        )

    def raise_incarnation(self, chain: Mapping[str, int]) -> int:
        """Say that the ledger was restored from a copy: devices send again what it lost (D16).

        `chain` are the state's numbers of another chain of K_act: all of it, or nothing.
        """
        with self.all_or_nothing():
            self.database.execute("UPDATE state SET value = value + 1 WHERE name = 'incarnation'")
            self.database.execute("DELETE FROM ledger_head")
            self._keep_state(chain)
        return self.incarnation()

    def see_lease(self, chain: int, lease: ActionLease) -> None:
        """Remember a lease with K_act of a chain before it leaves."""
        sql = "SELECT lease, not_after FROM action_lease WHERE (device, epoch, chain) = (?, ?, ?)"
        name = (lease.device, lease.epoch, chain)
        found = self.database.execute(sql, name).fetchone()
        if found is None or lease.lease > found[0] or lease.not_after > found[1]:
            self.database.execute(
                "INSERT INTO action_lease VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (device, epoch, chain) DO UPDATE SET"
                " lease = max(lease, excluded.lease),"
                " not_after = max(not_after, excluded.not_after)",
                (*name, lease.lease, lease.not_after),
            )

    def earlier_leases(self, chain: int) -> list[ActionLease]:
        """Return what devices may hold of other chains than this one."""
        rows = self.database.execute(
            "SELECT device, epoch, max(lease), max(not_after) FROM action_lease WHERE chain != ?"
            " GROUP BY device, epoch ORDER BY device, epoch",
            (chain,),
        ).fetchall()
        return [ActionLease(*row) for row in rows]

    def see_ledger(self, ledger: str, seal: int, head: str) -> None:
        """Remember how far the books of a ledger have come: its newest seal and that one's head.

        Raises: KeyringRefused when more was seen before: an older copy was put in its place; or
        when another ledger was: its books were emptied or exchanged.
        """
        found = self.database.execute(
            "SELECT seal, head FROM ledger_head WHERE ledger = ?", (ledger,)
        ).fetchone()
        if found == (seal, head):
            return
        if found is None:
            self._refuse_exchanged(ledger, seal)
        if found is not None and seal <= found[0]:
            raise KeyringRefused(
                f"the ledger's newest seal is {seal} {head[:8]}, but {found[0]} {found[1][:8]} was"
                " seen before: an older copy was put in its place, or its books were changed; look"
                " with `tornello ledger verify-chain`, and `tornello keyring restored` says to all"
                " devices that it was restored"
            )
        self.database.execute(
            "INSERT OR REPLACE INTO ledger_head VALUES (?, ?, ?)", (ledger, seal, head)
        )

    def _refuse_exchanged(self, ledger: str, seal: int) -> None:
        """Refuse other books than those that were served. Raises: KeyringRefused."""
        served = self.database.execute("SELECT ledger, seal FROM ledger_head").fetchone()
        if served is not None:
            raise KeyringRefused(
                f"these books are ledger {ledger[:8]} with {seal} seals, but this keyring has"
                f" served ledger {served[0][:8]} up to seal {served[1]}: the books were emptied or"
                " exchanged; put the last backup back with `tornello ledger restore`, or, if you"
                " mean to go on with these, stop the keyring and `tornello keyring restored`"
            )

    def checkpoints(self) -> Iterable[tuple[int, int, int, bytes]]:
        return self.database.execute("SELECT device, epoch, ordinal, wrapped FROM checkpoint")

    def save_checkpoints(self, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
        """Remember where forward keys stand; losing these costs time, never an entry."""
        with self.all_or_nothing():
            self.database.executemany(
                "INSERT INTO checkpoint VALUES (?, ?, ?, ?) ON CONFLICT (device, epoch) DO UPDATE"
                " SET ordinal = excluded.ordinal, wrapped = excluded.wrapped"
                " WHERE excluded.ordinal > ordinal",
                rows,
            )
