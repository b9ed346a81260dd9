"""The agent's configuration: one TOML file, every value checked, every mistake one sentence.

Paths in it are relative to the file. Source: decisions.md D17; README.md of this folder.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from card_layouts.link.messages import is_edge_id

DAY_S = 86_400
TLS_FILES = ("cafile", "certfile", "keyfile")


class ConfigError(Exception):
    """The configuration cannot be used. The message says file, key, found and wanted."""


@dataclass(frozen=True)
class BrokerConfig:
    """Where the broker is and how to log in: over TLS with `tls` (cafile, certfile, keyfile)."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password: str = ""
    tls: tuple[Path, Path, Path] | None = None


@dataclass(frozen=True)
class DockConfig:
    """One serial dock."""

    name: str
    port: str
    baud: int = 921_600


@dataclass(frozen=True)
class EdgeConfig:
    """Everything the agent is told."""

    edge: str
    authority: int
    data: Path
    broker: BrokerConfig
    docks: tuple[DockConfig, ...]
    publics: Mapping[bytes, bytes]  # key id (4 B) -> Ed25519 public key of the ledger (32 B)
    retention_seconds: int = 30 * DAY_S
    resend_ms: int = 5000
    dock_pace_ms: int = 1000
    clock: Path | None = None  # a file that says the time instead of the machine: demos only

    @property
    def database(self) -> Path:
        return self.data / "edge.db"

    @property
    def status(self) -> Path:
        return self.data / "status.json"

    @property
    def requests(self) -> Path:
        return self.data / "requests"

    def topic(self, name: str) -> str:
        """Return the edge's topic `up`, `down`, `ack` or `state`."""
        return f"tornello/v1/{self.authority}/{self.edge}/{name}"


def read_config(path: Path) -> EdgeConfig:
    """Read and check a configuration file. Raises: ConfigError."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name one with --config") from error
    except (ValueError, RecursionError) as error:  # TOML's and UTF-8's own, endless numbers
        raise ConfigError(f"{path}: not TOML: {error}") from error
    top = _Section(path.name, found)
    edge = top.text("edge")
    if not is_edge_id(edge):
        raise ConfigError(f"{path.name}: edge: {edge!r} is not 1..24 of a-z, 0-9 and '-'")
    clock = top.text("clock", "system")
    config = EdgeConfig(
        edge=edge,
        authority=top.number("authority", 0, 255),
        data=path.parent / top.text("data", "edge-data"),
        broker=_broker(top.section("broker"), path.parent),
        docks=_docks(top),
        publics=_publics(top.section("ledger")),
        retention_seconds=int(top.number("retention_days", 1, 3650, 30) * DAY_S),
        resend_ms=top.number("resend_ms", 50, 600_000, 5000),
        dock_pace_ms=top.number("dock_pace_ms", 20, 60_000, 1000),
        clock=None if clock == "system" else path.parent / clock,
    )
    top.refuse_rest()
    return config


class _Section:
    """A table of the file that knows its name and which keys were asked for."""

    def __init__(self, place: str, found: Mapping[str, Any]) -> None:
        self.place = place
        self._rest = dict(found)

    def text(self, key: str, default: str | None = None) -> str:
        value = self._take(key, default)
        if not isinstance(value, str):
            raise ConfigError(f"{self.place}: {key}: {value!r} is not a text in quotes")
        return value

    def number(self, key: str, lowest: int, highest: int, default: int | None = None) -> int:
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ConfigError(f"{self.place}: {key}: {value!r} is not {lowest}..{highest}")
        return value

    def section(self, key: str) -> "_Section":
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise ConfigError(f"{self.place}: {key}: wanted a table [{key}]")
        return _Section(f"{self.place}: {key}", value)

    def sections(self, key: str) -> list["_Section"]:
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise ConfigError(f"{self.place}: {key}: wanted tables [[{key}]]")
        return [_Section(f"{self.place}: {key}[{i}]", row) for i, row in enumerate(value)]

    def texts(self, key: str) -> list[str]:
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(row, str) for row in value):
            raise ConfigError(f"{self.place}: {key}: wanted a list of texts")
        return value

    def refuse_rest(self) -> None:
        for key in self._rest:
            raise ConfigError(f"{self.place}: {key} is not known here; check its spelling")

    def _take(self, key: str, default: Any) -> Any:
        value = self._rest.pop(key, default)
        if value is None:
            raise ConfigError(f"{self.place}: {key} is missing")
        return value


def _broker(section: _Section, folder: Path) -> BrokerConfig:
    config = BrokerConfig(
        host=section.text("host", "127.0.0.1"),
        port=section.number("port", 1, 65535, 1883),
        username=section.text("username", ""),
        password=section.text("password", ""),
        tls=_tls(section, folder),
    )
    section.refuse_rest()
    return config


def _tls(section: _Section, folder: Path) -> tuple[Path, Path, Path] | None:
    """Return the three files of TLS, None where none is named: one alone is a mistake."""
    names = [section.text(name, "") for name in TLS_FILES]
    if not any(names):
        return None
    if not all(names):
        missing = TLS_FILES[names.index("")]
        raise ConfigError(
            f"{section.place}: {missing} is missing; TLS wants {', '.join(TLS_FILES)}"
        )
    cafile, certfile, keyfile = (folder / name for name in names)
    return cafile, certfile, keyfile


def _docks(top: _Section) -> tuple[DockConfig, ...]:
    docks = []
    for section in top.sections("dock"):
        port = section.text("port")
        name = section.text("name", Path(port).name)
        docks.append(DockConfig(name, port, section.number("baud", 1200, 4_000_000, 921_600)))
        section.refuse_rest()
    if len({dock.port for dock in docks}) < len(docks):
        raise ConfigError(f"{top.place}: dock: two docks name the same port")
    return tuple(docks)


def _publics(section: _Section) -> dict[bytes, bytes]:
    publics = {}
    for text in section.texts("publics"):
        try:
            public = bytes.fromhex(text)
        except ValueError:
            public = b""
        if len(public) != 32:
            raise ConfigError(
                f"{section.place}: publics: {text[:20]!r} is not an Ed25519 key of 64 hex digits"
            )
        publics[sha256(public).digest()[:4]] = public
    section.refuse_rest()
    return publics
