"""The folder of one demo: what lies where, and what must survive a kill to go on with `--resume`.

demo.json      what was asked for, and how far it got
cards/         one image a card
tickets/       one image a tourist's ticket
journals/      one flash file a validator, and the issuing office's
keyring/       key file, register, socket
tariffs/       what the authorities publish
edge/          the edge's configuration and database
ledger.db      the ledger, and its configuration beside it
logs/          what each program said
pids.json      the processes
"""

import fcntl
import json
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = 2
FOLDERS = ("cards", "tickets", "journals", "keyring", "tariffs", "edge", "logs", "devices")


class DemoError(Exception):
    """The demo cannot run or go on; one sentence that says what to do."""


class Settings(NamedTuple):
    """What was asked for; the same settings and seed give the same demo."""

    seed: int = 1
    taps: int = 500
    cards: int = 50
    validators: int = 3
    gtfs: str = ""
    last_taps: bool = True
    plant: str = ""


class DemoFiles:
    """Paths of one demo, and its progress."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, settings: Settings) -> None:
        """Make an empty demo. Raises: DemoError when there is one already or no room."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if (self.root / "demo.json").exists():
                raise DemoError(
                    f"{self.root} holds a demo already: go on with --resume, "
                    "or choose another folder"
                )
            if any(self.root.iterdir()):
                raise DemoError(f"{self.root} is not empty and holds no demo: choose a new folder")
            for name in FOLDERS:
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
            self.save(settings, {"prepared": False, "step": 0, "docked_day": -1, "now_ms": 0})
        except OSError as error:
            raise DemoError(
                f"cannot write to {self.root}: {error.strerror}; choose a folder with --keep"
            ) from None

    def lock(self) -> None:
        """Keep every other demo out of this folder while this program lives. Raises: DemoError."""
        self._lock = (self.root / "demo.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(
                f"another demo is using {self.root}; wait for it, or choose another folder"
            ) from None

    def load(self) -> tuple[Settings, dict[str, Any]]:
        """Return (settings, progress). Raises: DemoError when there is nothing to go on with."""
        try:
            tree = json.loads((self.root / "demo.json").read_text())
            if tree["format"] != FORMAT:
                raise ValueError(f"format {tree['format']}, wanted {FORMAT}")
            return Settings(**tree["settings"]), dict(tree["progress"])
        except FileNotFoundError:
            raise DemoError(
                f"{self.root} holds no demo to resume; start one with --keep {self.root}"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DemoError(
                f"{self.root / 'demo.json'} is damaged ({type(error).__name__}: {error}) and cannot"
                " be resumed; cards/ and ledger.db beside it are whole: see ./tornello ledger"
            ) from None

    def save(self, settings: Settings, progress: dict[str, Any]) -> None:
        """Write settings and progress at once and whole."""
        tree = {"format": FORMAT, "settings": settings._asdict(), "progress": progress}
        beside = self.root / "demo.json.new"
        beside.write_text(json.dumps(tree, indent=1) + "\n")
        beside.replace(self.root / "demo.json")

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    def card(self, number: int) -> Path:
        return self.root / "cards" / f"card-{number:04d}.json"

    def ticket(self, number: int) -> Path:
        return self.root / "tickets" / f"ticket-{number + 1}.json"

    def journal(self, device: int) -> Path:
        return self.root / "journals" / f"device-{device}.flash"

    def device(self, device: int) -> Path:
        return self.root / "devices" / f"device-{device}.json"

    def log(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"
