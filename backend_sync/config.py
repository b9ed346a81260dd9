"""The ledger service's configuration: one TOML file, checked before anything starts.

Every mistake is one sentence naming the key, what was found and what is wanted. Paths are taken
from the file's own folder.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.packages import Terms
from backend_sync.storage.disk import shown
from card_layouts.packages.lease import (
    LEASE,
    RIGHT_BLOCK,
    RIGHT_DEBIT,
    RIGHT_INSPECT,
    RIGHT_LOAD,
    RIGHT_SELL,
    RIGHT_UNBLOCK,
)
from card_layouts.packages.manifest import ROLE_NAMES

DAY_S = 86400
TLS_FILES = ("cafile", "certfile", "keyfile")
LEASE_DEFAULTS = {
    "max_taps": 20_000,
    "max_cents": 5_000_000,
    "tap_cents": 1_000,
    "unknown": 20,
    "rights": RIGHT_DEBIT | RIGHT_LOAD | RIGHT_SELL | RIGHT_INSPECT | RIGHT_BLOCK | RIGHT_UNBLOCK,
}


class ConfigError(Exception):
    """The configuration cannot be used; the message is the sentence to show."""


class Config(NamedTuple):
    """What `serve` runs with."""

    database: str  # SQLAlchemy URL
    keyring: Path  # its socket
    status: Path
    quarantine: Path
    packages: Path
    versions: Path
    clock: Path | None  # a file that says the time instead of the machine: demos only
    authority: int
    host: str
    port: int
    client_id: str
    tls: tuple[Path, Path, Path] | None  # of the broker: cafile, certfile, keyfile
    queue_messages: int
    group_entries: int
    terms: Terms
    capacities: dict[int, int]


def read_config(path: Path) -> Config:
    """Return the checked configuration. Raises: ConfigError."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # TOML's and UTF-8's own, endless numbers
        raise ConfigError(f"{path}: no TOML: {error}") from None
    try:
        return _checked(_Table("", found), path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


class _Table:
    """A table of the file that hands out its keys and in the end names those nobody knows."""

    def __init__(self, place: str, found: Any) -> None:
        if not isinstance(found, dict):
            raise ConfigError(f"{place}: wanted a table")
        self.place = place
        self.left = dict(found)

    def text(self, name: str, default: str | None = None) -> str:
        value = self.left.pop(name, default)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{self.place}{name}: {_said(value)}, wanted text")
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.left.pop(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ConfigError(f"{self.place}{name}: {_said(value)}, wanted {least}..{most}")
        return value

    def table(self, name: str) -> "_Table":
        return _Table(f"{self.place}{name}.", self.left.pop(name, {}))

    def end(self) -> None:
        if self.left:
            raise ConfigError(f"{self.place}{min(self.left)}: no such setting")


def _checked(root: _Table, folder: Path) -> Config:
    broker, intake, lease = root.table("broker"), root.table("intake"), root.table("lease")
    boards = root.table("boards")
    clock = root.text("clock", "system")
    config = Config(
        database=_url(root.text("database", "ledger.db"), folder),
        keyring=folder / root.text("keyring", "keyring/keyring.sock"),
        status=folder / root.text("status", "ledger-status.json"),
        quarantine=folder / root.text("quarantine", "quarantine"),
        packages=folder / root.text("packages", "packages"),
        versions=folder / root.text("versions", "versions.json"),
        clock=None if clock == "system" else folder / clock,
        authority=root.number("authority", 1, 0, 255),
        host=broker.text("host", "127.0.0.1"),
        port=broker.number("port", 1883, 1, 65535),
        client_id=broker.text("client_id", "ledger"),
        tls=_tls(broker, folder),
        queue_messages=intake.number("queue_messages", 200, 1, 10_000),
        group_entries=intake.number("group_entries", 5000, 1, 50_000),
        terms=_terms(lease),
        capacities=_capacities(boards),
    )
    for table in (root, broker, intake, lease):
        table.end()
    return config


def _tls(broker: _Table, folder: Path) -> tuple[Path, Path, Path] | None:
    """Return the three files of TLS, None where none is named."""
    if not any(name in broker.left for name in TLS_FILES):
        return None
    cafile, certfile, keyfile = (folder / broker.text(name) for name in TLS_FILES)
    return cafile, certfile, keyfile


def _terms(lease: _Table) -> Terms:
    life_s = lease.number("hours", 72, 1, 24 * 366) * 3600
    renew_s = lease.number("renew_hours", 24, 1, 24 * 366) * 3600
    if renew_s >= life_s:
        raise ConfigError(f"lease.renew_hours: {renew_s // 3600}, wanted less than lease.hours")
    fields = {
        name: lease.number(name, default, 0, (1 << LEASE.find(name)[1]) - 1)
        for name, default in LEASE_DEFAULTS.items()
    }
    return Terms(life_s, renew_s, fields)


def _capacities(boards: _Table) -> dict[int, int]:
    """Return role -> bytes that the smallest of the boards holds: [boards.NAME] tariff = 131072."""
    smallest: dict[int, int] = {}
    for name in list(boards.left):
        board = boards.table(name)
        for role, role_name in enumerate(ROLE_NAMES):
            if role_name in board.left:
                size = board.number(role_name, 0, 1, 1 << 30)
                smallest[role] = min(size, smallest.get(role, size))
        board.end()
    return smallest


def _url(text: str, folder: Path) -> str:
    return text if "://" in text else f"sqlite:///{folder / text}"


def _said(value: Any) -> str:
    return "missing" if value is None else repr(value)


def as_settings(config: Config) -> Mapping[str, Any]:
    """Return what `serve --check` prints; a password of the database is never shown."""
    return {name: str(value) for name, value in config._asdict().items()} | {
        "database": shown(config.database)
    }
