"""`python -m backend_sync serve --config ledger.toml`: the ledger service, wired and looped.

Batches come in over MQTT, go through the ledger in groups, and acknowledgements and packages go
out. Broker or keyring may be absent at any time: the loop waits and goes on. SIGTERM finishes the
group in hand. Source: architecture.md sections 6 and 7.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from backend_sync.actions.publishing import WaitingActions
from backend_sync.catalogue import Catalogue, every_tariff
from backend_sync.clocks import FileClock, SystemClock
from backend_sync.config import Config, ConfigError, as_settings, read_config
from backend_sync.edge_states import HELD_FILE, holdings
from backend_sync.health.exposition import exposition
from backend_sync.health.figures import service_of
from backend_sync.intake import Intake
from backend_sync.keyring.remote import RemoteKeyring
from backend_sync.ledger.ledger import Ledger
from backend_sync.log_lines import LogLines
from backend_sync.mqtt import MqttBroker
from backend_sync.package_versions import PackageVersions, VersionsError
from backend_sync.packages import Packages
from backend_sync.ports import Broker, Clock, Keyring, KeyringError
from backend_sync.publisher import Publisher
from backend_sync.quarantine import Quarantine
from backend_sync.status import StatusFile
from backend_sync.status_events import StatusEvents
from backend_sync.storage.disk import DiskRefused
from backend_sync.supervisor import Supervisor
from backend_sync.tls import TlsError, client_context
from backend_sync.topics import LISTENED, STATE

MESSAGES_AT_ONCE = 20
IDLE_WAIT_MS = 200  # nothing in hand
GROUP_WAIT_MS = 20  # a group is begun: how long to wait for one more batch before posting it
PUBLISH_EVERY_MS = 500
HELD_EVERY_MS = 1000  # what edges hold is written down so often at most
AUDIT_AGAIN_MS = 30_000
AUDITED_AT_ONCE = 100  # cards, each time nothing has come
RETRY_SECONDS = 0.5
# The world's failures: batches in hand wait for their end, and none is to blame.
WAITS_FOR = (KeyringError, DiskRefused, OperationalError, InterfaceError, OSError)


class ClosableKeyring(Keyring, Protocol):
    """A keyring that is let go at the end: of another process, or of this one."""

    def close(self) -> None:
        """Give it back."""


class Service:
    """Everything of one ledger service, made once and ticked; `build` wires the real world's."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        keyring: ClosableKeyring,
        broker: Broker,
        stop: threading.Event,
        told: Sequence[Callable[[Mapping[str, Any]], None]] = (),
    ) -> None:
        self.clock = clock
        self.told = told  # each status, written or not
        self.stop = stop
        self.folder = config.packages
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keyring = keyring
        self.tariffs = every_tariff(self.folder)
        self.ledger = Ledger(
            config.database, self.clock, self.keyring, self.tariffs, config.authority
        )
        self.broker = broker
        self.intake = Intake(
            self.broker,
            self.ledger,
            self.keyring,
            Quarantine(config.quarantine),
            self.clock,
            config.group_entries,
            waits_for=WAITS_FOR,
        )
        packages = Packages(
            Catalogue(self.folder),
            PackageVersions(config.versions),
            self.keyring,
            self.clock,
            config.terms,
            config.capacities,
            WaitingActions(self.ledger),
        )
        self.publisher = Publisher(self.broker, self.keyring, self.clock, packages)
        self.status = StatusFile(config.status)
        self.holdings = StatusFile(config.status.with_name(HELD_FILE))
        self.states_came, self.held_at_ms = False, 0
        self.publish_at_ms = 0
        self.audited = self.audit_at_ms = 0
        self.audit_error = ""

    def run(self) -> None:
        """Tick until `stop` is set, then finish what is in hand."""
        self._write_status("ready", at_once=True)
        while not self.stop.is_set():
            self.tick()
        self.intake.post()
        self._write_status("stopped", at_once=True)
        self.close()

    def tick(self) -> None:
        """Take what came, post when a group is full or nothing more comes, publish now and then.

        Only where nothing has come and nothing is in hand, choices are repeated.
        """
        is_waiting = self.intake.is_full()
        if not is_waiting:
            wait_ms = GROUP_WAIT_MS if self.intake.group else IDLE_WAIT_MS
            messages = self.broker.receive(MESSAGES_AT_ONCE, wait_ms)
            for message in messages:
                if message.topic.endswith(f"/{STATE}"):
                    self.publisher.take(message)
                    self.states_came = True
                    self.publish_at_ms = 0
                else:
                    self.intake.take(message)
            is_waiting = not messages
            if is_waiting and not self.intake.group:
                self._audit()
        if (is_waiting or self.intake.is_full()) and not self.intake.post():
            self.stop.wait(RETRY_SECONDS)
        self._publish()
        self._write_status("running")

    def close(self) -> None:
        self.broker.close()
        self.ledger.close()
        self.keyring.close()

    def _audit(self) -> None:
        """Repeat the choices of some cards: nobody waits for it, and posting never suffers."""
        now_ms = self.clock.monotonic_ms()
        if now_ms < self.audit_at_ms:
            return
        try:
            self.audited += self.ledger.audit(AUDITED_AT_ONCE)
            self.audit_error = ""
        except Exception as error:  # noqa: BLE001 - the border: it is shown, and tried again later
            self.audit_error = f"{type(error).__name__}: {error}"
            self.audit_at_ms = now_ms + AUDIT_AGAIN_MS

    def _publish(self) -> None:
        now_ms = self.clock.monotonic_ms()
        if now_ms < self.publish_at_ms:
            return
        self.publish_at_ms = now_ms + PUBLISH_EVERY_MS
        before = self.publisher.packages.reads
        try:
            self.publisher.tick()
        except WAITS_FOR as error:
            self.publisher.last_error = f"{type(error).__name__}: {error}"
        if self.publisher.packages.reads != before:
            self.tariffs.update(every_tariff(self.folder))

    def _write_status(self, state: str, at_once: bool = False) -> None:
        counts = self.intake.counts
        status: dict[str, Any] = {
            "state": state,
            "broker": self.broker.connected,
            "edges": sorted(f"{authority}/{edge}" for authority, edge in self.publisher.online),
            "batches": counts.batches,
            "posted": counts.posted,
            "in_hand": sum(batch.entry_count for batch in self.intake.group),
            "quarantined": counts.quarantined,
            "acks": counts.acks,
            "last_ack_s": counts.last_ack_s,
            "published": self.publisher.published,
            "dropped": getattr(self.broker, "dropped", 0),
            "last_error": counts.last_error,
            "audited": self.audited,
            "audit_error": self.audit_error,
            "publisher_error": self.publisher.last_error,
        }
        for tell in self.told:
            tell(status)
        now_ms = self.clock.monotonic_ms()
        self.status.write(status, now_ms, at_once)
        if self.states_came and (at_once or now_ms >= self.held_at_ms):
            held = holdings(self.publisher.held, self.publisher.online)
            self.holdings.write(held, now_ms, at_once=True)
            self.states_came, self.held_at_ms = False, now_ms + HELD_EVERY_MS


