"""A validator as a real MicroPython process on simulated hardware: three ptys and a flash file.

The process gets the romfs image, its configuration and the names of its lines, nothing else. The
reader line is a PN532 over a Field; the link line is bridged to the edge's dock while docked; the
control line is its clock and entropy (`control.py`). Killing it is a power cut: lines and flash
stay.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from simulator.boards.control import CARD, KEY, LINK, ControlServer
from simulator.boards.ptys import Pty
from simulator.clock import WorldClock
from simulator.field import Card, Field
from simulator.prng import Prng
from simulator.readers.pn532 import Pn532

HEAP = "192k"


class BoardFailed(RuntimeError):
    """A validator's process did not start or ended by itself; the message quotes what it said."""


def micropython_path() -> str:
    """Return the MicroPython to run: TORNELLO_MICROPYTHON, else the one beside our Python."""
    chosen = os.environ.get("TORNELLO_MICROPYTHON")
    if chosen:
        return chosen
    beside = Path(sys.executable).with_name("micropython")
    return str(beside) if beside.exists() else shutil.which("micropython") or "micropython"


def micropython_version() -> str:
    """Return the version of the MicroPython to be run. Raises: BoardFailed when it cannot run."""
    path = micropython_path()
    ask = "import sys; print('.'.join(str(n) for n in sys.implementation.version[:3]))"
    try:
        done = subprocess.run([path, "-c", ask], capture_output=True, text=True, timeout=150)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BoardFailed(
            f"validators need MicroPython, and {path} cannot be started: {error}"
        ) from None
    if done.returncode or not done.stdout.strip():
        raise BoardFailed(
            f"V1: {path} is no MicroPython: it ended with {done.returncode} "
            f"and printed {(done.stdout + done.stderr).strip()[:200]!r}"
        )
    return done.stdout.strip()


class BoardProcess:
    """One validator. `signals` is every (name, detail) it told the world, oldest first."""

    def __init__(
        self,
        name: str,
        device: int,
        clock: WorldClock,
        prng: Prng,
        command: Callable[["BoardProcess"], list[str]],
        log: Path,
    ) -> None:
        self.name = name
        self.device = device
        self.clock = clock
        self.command = command
        self.log = log
        self.field = Field()
        self.pn532 = Pn532(self.field)
        self.reader, self.link, self.control_line = Pty(), Pty(), Pty()
        self.dock = Pty()  # the edge opens its other end
        self.docked = False
        self.frozen_utc: int | None = None
        self.signals: list[tuple[str, str]] = []
        self.journal = (0, 0)  # (newest entry, newest acknowledged one), as it said last
        self.packages: dict[str, int] = {}  # role -> version it has switched to
        self.on_signal: Callable[[str, str], None] = lambda name, detail: None
        self.cut_on_tear = False  # the next planned tear is the validator's own power going
        self.control = ControlServer(self.control_line.fd, self, self._write_control)
        self.process: subprocess.Popen[bytes] | None = None
        self._streams = (prng.fork("card"), prng.fork("link"))
        self._keys: deque[str] = deque()
        self._news = 0

    # --- life ---

    def start(self) -> None:
        """Power on. Raises: BoardFailed when the process cannot be started."""
        for line in (self.reader, self.link, self.control_line):
            line.drop()
        self.control.reset()
        self.pn532.power_up()
        try:
            with self.log.open("ab") as out:
                self.process = subprocess.Popen(
                    self.command(self),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env={**os.environ, "PYTHONHASHSEED": "0"},
                )
        except OSError as error:
            raise BoardFailed(
                f"{self.name}: cannot start {self.command(self)[0]}: {error}"
            ) from None

    def cut_power(self) -> None:
        """Kill the process as it stands; the card in the field loses power with it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None
        self.field.off()
        self.control.reset()

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def check_alive(self) -> None:
        """Raise BoardFailed when the process ended by itself."""
        code = self.process.poll() if self.process else None
        if code is not None:
            raise BoardFailed(f"{self.name}: MicroPython ended with {code}; it said: {self.tail()}")

    def tail(self) -> str:
        """Return the last lines of what the process printed."""
        try:
            lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            return "(no log)"
        return " | ".join(lines[-4:]) or "nothing"

    def close(self) -> None:
        self.cut_power()
        for line in (self.reader, self.link, self.control_line, self.dock):
            line.close()

    # --- what the world serves ---

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def waits(self) -> bool:
        return self.control.waiting_until is not None

    def lines(self) -> Iterator[tuple[int, Callable[[], None]]]:
        """Yield (file descriptor, what to do when it is readable)."""
        yield self.control_line.fd, self._serve_control
        yield self.reader.fd, self._serve_reader
        yield self.link.fd, self._serve_link
        yield self.dock.fd, self._serve_dock

    def reasons(self) -> int:
        """Return why a waiting board should go on, and forget one-time news."""
        reasons, self._news = self._news, 0
        return reasons

    def press(self, message: str) -> None:
        """Queue a key or place message for the board."""
        self._keys.append(message)
        self._news |= KEY

    def lay(self, card: Card) -> None:
        """Lay a card on the reader."""
        self.field.place(card)
        self._news |= CARD

    def take(self, card: Card) -> None:
        """Take a card away, wherever a tear has put it."""
        self.field.take(card)

    def _serve_control(self) -> None:
        self.control.feed(self.control_line.read())

    def _serve_reader(self) -> None:
        answer = self.pn532.feed(self.reader.read())
        if self.cut_on_tear and self.field.tears_met:
            self.cut_on_tear = False
            self.cut_power()
        else:
            self.reader.write(answer)

    def _serve_link(self) -> None:
        data = self.link.read()
        if self.docked and data:
            self.dock.write(data)

    def _serve_dock(self) -> None:
        data = self.dock.read()
        if self.docked and data:
            self.link.write(data)
            self._news |= LINK

    def _write_control(self, fd: int, data: bytes) -> int:
        self.control_line.write(data)
        return len(data)

    # --- BoardWorld: what the board asks ---

    def ticks_ms(self) -> int:
        return self.clock.ticks_ms()

    def utc(self) -> tuple[int, int]:
        return (self.clock.utc_seconds() if self.frozen_utc is None else self.frozen_utc), 0

    def random_bytes(self, count: int, stream: int) -> bytes:
        return self._streams[stream].bytes(count)

    def signal(self, name: str, detail: str) -> None:
        self.signals.append((name, detail))
        words = detail.split()
        if name == "journal":
            self.journal = int(words[0]), int(words[1])
        elif name == "package" and words[2] == "switched":
            self.packages[words[0]] = int(words[1])
        self.on_signal(name, detail)

    def next_key(self) -> str:
        return self._keys.popleft() if self._keys else ""
