"""The edge agent: wiring, and the one loop that gives each service its tick.

One thread decides; the broker's thread only moves bytes. When the store refuses, docks close and
the boards keep their journals; when the broker is away, entries wait in the store.
Source: architecture.md section 6; threats T11, T17.
"""

import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from edge_agent import status as reports
from edge_agent.config import EdgeConfig
from edge_agent.dock_session import DockSession
from edge_agent.downlink import Downlink
from edge_agent.drivers.serial_port import SerialLink
from edge_agent.drivers.system import FileClock, SystemClock, SystemEntropy
from edge_agent.log_lines import LogLines, StatusEvents
from edge_agent.ports import Broker, Clock, Entropy, Message
from edge_agent.store import Store, StoreRefused, explained
from edge_agent.supervisor import Supervisor
from edge_agent.uplink import Uplink

MESSAGES_A_TICK = 100
STATUS_MS = 1000
NEWS_MS = 200
REQUESTS_MS = 1000
EXPIRE_MS = 60_000
PROBE_MS = 5000
STATE_RESENDS = 2  # times resend_ms: how soon a changed state is said
STATE_AGAIN_RESENDS = 4  # an unchanged one is said again: the broker may have lost it
WAIT_S = 0.1


class EdgeAgent:
    """All services of one edge, given their ports; `tick` does a bounded piece of each."""

    def __init__(
        self,
        config: EdgeConfig,
        store: Store,
        docks: list[tuple[DockSession, SerialLink]],
        broker: Broker,
        clock: Clock,
        entropy: Entropy,
        told: Callable[[dict[str, Any]], None] = lambda _status: None,
    ) -> None:
        self._config = config
        self._told = told  # each status, written or not
        self._store = store
        self.docks = docks
        self._broker = broker
        self._clock = clock
        self.uplink = Uplink(
            config.edge, config.topic("up"), store, broker, entropy, config.resend_ms
        )
        self.downlink = Downlink(store, clock, config.publics)
        self.store_problem = ""
        self._pending: list[Message] = []
        self._probe_ms = 0
        self._expire_ms = 0
        self._requests = str(config.requests)  # a Path costs more than the look itself
        self._requests_ms = 0
        self._status_ms = 0
        self._news_ms = 0
        self._has_news = False
        self._state_ms = self._state_again_ms = 0
        self._state = b""
        self._said = (False, -1, -1)  # what the state is made of: nothing changed, nothing to make
        self._births = 0
        # One birth a connection, never the same one twice, even after a restart.
        self._life = entropy.random_bytes(4).hex()

    def tick(self, now_ms: int) -> bool:
        """Give every service its turn; say whether anything moved."""
        try:
            with explained(self._store.path):  # reading a damaged database fails too
                if self.store_problem and not self._recover(now_ms):
                    moved = False
                else:
                    moved = self._work(now_ms)
        except StoreRefused as refused:
            self._close_docks(str(refused), now_ms)
            moved = False
        self._has_news = self._has_news or moved
        if now_ms >= self._status_ms or (self._has_news and now_ms >= self._news_ms):
            self._status_ms = now_ms + STATUS_MS
            self._news_ms = now_ms + NEWS_MS
            self._has_news = False
            self.report()
        return moved

    def report(self, running: bool = True) -> None:
        """Rewrite the status file."""
        try:
            with explained(self._store.path):
                status = self.describe(running)
                self._told(status)
                reports.write_status(self._config.status, status)
        except OSError as error:
            self.store_problem = self.store_problem or f"{self._config.status}: {error.strerror}"
        except StoreRefused as refused:
            self.store_problem = self.store_problem or str(refused)

    def describe(self, running: bool = True) -> dict[str, Any]:
        """Return the whole status."""
        return {
            "edge": self._config.edge,
            "running": running,
            "state": "running" if running else "stopped",
            "pid": os.getpid(),
            "store": self.store_problem or "ok",
            "broker": {
                "connected": self._broker.connected,
                "connections": self._broker.connections,
                "problem": getattr(self._broker, "problem", ""),
            },
            "in_flight": len(self.uplink.flights),
            "batches_sent": self.uplink.sent,
            "batches_resent": self.uplink.resends,
            "pulled": sum(session.pulled for session, _ in self.docks),
            "last_refusal": self.downlink.problem,
            **reports.describe_store(self._store, self._clock.utc_seconds()),
            "docks": [reports.describe_dock(session, link.port) for session, link in self.docks],
        }

    def close(self) -> None:
        """Store what docks hold, say BYE, and stop; raises nothing the disk may cause."""
        try:
            with explained(self._store.path):
                for session, link in self.docks:
                    session.close()
                    link.close()
                self._say_state(online=False)
        except StoreRefused as refused:
            self.store_problem = str(refused)
        self._broker.close()
        self.report(running=False)
        self._store.close()

    # --- the turns -----------------------------------------------------------------------

    def _work(self, now_ms: int) -> bool:
        moved = self._listen()
        for session, _ in self.docks:
            moved = session.tick(now_ms) or moved
        moved = self.uplink.tick(now_ms) or moved
        if now_ms >= self._requests_ms:
            self._requests_ms = now_ms + REQUESTS_MS
            self._serve_requests()
        if now_ms >= self._expire_ms:
            self._expire_ms = now_ms + EXPIRE_MS
            # Our calendar may be wrong by weeks: nothing is older than the ledger has said.
            now = min(self._clock.utc_seconds(), self._store.marks.ledger_time())
            self._store.marks.expire(now, self._config.retention_seconds)
        if self._broker.connections != self._births or now_ms >= self._state_ms:
            self._state_ms = now_ms + STATE_RESENDS * self._config.resend_ms
            self._say_state(online=True, now_ms=now_ms)
        return moved

    def _listen(self) -> bool:
        self._pending.extend(self._broker.receive(MESSAGES_A_TICK - len(self._pending)))
        moved = bool(self._pending)
        while self._pending:
            message = self._pending[0]
            self.downlink.take(message.topic, message.payload)  # StoreRefused: it stays first
            self._broker.done(message)
            del self._pending[0]
        return moved

    def _say_state(self, online: bool, now_ms: int = 0) -> None:
        """Publish the retained state: a birth for each connection, then what changed.

        Unchanged it is said again now and then: a broker that lost the birth, or a package to us,
        tells nobody. `holds` says what is here, so that the ledger sends what is not.
        """
        if not self._broker.connected:
            return
        rows = self._store.connection.total_changes
        if (online, rows, self._broker.connections) == self._said and now_ms < self._state_again_ms:
            return
        devices = reports.describe_versions(self._store)
        birth = f"{self._life}-{self._broker.connections}"
        holds = {
            "packages": self._store.parcels.held(),
            "dock_months": self._store.parcels.dock_months(),
        }
        state = {"online": online, "edge": self._config.edge, "birth": birth, "devices": devices}
        payload = json.dumps(state | {"holds": holds}, sort_keys=True).encode()
        is_said = payload == self._state and self._births == self._broker.connections
        if is_said and now_ms < self._state_again_ms:
            self._said = online, rows, self._births
            return
        if self._broker.publish(self._config.topic("state"), payload, retain=True):
            self._state = payload
            self._state_again_ms = now_ms + STATE_AGAIN_RESENDS * self._config.resend_ms
            self._births = self._broker.connections
            self._said = online, rows, self._births

    def _serve_requests(self) -> None:
        """Do what `edge outbox` asked for by a file: it must not open our database itself."""
        try:
            names = os.listdir(self._requests)
        except OSError:
            return
        for name in sorted(names):
            path = self._config.requests / name
            if name == "retry":
                self.uplink.send_again()
            elif name.endswith(".db.wanted"):
                copy = path.with_suffix("")
                copy.unlink(missing_ok=True)
                self._store.copy_to(copy)
            else:
                continue
            path.unlink(missing_ok=True)

    # --- when the disk refuses -------------------------------------------------------------

    def _close_docks(self, problem: str, now_ms: int) -> None:
        self.store_problem = problem
        self._probe_ms = now_ms + PROBE_MS
        for session, _ in self.docks:
            session.abandon(f"docks are closed, the journal keeps its entries: {problem}")

    def _recover(self, now_ms: int) -> bool:
        if now_ms < self._probe_ms:
            return False
        self._probe_ms = now_ms + PROBE_MS
        self._store.probe()
        self.store_problem = ""
        return True