def build(config: Config) -> Service:
    """Wire a service to the machine's clock, the keyring's process and the MQTT broker."""
    clock = SystemClock() if config.clock is None else FileClock(config.clock)
    keyring = RemoteKeyring(config.keyring)
    broker = MqttBroker(
        config.host, config.port, config.client_id, LISTENED, config.queue_messages,
        client_context(*config.tls) if config.tls else None,
    )  # fmt: skip
    supervisor = Supervisor(os.environ.get("NOTIFY_SOCKET", ""))

    def tell(status: Mapping[str, Any]) -> None:
        if status["state"] == "ready":
            supervisor.ready()
        elif status["state"] == "stopped":
            supervisor.ending()
        supervisor.alive(clock.monotonic_ms())

    told = (StatusEvents(LogLines(sys.stderr, clock)).look, tell)
    return Service(config, clock, keyring, broker, threading.Event(), told)


def _print_figures(config: Config) -> int:
    """Print the figures of the status file; 1 where there is none."""
    found = service_of(config.status)
    if not found:
        print(f"ledger: {config.status}: no status of a service yet", file=sys.stderr)
        return 1
    print(exposition(found), end="")
    return 0


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="tornello serve", description="Post what edges send, until SIGTERM."
    )
    parser.add_argument("--config", type=Path, required=True, help="ledger.toml")
    parser.add_argument("--check", action="store_true", help="check the configuration, print it")
    words = "print what the running service counts, as Prometheus reads it, and end"
    parser.add_argument("--figures", action="store_true", help=words)
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config)
        if options.figures:
            return _print_figures(config)
        if options.check:
            if config.tls:
                client_context(*config.tls)
            print(json.dumps(dict(as_settings(config)), indent=1))
            return 0
        service = build(config)
    except (ConfigError, TlsError, VersionsError, DiskRefused, OSError, SQLAlchemyError) as error:
        print(f"ledger: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1

    def on_signal(number: int, frame: FrameType | None) -> None:
        service.stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    print("ledger: ready", flush=True)
    service.run()
    return 0
