"""Drivers' PINs: for each device a row that only it can check; no PIN is kept anywhere.

A row is HMAC under the device's own K_cfg, so it is made here and needs the PIN once. Who is given
one signs on at every device that sells of his operator; a device that is provisioned later gets his
row when his PIN is set again, and says until then that it lacks him.
Source: W-14; T18; card_layouts/crypto/pin.py; SPEC.md SHIFT.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from backend_sync.keyring.register import Device
from backend_sync.ports import Clock, KeyringRefused
from card_layouts.crypto.pin import pin_row
from card_layouts.errors import RangeError

KIND = "vehicle"  # what drivers sign on at
SCHEMA = """
CREATE TABLE IF NOT EXISTS driver_pin (
    authority INTEGER NOT NULL,
    operator INTEGER NOT NULL,
    driver INTEGER NOT NULL,
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    pin_row BLOB NOT NULL,
    given INTEGER NOT NULL,
    PRIMARY KEY (driver, device, epoch)
) WITHOUT ROWID;
"""


class Fleet(NamedTuple):
    """Whose drivers and vehicles."""

    authority: int
    operator: int


class Driver(NamedTuple):
    """One driver: (device, epoch) where he can sign on, and those that lack him."""

    driver: int
    known: list[tuple[int, int]]
    lacking: list[tuple[int, int]]


class DriverPins:
    """The rows in the keyring's database; `key_of` gives K_cfg of (device, epoch)."""

    def __init__(
        self, database: sqlite3.Connection, clock: Clock, key_of: Callable[[int, int], bytes]
    ) -> None:
        self.database = database
        self.clock = clock
        self.key_of = key_of
        self.database.executescript(SCHEMA)

    def give(self, fleet: Fleet, driver: int, pin: str) -> list[tuple[int, int]]:
        """Let a driver sign on with this PIN and no other; return the devices that get it.

        Raises: KeyringRefused for a number or PIN that does not fit, a number that another
        operator's driver has, or a fleet without devices.
        """
        devices = self.devices(fleet)
        if not devices:
            raise KeyringRefused(
                f"operator {fleet.operator} of authority {fleet.authority} has no {KIND} yet:"
                f" `keyring provision --kind {KIND}` enters one"
            )
        try:
            rows = [(*fleet, driver, *name, pin_row(self.key_of(*name), driver, pin),
                     self.clock.utc_seconds()) for name in devices]  # fmt: skip
        except RangeError as error:
            raise KeyringRefused(str(error)) from None
        self._replace(fleet, driver, rows)
        return devices

    def withdraw(self, fleet: Fleet, driver: int) -> list[tuple[int, int]]:
        """Let a driver sign on no longer; return the devices that still know him until renewed.

        Raises: KeyringRefused when he has no PIN.
        """
        known = self._known(fleet, driver)
        if not known:
            raise KeyringRefused(f"driver {driver} of operator {fleet.operator} has no PIN")
        self._replace(fleet, driver, [])
        return known

    def rows_of(self, device: int, epoch: int) -> bytes:
        """Return what a device's configuration holds of drivers: 11 bytes each, in order."""
        rows = self.database.execute(
            "SELECT pin_row FROM driver_pin WHERE device = ? AND epoch = ? ORDER BY driver",
            (device, epoch),
        )
        return b"".join(row[0] for row in rows)

    def drivers(self, fleet: Fleet) -> list[Driver]:
        """Return the drivers of a fleet who have a PIN."""
        devices = self.devices(fleet)
        found = []
        for (driver,) in self.database.execute(
            "SELECT DISTINCT driver FROM driver_pin WHERE authority = ? AND operator = ?"
            " ORDER BY driver", fleet,
        ).fetchall():  # fmt: skip
            known = self._known(fleet, driver)
            found.append(Driver(driver, known, [name for name in devices if name not in known]))
        return found

    def devices(self, fleet: Fleet) -> list[tuple[int, int]]:
        """Return (device, epoch) of what this fleet's drivers sign on at."""
        rows = self.database.execute(
            "SELECT device, epoch FROM device WHERE authority = ? AND operator = ? AND kind = ?"
            " AND state = 'active' ORDER BY device, epoch",
            (*fleet, KIND),
        )
        return [(row[0], row[1]) for row in rows]

    def _known(self, fleet: Fleet, driver: int) -> list[tuple[int, int]]:
        rows = self.database.execute(
            "SELECT device, epoch FROM driver_pin WHERE authority = ? AND operator = ?"
            " AND driver = ? ORDER BY device, epoch",
            (*fleet, driver),
        )
        return [(row[0], row[1]) for row in rows]

    def _replace(self, fleet: Fleet, driver: int, rows: Sequence[tuple[int | bytes, ...]]) -> None:
        with self.database:
            self.database.execute("BEGIN IMMEDIATE")
            others = self.database.execute(
                "SELECT DISTINCT operator FROM driver_pin WHERE authority = ? AND driver = ?"
                " AND operator <> ?",
                (fleet.authority, driver, fleet.operator),
            ).fetchall()
            if others:
                raise KeyringRefused(f"driver {driver} is one of operator {others[0][0]}'s")
            self.database.execute(
                "DELETE FROM driver_pin WHERE authority = ? AND operator = ? AND driver = ?",
                (*fleet, driver),
            )
            self.database.executemany("INSERT INTO driver_pin VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def owner(device: Device) -> Fleet:
    """Return whose device it is."""
    return Fleet(device.authority, device.operator)