class Waiter:
    """Waits until a dock or the broker has something, or a moment has passed."""

    def __init__(self) -> None:
        self._theirs, self._ours = socket.socketpair()
        self._theirs.setblocking(False)
        self._ours.setblocking(False)

    def wake(self) -> None:
        """End the wait; may be called from any thread."""
        try:
            self._theirs.send(b"w")
        except BlockingIOError:
            pass  # it is awake already

    def wait(self, docks: list[tuple[DockSession, SerialLink]], seconds: float) -> None:
        """Sleep until woken, bytes at a dock, or the time is over."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            for _, link in docks:
                descriptor = link.fileno()
                if descriptor is not None:
                    selector.register(descriptor, selectors.EVENT_READ)
            selector.select(seconds)
        try:
            self._ours.recv(4096)
        except BlockingIOError:
            pass


def build(config: EdgeConfig, waiter: Waiter) -> EdgeAgent:
    """Wire the agent to the real world. Raises: StoreRefused."""
    from edge_agent.mqtt import MqttBroker  # a machine without paho still shows status and outbox

    clock = SystemClock() if config.clock is None else FileClock(config.clock)
    entropy = SystemEntropy()
    store = Store(config.database)
    docks = []
    for dock in config.docks:
        link = SerialLink(dock.port, dock.baud)
        docks.append(
            (
                DockSession(
                    dock.name, config.edge, link, store, clock, entropy, config.dock_pace_ms
                ),
                link,
            )
        )
    will = json.dumps({"online": False, "edge": config.edge}).encode()
    broker = MqttBroker(
        config.broker,
        f"tornello-{config.authority}-{config.edge}",
        (config.topic("ack"), config.topic("down")),
        (config.topic("state"), will),
        waiter.wake,
    )
    events = StatusEvents(LogLines(sys.stderr, clock))
    return EdgeAgent(config, store, docks, broker, clock, entropy, events.look)


def run(config: EdgeConfig) -> int:
    """Run until SIGTERM or SIGINT, then end cleanly. Raises: StoreRefused at the start."""
    waiter = Waiter()
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)
        waiter.wake()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    agent = build(config, waiter)
    clock = SystemClock()
    supervisor = Supervisor(os.environ.get("NOTIFY_SOCKET", ""))
    supervisor.ready()
    try:
        while not stopping:
            now_ms = clock.monotonic_ms()
            if not agent.tick(now_ms):
                waiter.wait(agent.docks, WAIT_S)
            supervisor.alive(now_ms)
    finally:
        supervisor.ending()
        agent.close()
    return 0
