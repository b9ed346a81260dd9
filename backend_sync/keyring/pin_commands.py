"""`tornello keyring pin give|withdraw|list|config`: drivers' PINs, by a clerk of their depot.

Where the keyring's folder is bound to a register of users he signs in, has the right drivers.pins
and stays within his operator. A PIN comes from a file or is typed unseen; only rows that the device
itself can check are kept, and each change stands among the uses of keys without it.
"""

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from backend_sync.keyring.driver_pins import DriverPins, Fleet, owner
from backend_sync.keyring.key_use import KeyUses
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ports import Clock, KeyringRefused
from backend_sync.registers import asking
from backend_sync.registers.refusals import CommandError, Refused
from backend_sync.registers.rights import Scope
from backend_sync.registers.users import demand
from card_layouts.crypto.pin import PIN_ROW_BYTES

RIGHT = "drivers.pins"
CONFIG_BYTES_MAX = 1 << 20


def add_commands(commands: Any) -> None:
    """Add `pin` with its commands to those of `tornello keyring`."""
    words = "drivers' PINs: give, change, withdraw, and put onto devices"
    group = commands.add_parser("pin", help=words, description=words).add_subparsers(
        required=True, metavar="COMMAND"
    )
    words = "let a driver sign on, at every vehicle of his operator; again = another PIN"
    give = _command(group, "give", _give, words)
    give.add_argument("--pin-file", type=Path, metavar="FILE", help="file: the PIN, 4 to 8 digits")
    withdraw = _command(group, "withdraw", _withdraw, "let a driver sign on no longer")
    for command in (give, withdraw):
        command.add_argument("--driver", type=asking.number, required=True, help="his number")
    listing = _command(group, "list", _list, "who can sign on, and which devices lack him")
    for command in (give, withdraw, listing):
        command.add_argument("--authority", type=asking.number, required=True)
        command.add_argument("--operator", type=asking.number, required=True)
    words = "write the drivers into a device's configuration; it knows them when it next starts"
    config = _command(group, "config", _config, words)
    config.add_argument("device", type=asking.number)
    config.add_argument("--epoch", type=asking.number, default=0)
    config.add_argument("--into", type=Path, required=True, metavar="FILE",
                        help="what `keyring provision` printed for this device")  # fmt: skip


def _command(group: Any, name: str, run: Any, words: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = group.add_parser(name, help=words, description=words)
    command.add_argument("folder", type=Path, help="where keys.json and keyring.db lie")
    command.set_defaults(run=run)
    asking.add_options(command)
    return command


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[LocalKeyring, DriverPins]]:
    with closing(LocalKeyring(options.folder)) as keyring:
        yield keyring, pins_of(keyring, options.clock)


def pins_of(keyring: LocalKeyring, clock: Clock) -> DriverPins:
    """Return the drivers' PINs of a keyring."""
    return DriverPins(
        keyring.register.database,
        clock,
        lambda device, epoch: keyring.signing.label(device, epoch, b"cfg"),
    )


def _use(options: argparse.Namespace, keyring: LocalKeyring, fleet: Fleet, what: str) -> None:
    """Let who may do this; write down what he did, if it is a change. Raises: Refused."""
    with asking.asker(options, options.folder, options.clock) as asker:
        if asker is not None:
            demand(
                asker.user, RIGHT, Scope(fleet.authority, fleet.operator, asker.user.scope.point)
            )
        if what:
            by = asker.name if asker is not None else ""
            uses = KeyUses(keyring.register.database, options.clock)
            uses.begin(what, fleet.authority, by, None, 0)


def _give(options: argparse.Namespace) -> int:
    fleet = Fleet(options.authority, options.operator)
    try:
        pin = asking.read_secret(options.pin_file, f"driver {options.driver}", "--pin-file")
    except (CommandError, UnicodeDecodeError) as error:
        raise Refused(f"the PIN: {error}") from None
    with _opened(options) as (keyring, pins):
        _use(options, keyring, fleet, f"PIN given to driver {options.driver} of {_named(fleet)}")
        devices = pins.give(fleet, options.driver, pin)
    print(json.dumps({"driver": options.driver, "devices": devices}))
    return 0


def _withdraw(options: argparse.Namespace) -> int:
    fleet = Fleet(options.authority, options.operator)
    with _opened(options) as (keyring, pins):
        _use(options, keyring, fleet, f"PIN withdrawn from driver {options.driver} of"
             f" {_named(fleet)}")  # fmt: skip
        devices = pins.withdraw(fleet, options.driver)
    print(json.dumps({"driver": options.driver, "known_until_renewed": devices}))
    return 0


def _list(options: argparse.Namespace) -> int:
    fleet = Fleet(options.authority, options.operator)
    with _opened(options) as (keyring, pins):
        _use(options, keyring, fleet, "")
        for driver in pins.drivers(fleet):
            print(json.dumps(driver._asdict()))
    return 0


def _config(options: argparse.Namespace) -> int:
    with _opened(options) as (keyring, pins):
        device = keyring.assembly.active(options.device, options.epoch)
        _use(options, keyring, owner(device), "")
        rows = pins.rows_of(options.device, options.epoch)
    config = _read(options.into, options.device, options.epoch)
    _write(options.into, {**config, "pins": rows.hex()})
    print(json.dumps({"device": options.device, "drivers": len(rows) // PIN_ROW_BYTES}))
    return 0


def _named(fleet: Fleet) -> str:
    return f"operator {fleet.operator} of authority {fleet.authority}"


def _read(path: Path, device: int, epoch: int) -> dict[str, Any]:
    """Return a device's configuration. Raises: KeyringRefused when it is another's or none."""
    if path.stat().st_size > CONFIG_BYTES_MAX:
        raise KeyringRefused(f"{path}: wanted what `keyring provision` printed, it is too long")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise KeyringRefused(f"{path}: no JSON: {error}") from None
    if not isinstance(found, dict) or (found.get("device"), found.get("epoch")) != (device, epoch):
        raise KeyringRefused(f"{path}: not the configuration of device {device} epoch {epoch}")
    return found


def _write(path: Path, config: dict[str, Any]) -> None:
    """Write a configuration whole or not at all; only its owner may read it."""
    beside = path.with_name(path.name + ".new")
    beside.touch(mode=0o600)
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(config, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
