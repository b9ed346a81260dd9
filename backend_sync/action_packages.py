"""The action list that is current: made anew when what waits changed, or the last one grows old.

All authorities' lists have one version and the same lines; a list that has gone out is never made
again with other lines under its version. K_act takes a step with the first new list of a day, and
a list of every new generation goes out, even an empty one. It must not know what actions are.
Source: decisions D9, D18; trust.md 4.5.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from backend_sync.package_versions import PackageVersions
from backend_sync.ports import Keyring
from card_layouts.codec.timestamps import day_of
from card_layouts.packages.action_list import LINES_MAX
from card_layouts.packages.action_list_builder import lines_that_fit
from card_layouts.packages.manifest import ACTIONS

ACTIONS_LIFE_S = 7 * 86_400


class Leased(NamedTuple):
    """A lease that goes out: it lets its device use lists from `oldest` on, until `leased_to`."""

    lease: int
    oldest: int
    leased_to: int


class Waiting(Protocol):
    """What is needed of the actions themselves."""

    def lines(self, most: int) -> Sequence[Mapping[str, Any]]:
        """Return at most so many lines: ACTION_ENTRY's fields, "card" (P_L) for uid and K."""

    def last_list(self) -> int:
        """Return the version of the newest list that was ever noted, 0 = none."""

    def listed(self, version: int, generation: int) -> None:
        """Note durably that list `version` has the lines that `lines` returned last."""

    def given(self, device: int, epoch: int, version: int, lease: Leased | None) -> None:
        """Note durably that a device may get this list, and this lease if it gets one."""


class Current(NamedTuple):
    """The newest list: what its body is made of."""

    version: int
    generation: int
    made: int
    digest: str  # of its lines
    lines: Sequence[Mapping[str, Any]]


class ActionPackages:
    """The newest list and its bodies by authority; `refresh` before anything else."""

    def __init__(
        self,
        waiting: Waiting,
        versions: PackageVersions,
        keyring: Keyring,
        capacities: Mapping[int, int],
    ) -> None:
        self.waiting = waiting
        self.versions = versions
        self.keyring = keyring
        room = capacities.get(ACTIONS)
        self.most = LINES_MAX if room is None else lines_that_fit(room)
        self.current = Current(0, 0, 0, "", ())
        self.chain = 0
        self.bodies: dict[int, bytes] = {}
        self._digested: tuple[Sequence[Mapping[str, Any]], str] = ((), _digest(()))
        self.carried: dict[tuple[int, int], Leased | None] = {}

    def refresh(self, now: int) -> None:
        """Make a new list if the lines changed, the key's chain did, or the last one is old."""
        lines = self.waiting.lines(self.most)
        digest = self._digest_of(lines)
        key = self.keyring.assemble("action_key", {})
        if not self.current.version:
            self._take_up(lines, digest)
        is_old = now >= self.current.made + ACTIONS_LIFE_S // 2
        is_same = digest == self.current.digest and key["chain"] == self.chain
        if self.current.version and is_same and not is_old:
            return
        key = self.keyring.assemble("action_key", {"day": day_of(now)})
        version = max(self.waiting.last_list(), self._last()) + 1
        self.waiting.listed(version, key["generation"])
        self.chain = key["chain"]
        self.current = Current(version, key["generation"], now, digest, lines)
        self.bodies = {}

    def body(self, authority: int) -> bytes:
        """Return the newest list of an authority. Raises: KeyringRefused."""
        if authority not in self.bodies:
            request = {
                "version": self.current.version,
                "authority": authority,
                "generation": self.current.generation,
                "lines": [dict(line) for line in self.current.lines],
            }
            self.bodies[authority] = bytes(self.keyring.assemble("actions", request))
        return self.bodies[authority]

    def given(self, device: int, epoch: int, lease: Leased | None) -> None:
        """Take note of who gets the newest list, and by which lease; durable with `save`."""
        self.carried[device, epoch] = lease

    def save(self) -> None:
        for (device, epoch), lease in self.carried.items():
            self.waiting.given(device, epoch, self.current.version, lease)
        self.carried = {}

    def _digest_of(self, lines: Sequence[Mapping[str, Any]]) -> str:
        """Return the digest of lines, which seldom change from one look to the next."""
        if lines != self._digested[0]:
            self._digested = lines, _digest(lines)
        return self._digested[1]

    def _take_up(self, lines: Sequence[Mapping[str, Any]], digest: str) -> None:
        """Go on with the list of an earlier run if it had these very lines."""
        version = self._last()
        key = self.keyring.assemble("action_key", {})
        for name, manifest in self.versions.manifests.items():
            if name.startswith("actions-") and manifest["version"] == version:
                generation, before = self.versions.extra[name][:2]
                self.chain = self.versions.extra[name][2]
                if before == digest and self.chain == key["chain"]:
                    self.current = Current(version, generation, manifest["made"], digest, lines)

    def _last(self) -> int:
        names = [name for name in self.versions.manifests if name.startswith("actions-")]
        return max((self.versions.last(name) for name in names), default=0)


def _digest(lines: Sequence[Mapping[str, Any]]) -> str:
    plain = [{n: v.hex() if isinstance(v, bytes) else v for n, v in row.items()} for row in lines]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
