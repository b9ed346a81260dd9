"""Gives every edge the current packages and dock keys of its devices.

At an edge's birth goes out what is current and what it does not say it holds, later what changed.
A line that is cut again and again so brings a little more each time. A package that was lost on
the way goes out again when the edge has said twice since that it does not hold it, at the next
birth and after an hour. What is current comes from `packages`; how it travels is the broker's.
Source: decisions D12, D18; contract of the `down` topic in SPEC.md.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from backend_sync.catalogue import CatalogueError
from backend_sync.edge_states import Edge, Held, Holds, read_state
from backend_sync.packages import Package, Packages
from backend_sync.ports import Broker, Clock, Keyring, KeyringRefused, Message
from backend_sync.topics import DOWN, topic
from card_layouts.codec import cbor
from card_layouts.codec.timestamps import day_of, month_of
from card_layouts.errors import LayoutError, RangeError

SCHEMA = 1
REPEAT_SECONDS = 3600
STATES_WITHOUT = 2  # of an edge: the first may have crossed the package on its way


class Sent(NamedTuple):
    """A package that went out to an edge, and which of the edge's states came before."""

    package: Package
    states: int


class Publisher:
    """Which edges are there, and what each of them was sent."""

    def __init__(self, broker: Broker, keyring: Keyring, clock: Clock, packages: Packages) -> None:
        self.broker = broker
        self.keyring = keyring
        self.clock = clock
        self.packages = packages
        self.online: set[Edge] = set()
        self.sent_all: dict[Edge, int] = {}  # when each edge was last sent everything
        self.sent: dict[Edge, dict[tuple[int, str], Sent]] = {}
        self.months: dict[Edge, tuple[int, int]] = {}  # (month of the keys sent, states before)
        self.states: dict[Edge, int] = {}  # how many came
        self.births: dict[Edge, str] = {}
        self.held: dict[Edge, Held] = {}  # what each said last that it holds
        self.sealed: dict[tuple[int, int, str], tuple[dict[str, Any], bytes]] = {}
        self.published = 0
        self.last_error = ""

    def take(self, message: Message) -> None:
        """Read an edge's birth or last will. Anything else is refused by name, and forgotten."""
        try:
            edge, is_online, birth, holds = read_state(message)
        except LayoutError as error:
            self.last_error = f"{type(error).__name__}: {error}"
        else:
            self.states[edge] = self.states.get(edge, 0) + 1
            if holds is not None:
                self.held[edge] = holds[0]
            if not is_online:
                self.online.discard(edge)
                self.births.pop(edge, None)
            elif not birth or self.births.get(edge) != birth:
                self.births[edge] = birth
                self.online.add(edge)
                self._born(edge, holds)
            elif holds is not None:
                self._miss(edge, *holds)
        self.broker.done(message)

    def tick(self) -> None:
        """Send what is new to the edges that are there. Raises: KeyringError when it is away."""
        if not self.broker.connected:
            return
        self.packages.refresh()
        self.last_error = self.packages.last_error or self.last_error
        if not self.online:
            return
        devices = [d for d in self.keyring.assemble("devices", {}) if d["state"] == "active"]
        now = self.clock.utc_seconds()
        for edge in sorted(self.online):
            if now - self.sent_all[edge] >= REPEAT_SECONDS:
                self._forget(edge)
            self._serve(edge, _newest_epochs([d for d in devices if d["edge"] == edge[1]]))

    def _serve(self, edge: Edge, devices: Sequence[dict[str, Any]]) -> None:
        """Send one edge what it lacks; what the keyring refuses is said and left out."""
        try:
            due = [(d, package) for d in devices for package in self.packages.of_device(d)]
            self.packages.save()
            self._send_dock_keys(edge, [device["device"] for device in devices])
            sent = self.sent.setdefault(edge, {})
            for identity, package in due:
                device = identity["device"]
                before = sent.get((device, package.name))
                if before is not None and before.package.sha256 == package.sha256:
                    continue
                envelope = self._envelope(device, identity["epoch"], package)
                if not self._send(edge, [SCHEMA, "package", device, envelope, package.body]):
                    return
                sent[device, package.name] = Sent(package, self.states.get(edge, 0))
        except (KeyringRefused, CatalogueError) as error:
            self.last_error = f"{type(error).__name__}: {error}"

    def _envelope(self, device: int, epoch: int, package: Package) -> bytes:
        """Return the sealed manifest; what goes out again each hour is sealed once."""
        key = device, epoch, package.name
        manifest, envelope = self.sealed.get(key, ({}, b""))
        if manifest != package.manifest:
            (envelope,) = self.keyring.sign("manifest", [(device, package.manifest)])
            self.sealed[key] = dict(package.manifest), envelope
        return envelope

    def _send_dock_keys(self, edge: Edge, devices: Sequence[int]) -> None:
        """Send the keys of last, this and next month: clocks differ, and months end at night."""
        month = month_of(day_of(self.clock.utc_seconds()))
        if not devices or self.months.get(edge, (0, 0))[0] == month:
            return
        for given in (max(0, month - 1), month, month + 1):
            request = {"edge": edge[1], "month": given, "devices": list(devices)}
            keys = self.keyring.assemble("dock", request)
            if not self._send(edge, [SCHEMA, "dock", given, [list(row) for row in keys]]):
                return
        self.months[edge] = month, self.states.get(edge, 0)

    def _born(self, edge: Edge, holds: Holds | None) -> None:
        """Forget having sent what a new connection says is not there: nothing older is coming.

        What is there stays sent: all of it again at each birth would keep a bad line busy for ever.
        """
        if holds is None or edge not in self.sent_all:
            self._forget(edge)
        else:
            self._drop(edge, holds[0], self.states[edge])
            self.months.pop(edge, None)

    def _miss(self, edge: Edge, held: dict[tuple[int, int, int], int], months: set[int]) -> None:
        """Forget having sent what the edge still does not hold: it goes out again."""
        due = self.states[edge] - STATES_WITHOUT
        self._drop(edge, held, due)
        month, states = self.months.get(edge, (0, 0))
        if edge in self.months and month not in months and states <= due:
            del self.months[edge]

    def _drop(self, edge: Edge, held: dict[tuple[int, int, int], int], due: int) -> None:
        """Forget what was sent before state number `due` and is not held."""
        sent = self.sent.get(edge, {})
        for (device, name), (package, states) in list(sent.items()):
            values = package.manifest
            version = held.get((device, values["role"], values["authority"]), -1)
            if version < values["version"] and states <= due:
                del sent[device, name]

    def _send(self, edge: Edge, body: list[Any]) -> bool:
        try:
            payload = bytes(cbor.encode(body))
        except RangeError as error:
            self.last_error = f"down to {edge[1]}: {error}"
            return False
        if not self.broker.publish(topic(edge[0], edge[1], DOWN), payload):
            return False
        self.published += 1
        return True

    def _forget(self, edge: Edge) -> None:
        """Send everything anew."""
        self.sent.pop(edge, None)
        self.months.pop(edge, None)
        self.sent_all[edge] = self.clock.utc_seconds()


def _newest_epochs(devices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one identity for each device number: the newest (rows come sorted by epoch)."""
    return list({device["device"]: device for device in devices}.values())
