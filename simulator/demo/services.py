"""The inland programs of a demo as real processes: broker, keyring, ledger, edge.

Each has a command line, a log file and a sign that it is ready. `pids.json` names every process
for whoever wants to kill one; `mend` starts again what died. What the programs do is theirs:
nothing here knows a topic or a table.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

READY_WAIT_S = 150.0
STOP_WAIT_S = 60.0


class ServiceError(RuntimeError):
    """A program could not be started or did not become ready; the message quotes its log."""


class Service:
    """One program: `command`, the `log` it writes, `ready()` that says it can be used."""

    def __init__(
        self,
        name: str,
        command: list[str],
        log: Path,
        ready: Callable[[], bool],
        env: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.ready = ready
        self.env = env or {}
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start the program and wait until it is ready. Raises: ServiceError."""
        self.kill()
        try:
            with self.log.open("ab") as out:
                self.process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env={**os.environ, **self.env},
                    start_new_session=True,
                    preexec_fn=end_with_parent,
                )
        except OSError as error:
            raise ServiceError(f"{self.name}: cannot start {self.command[0]}: {error}") from None
        self.starts += 1
        deadline = time.monotonic() + READY_WAIT_S
        while not self.ready():
            code = self.process.poll()
            if code is not None or time.monotonic() > deadline:
                said = f"ended with {code}" if code is not None else "is not ready"
                self.kill()
                raise ServiceError(f"{self.name} {said} after start; its log ends: {self.tail()}")
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Ask the program to end (SIGTERM) and wait; kill it when it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let the program do nothing for a while (SIGSTOP); others notice only that it is slow."""
        process = self.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the program and what it started: a broker's own child would keep its port."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def tail(self) -> str:
        """Return the last line of the program's log, for an error message."""
        try:
            lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            return "(no log)"
        return lines[-1] if lines else "(empty)"


class Services:
    """The programs in the order they need one another."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.all: list[Service] = []
        self.others: dict[str, int] = {}  # processes somebody else starts: the validators

    def add(self, service: Service) -> None:
        service.start()
        self.all.append(service)
        self.write_pids()

    def mend(self) -> list[str]:
        """Start again every program that died; return their names."""
        dead = [service for service in self.all if not service.alive]
        for service in dead:
            service.start()
        if dead:
            self.write_pids()
        return [service.name for service in dead]

    def write_pids(self) -> None:
        """Rewrite `pids.json` at once and whole: a reader never sees half of it."""
        pids = {service.name: service.pid for service in self.all} | self.others
        temporary = self.directory / "pids.json.new"
        temporary.write_text(json.dumps(pids, indent=1, sort_keys=True) + "\n")
        temporary.replace(self.directory / "pids.json")

    def stop(self) -> None:
        for service in reversed(self.all):
            service.stop()

    def named(self, name: str) -> Service:
        return next(service for service in self.all if service.name == name)


PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def end_with_parent() -> None:
    """Have the kernel end this process when the demo dies, however it dies.

    An edge left behind would go on opening its docks by name, and those names are used again.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Say whether something accepts connections on loopback port `port`."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
