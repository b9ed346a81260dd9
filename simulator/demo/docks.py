"""The depot at night: validators dock until everything is exchanged, and programs are mended.

Docks are served by real programs at their own speed, so this waits for facts, never for time: the
publisher has made what is due, the edge holds it, each device has it, and each journal is
acknowledged to its head. When nothing moves for long, the error says which of these is missing.

Of what goes into journals only one thing is under way at a time, or the same seed would not give
the same bytes (D19): the ledger is held while devices take their packages, so no acknowledgement
comes between two of their entries, and what is due is out before the inland clock moves on.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from simulator.boards.board_process import BoardProcess
from simulator.boards.world import World
from simulator.demo import system
from simulator.demo.faults import Faults
from simulator.demo.files import DemoError, DemoFiles, Settings
from simulator.demo.services import Services
from simulator.demo.show import Show

# A connection that died in silence (a pulled cable) is noticed after one and a half keepalives,
# 45 s; then up to 8 s until the next attempt, a resend that was put off, and a busy machine.
PATIENCE_S = 150.0
LOOK_S = 0.05
FRESH_S = 6 * 3600  # a lease made for this night, not for the one before
STATED = ("tariff", "hotlist", "overlay", "actions", "lease")


class Docks:
    """Docks boards of one demo."""

    def __init__(
        self,
        files: DemoFiles,
        settings: Settings,
        world: World,
        services: Services,
        show: Show,
        faults: Faults,
    ) -> None:
        self.faults = faults
        self.files = files
        self.settings = settings
        self.world = world
        self.services = services
        self.show = show

    def dock(self, boards: list[BoardProcess], day: int) -> None:
        """Dock `boards` in the night after `day` until nothing is left to exchange."""
        names = ", ".join(board.name for board in boards)
        self.show.step(f"night {day + 1}: {names} dock")
        wanted: dict[str, int] = {}

        self._strike()

        def published() -> bool:
            wanted.update(self._due())
            return bool(wanted) and self._edge_holds(wanted)

        self._until(published, lambda: self._on_the_way(wanted))
        for board in boards:
            board.docked = True
            board.press("docked")
        with self.services.named("ledger").held():
            self._exchange(lambda: self._package_lacking(boards, wanted))
        struck: list[bool] = []

        def lacking() -> str:
            if not struck and self.edge_status().get("unsent", 0):
                struck.append(True)  # entries are on their way to the ledger
                self._strike()
            return _not_acknowledged(boards) or self._package_lacking(boards, wanted)

        self._exchange(lacking)
        for board in boards:
            board.docked = False

    def wait_for_lists(self) -> None:
        """Wait until every board has a lease that was made beside the cards listed now."""
        self._until(
            lambda: self._leases_know_the_lists(_read(self.files / "versions.json")),
            lambda: "the ledger's list of cards, and leases that were made beside it",
        )

    def drain(self) -> None:
        """Wait until the edge says that the ledger has acknowledged all it holds."""
        self._strike(last=True)
        self._until(
            lambda: (
                self.edge_status().get("unsent", 1) == 0
                and self.edge_status()["stored"] >= sum(b.journal[0] for b in self.world.boards)
            ),
            lambda: f"the edge's {self.edge_status().get('unsent')} entries to be acknowledged",
        )

    def edge_status(self) -> dict[str, Any]:
        """Return what the edge says of itself, {} while it says nothing."""
        return _read(self.files / "edge" / "status.json")

    def _exchange(self, lacking: Callable[[], str]) -> None:
        """Serve the docks until nothing is lacking."""
        self.world.run_docked(lambda: not lacking(), _Patience(self._mend, lacking).tried)

    def _until(self, done: Callable[[], bool], what: Callable[[], str]) -> None:
        patience = _Patience(self._mend, what)
        while not done():
            patience.tried()
            time.sleep(LOOK_S)

    def _strike(self, last: bool = False) -> None:
        """Let happen to broker and lines what is due now; `last`: whatever is left, in turn."""
        while said := self.faults.strike(last):
            self.show.step("; ".join(said))
            if not last:
                return
            self._mend()

    def _mend(self) -> None:
        self.faults.look()
        for name in self.services.mend():
            self.show.step(f"{name} had died and was started again")

    def _due(self) -> dict[str, int]:
        """Return {"device-role": version} the publisher has made for this night, {} if not yet."""
        published = _read(self.files / "versions.json")
        manifests = published.get("manifests", {})
        if not manifests or not self._lists_are_made(published):
            return {}
        now = self.world.clock.utc_seconds()
        found = {}
        for index, board in enumerate(self.world.boards):
            device = board.device
            authority = (
                system.TOWN if board.name == "office" else system.authority_of(index, self.settings)
            )
            lease = manifests.get(f"lease-{device}-0")
            if lease is None or lease["made"] < now - FRESH_S:
                return {}
            actions = () if board.name == "office" else (("actions", f"actions-{authority}"),)
            for role, name in (
                *actions,
                ("tariff", f"tariff-{authority}"),
                ("hotlist", "hotlist-0"),
                ("overlay", "overlay-0"),
                ("lease", f"lease-{device}-0"),
            ):
                if name not in manifests:
                    return {}
                found[f"{device}-{role}"] = int(manifests[name]["version"])
        return found

    def _edge_holds(self, wanted: dict[str, int]) -> bool:
        held = self._held()
        return all(held.get(name, 0) >= version for name, version in wanted.items())

    def _held(self) -> dict[str, int]:
        """Return {"device-role": version} of what lies at the edge."""
        rows = self.edge_status().get("packages", [])
        return {f"{row['device']}-{row['role']}": row["version"] for row in rows}

    def _on_the_way(self, wanted: dict[str, int]) -> str:
        """Say what is waited for; it reads otherwise whenever another package has come."""
        held = self._held()
        there = sum(held.get(name, 0) >= version for name, version in wanted.items())
        return f"the ledger's packages to reach the edge ({there} of {len(wanted)} are there)"

    def _lists_are_made(self, published: dict[str, Any]) -> bool:
        extra = published.get("extra", {})
        cards = _read(self.files / "tariffs" / "hotlist.json").get("cards", [])
        base, overlay = extra.get("hotlist-0") or [], extra.get("overlay-0") or [0, []]
        return len(base) + len(overlay[1]) == len(cards)

    def _leases_know_the_lists(self, published: dict[str, Any]) -> bool:
        manifests, extra = published.get("manifests", {}), published.get("extra", {})
        if "overlay-0" not in manifests or not self._lists_are_made(published):
            return False
        version = manifests["overlay-0"]["version"]
        leases = [extra.get(f"lease-{board.device}-0") for board in self.world.boards]
        return all(lease and lease["of"].get("v_overlay") == version for lease in leases)

    def _package_lacking(self, boards: list[BoardProcess], wanted: dict[str, int]) -> str:
        """Return what the first board that has not all its packages lacks, "" if none does."""
        for board in boards:
            for role in STATED:
                version = wanted.get(f"{board.device}-{role}", 0)
                if board.packages.get(role, 0) < version:
                    return f"{board.name}: {role} {version}, it has {board.packages.get(role, 0)}"
        return ""


def _not_acknowledged(boards: list[BoardProcess]) -> str:
    """Return which board's journal is not acknowledged to its head, "" if each one is."""
    for board in boards:
        head, acked = board.journal
        if head == 0 or acked != head:
            return f"{board.name}: entries acknowledged up to {acked} of {head}"
    return ""


class _Patience:
    """Counts how long nothing was achieved; mends what died; gives up with a reason."""

    def __init__(self, mend: Callable[[], None], lacks: Callable[[], str]) -> None:
        self.mend = mend
        self.lacks = lacks
        self.since = time.monotonic()
        self.before = ""

    def tried(self) -> None:
        """Nothing happened just now. Raises: DemoError after too long."""
        self.mend()
        now, lacks = time.monotonic(), self.lacks()
        if lacks != self.before:
            self.since, self.before = now, lacks
        if now - self.since > PATIENCE_S:
            raise DemoError(
                f"nothing moved for {PATIENCE_S:.0f} s while waiting for {lacks}; "
                "the logs folder says what each program did"
            )


def _read(path: Any) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
