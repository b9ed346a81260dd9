"""Packages, dock keys and last statements of devices, as the ledger and the docks gave them.

A body is stored once under its SHA-256, however many devices get it. Whether a package may be
installed is the device's business: the edge only carries. Source: decisions.md D12, D18.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from card_layouts.errors import LayoutError
from card_layouts.packages.manifest import (
    MANIFEST,
    MANIFEST_BYTES,
    ROLE_NAMES,
    SIGNATURE_BYTES,
    check_manifest_layout,
)

if TYPE_CHECKING:
    from sqlite3 import Connection

    from edge_agent.store import Store

ENVELOPE_SIZES = [MANIFEST_BYTES + count * SIGNATURE_BYTES + 16 for count in (1, 2, 3)]


class Package(NamedTuple):
    """One package for one device; its body is read apart, by `sha256`."""

    role: int
    authority: int
    version: int
    envelope: bytes
    sha256: bytes

    @property
    def name(self) -> str:
        """Return what people call it, for instance "tariff 3 of authority 1"."""
        return f"{ROLE_NAMES[self.role]} {self.version} of authority {self.authority}"


class Parcels:
    """The tables `packages`, `bodies`, `dock_keys` and `devices`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changes = 0  # rises with every package stored or dropped

    def add_package(self, device: int, envelope: bytes, body: bytes, now: int) -> bool:
        """Store a package unless a newer one of its kind is held; say whether it is new.

        Raises: LayoutError if the envelope cannot be read or does not belong to the body.
        """
        package = read_envelope(envelope)
        if MANIFEST.get(envelope, "size") != len(body):
            raise LayoutError(
                f"package: body of {len(body)} bytes, {MANIFEST.get(envelope, 'size')} wanted"
            )
        if hashlib.sha256(body).digest() != package.sha256:
            raise LayoutError("package: SHA-256 of the body is not the manifest's")
        if self._holds(device, package):
            return False  # the ledger repeats everything each hour: nothing is written for that
        with self._store.immediate() as connection:
            connection.execute(
                "INSERT INTO bodies VALUES (?, ?) ON CONFLICT DO NOTHING", (package.sha256, body)
            )
            stored = connection.execute(
                "INSERT INTO packages VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " version = excluded.version, envelope = excluded.envelope,"
                " sha256 = excluded.sha256, stored_at = excluded.stored_at"
                " WHERE excluded.version >= version AND excluded.envelope <> envelope",
                (device, package.role, package.authority, package.version, envelope,
                 package.sha256, now),
            ).rowcount  # fmt: skip
            _sweep(connection)
        self.changes += stored
        return stored > 0

    def drop(self, device: int, envelope: bytes) -> None:
        """Forget what a device says nobody sealed for it: the ledger sends what it meant.

        A line may have changed the version of a package: kept, it would stand before every later
        one for ever.
        """
        with self._store.immediate() as connection:
            connection.execute(
                "DELETE FROM packages WHERE device = ? AND envelope = ?", (device, envelope)
            )
            _sweep(connection)
        self.changes += 1

    def _holds(self, device: int, package: Package) -> bool:
        row = self._store.connection.execute(
            "SELECT envelope FROM packages WHERE device = ? AND role = ? AND authority = ?",
            (device, package.role, package.authority),
        ).fetchone()
        return row is not None and row[0] == package.envelope

    def packages(self, device: int) -> list[Package]:
        """Return the newest package of each role and authority for a device."""
        rows = self._store.connection.execute(
            "SELECT role, authority, version, envelope, sha256 FROM packages WHERE device = ?"
            " ORDER BY role, authority",
            (device,),
        )
        return [Package(*row) for row in rows]

    def held(self) -> list[tuple[int, int, int, int]]:
        """Return (device, role, authority, version) of every package held."""
        return self._store.connection.execute(
            "SELECT device, role, authority, version FROM packages ORDER BY 1, 2, 3"
        ).fetchall()

    def body(self, sha256: bytes) -> bytes:
        """Return a body by its hash, b"" if it was replaced meanwhile."""
        row = self._store.connection.execute(
            "SELECT body FROM bodies WHERE sha256 = ?", (sha256,)
        ).fetchone()
        return row[0] if row else b""

    def add_dock_keys(self, month: int, keys: list[tuple[int, bytes]]) -> None:
        """Store the dock keys of a month and forget those over two months old."""
        with self._store.immediate() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO dock_keys VALUES (?, ?, ?)",
                [(device, month, key) for device, key in keys],
            )
            connection.execute("DELETE FROM dock_keys WHERE month < ?", (month - 2,))

    def dock_months(self) -> list[int]:
        """Return the months of which any dock key is held."""
        rows = self._store.connection.execute("SELECT DISTINCT month FROM dock_keys ORDER BY 1")
        return [month for (month,) in rows]

    def dock_key(self, device: int, month: int) -> bytes | None:
        """Return K_dock (16 bytes) of a device in a month, None if the ledger gave none."""
        row = self._store.connection.execute(
            "SELECT key FROM dock_keys WHERE device = ? AND month = ?", (device, month)
        ).fetchone()
        return row[0] if row else None

    def remember_device(
        self, device: int, epoch: int, statement: bytes, dock: str, now: int
    ) -> None:
        """Keep the last STATEMENT (96 bytes) of a device, and where it was said."""
        with self._store.immediate() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?)",
                (device, epoch, statement, dock, now),
            )

    def devices(self) -> list[tuple[int, int, bytes, str, int]]:
        """Return (device, epoch, statement, dock, seen_at) of every device ever docked here."""
        return self._store.connection.execute("SELECT * FROM devices ORDER BY device").fetchall()


def _sweep(connection: Connection) -> None:
    """Delete the bodies that no package has any more."""
    connection.execute("DELETE FROM bodies WHERE sha256 NOT IN (SELECT sha256 FROM packages)")


def read_envelope(envelope: bytes) -> Package:
    """Return what an envelope says of itself; seals are the device's to check.

    Raises: LayoutError for a size, layout or role that is not known.
    """
    if len(envelope) not in ENVELOPE_SIZES:
        raise LayoutError(f"envelope: {len(envelope)} bytes, one of {ENVELOPE_SIZES} wanted")
    check_manifest_layout(envelope[:MANIFEST_BYTES])
    said = MANIFEST.unpack(envelope)
    return Package(said["role"], said["authority"], said["version"], envelope, said["sha256"])
