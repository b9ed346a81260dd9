"""Gives every edge the current packages and dock keys of its devices.

At an edge's birth everything current goes out, later what changed; a package that was lost on the
way goes out again at the next birth or after an hour. What is current comes from `packages`; how
it travels is the broker's. Source: decisions D12, D18; contract of the `down` topic in SPEC.md.
"""

import json
from collections.abc import Sequence
from typing import Any

from backend_sync.catalogue import CatalogueError
from backend_sync.packages import Package, Packages
from backend_sync.ports import Broker, Clock, Keyring, KeyringRefused, Message
from backend_sync.topics import DOWN, parse_topic, topic
from card_layouts.codec import cbor
from card_layouts.codec.timestamps import day_of, month_of
from card_layouts.errors import LayoutError, RangeError

SCHEMA = 1
REPEAT_SECONDS = 3600
STATE_BYTES_MAX = 65536

Edge = tuple[int, str]


class Publisher:
    """Which edges are there, and what each of them was sent."""

    def __init__(self, broker: Broker, keyring: Keyring, clock: Clock, packages: Packages) -> None:
        self.broker = broker
        self.keyring = keyring
        self.clock = clock
        self.packages = packages
        self.online: dict[Edge, int] = {}  # when each edge was last sent everything
        self.sent: dict[Edge, dict[tuple[int, str], bytes]] = {}
        self.months: dict[Edge, int] = {}
        self.births: dict[Edge, str] = {}
        self.published = 0
        self.last_error = ""

    def take(self, message: Message) -> None:
        """Read an edge's birth or last will. Anything else is refused by name, and forgotten."""
        try:
            edge, is_online, birth = _read_state(message)
        except LayoutError as error:
            self.last_error = f"{type(error).__name__}: {error}"
        else:
            if not is_online:
                self._forget(edge)
                self.online.pop(edge, None)
                self.births.pop(edge, None)
            elif not birth or self.births.get(edge) != birth:
                self._forget(edge)
                self.births[edge] = birth
                self.online[edge] = self.clock.utc_seconds()
            # Else the same birth again, with what its devices have installed since.
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
            if now - self.online[edge] >= REPEAT_SECONDS:
                self._forget(edge)
                self.online[edge] = now
            self._serve(edge, _newest_epochs([d for d in devices if d["edge"] == edge[1]]))

    def _serve(self, edge: Edge, devices: Sequence[dict[str, Any]]) -> None:
        """Send one edge what it lacks; what the keyring refuses is said and left out."""
        try:
            due = [
                (d["device"], package) for d in devices for package in self.packages.of_device(d)
            ]
            self.packages.save()
            self._send_dock_keys(edge, [device["device"] for device in devices])
            sent = self.sent.setdefault(edge, {})
            for device, package in due:
                if sent.get((device, package.name)) == package.sha256:
                    continue
                if not self._send_package(edge, device, package):
                    return
                sent[device, package.name] = package.sha256
        except (KeyringRefused, CatalogueError) as error:
            self.last_error = f"{type(error).__name__}: {error}"

    def _send_package(self, edge: Edge, device: int, package: Package) -> bool:
        (envelope,) = self.keyring.sign("manifest", [(device, package.manifest)])
        return self._send(edge, [SCHEMA, "package", device, envelope, package.body])

    def _send_dock_keys(self, edge: Edge, devices: Sequence[int]) -> None:
        """Send the keys of last, this and next month: clocks differ, and months end at night."""
        month = month_of(day_of(self.clock.utc_seconds()))
        if not devices or self.months.get(edge) == month:
            return
        for given in (max(0, month - 1), month, month + 1):
            request = {"edge": edge[1], "month": given, "devices": list(devices)}
            keys = self.keyring.assemble("dock", request)
            if not self._send(edge, [SCHEMA, "dock", given, [list(row) for row in keys]]):
                return
        self.months[edge] = month

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
        self.sent.pop(edge, None)
        self.months.pop(edge, None)


def _newest_epochs(devices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one identity for each device number: the newest (rows come sorted by epoch)."""
    return list({device["device"]: device for device in devices}.values())


def _read_state(message: Message) -> tuple[Edge, bool, str]:
    """Return (edge, is it there, which birth). Raises: LayoutError naming what is wrong."""
    authority, edge, _ = parse_topic(message.topic)
    if len(message.payload) > STATE_BYTES_MAX:
        raise LayoutError(f"state of {edge}: {len(message.payload)} bytes, too long")
    try:
        state = json.loads(message.payload)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"state of {edge}: no JSON: {error}") from None
    if not isinstance(state, dict) or not isinstance(state.get("online"), bool):
        raise LayoutError(f"state of {edge}: wanted online true or false")
    return (authority, edge), state["online"], str(state.get("birth", ""))
