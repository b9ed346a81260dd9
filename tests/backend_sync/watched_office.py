"""The office behind the watch: in this process, and as the program that serves it."""

import io
import json
import re
import subprocess
import sys

from starlette.testclient import TestClient

from backend_sync.api.app import add_api, make_api
from backend_sync.api.opening import open_database as open_api
from backend_sync.api.part import Parts
from backend_sync.health.figures import figures_of
from backend_sync.health.readiness import FREE_BYTES_LEAST, Readiness
from backend_sync.health.watch import Watch
from backend_sync.ledger.place import Place
from backend_sync.log_lines import LogLines
from tests.backend_sync.office_world import ORIGIN, Office
from tests.backend_sync.sealed_devices import ManualClock

# A line of Prometheus' text format: name, labels, value.
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"]*",?)+)\})? (\S+)')


class Program:
    """`tornello ledger serve` of a folder, on any free port; its standard error goes to a file."""

    def __init__(self, folder, log):
        self.log = log
        command = [sys.executable, "-m", "backend_sync", "office", "serve", str(folder), "--port",
                   "0", "--register", str(folder), "--behind-tls"]  # fmt: skip
        with log.open("wb") as said:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        self.address = self.process.stdout.readline().split()[1]

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def close(self):
        self.process.terminate()
        self.process.communicate(timeout=60)


class Watched:
    """The office and the interfaces behind the watch, as `ledger serve` puts them together."""

    def __init__(self, folder):
        self.office = Office(folder)
        self.place, clock = Place(str(folder)), self.office.clock
        self.waits = ManualClock()
        self.waits.now = clock.utc_seconds()
        self.log, self.free = io.StringIO(), FREE_BYTES_LEAST
        self.machines = open_api(folder)
        parts = Parts(self.place, self.office.registers, self.machines, self.office.database, clock,
                      lambda n: bytes(n))  # fmt: skip
        ready = Readiness(self.place, self.office.registers, lambda folder: self.free)
        both = add_api(self.office.app, make_api(parts, log=lambda line: None))
        self.watch = Watch(
            both, self.waits, LogLines(self.log, clock), lambda n: bytes(n), ready.checks,
            lambda: figures_of(self.place, clock), ["10.0.0.9"],
        )  # fmt: skip

    def client(self, address="127.0.0.1"):
        return TestClient(self.watch, headers=ORIGIN, follow_redirects=False,
                          client=(address, 5000), raise_server_exceptions=False)  # fmt: skip

    def close(self):
        self.machines.close()
        self.office.close()

    def later(self):
        """Let what was answered be asked anew."""
        self.waits.ms += 10_000

    def lines(self):
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def figures(self, client=None):
        """Return {(name, labels): value} of /metrics."""
        self.later()
        text = (client or self.client()).get("/metrics").text
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        found = [SAMPLE.fullmatch(line) for line in lines]
        assert all(found), lines
        return {(row[1], row[2] or ""): float(row[3]) for row in found}
