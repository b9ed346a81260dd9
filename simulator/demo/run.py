"""Plays one demo: starts the programs, makes the taps happen, docks at night, and reconciles.

The validators' state is on their flash, the cards' in their images, the money's in the databases;
what this program itself must remember to go on after a kill is `progress` (`demo_files.py`).
"""

import json
import os
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend_sync.catalogue import every_tariff
from backend_sync.keyring.remote import RemoteKeyring
from backend_sync.ledger.batches import CardBatch
from backend_sync.ledger.differences import differences
from backend_sync.ledger.ledger import Ledger
from edge_agent.counter.card_image import read_image
from simulator.boards.board_process import BoardProcess, micropython_version
from simulator.boards.world import World
from simulator.clock import WorldClock
from simulator.demo import system
from simulator.demo.docks import Docks
from simulator.demo.faults import Faults
from simulator.demo.files import DemoFiles, Settings
from simulator.demo.forger import Forger
from simulator.demo.passengers import DAY_S, DAYS, KILLED, Step
from simulator.demo.services import Services, free_port
from simulator.demo.settlement import settle
from simulator.demo.show import Show, sentence
from simulator.demo.taps import Taps, power_on
from simulator.demo.tickets import read_tickets, ticket_sales
from simulator.desfire_card import DesfireCard, FileStorage
from simulator.prng import Prng

NIGHT_S = 22 * 3600  # UTC: when vehicles stand in the depot
OURS = ("backend_sync", "edge_agent", "iotcore", "micropython")


class Demo:
    """One demo in its folder."""

    def __init__(
        self,
        files: DemoFiles,
        settings: Settings,
        progress: dict[str, Any],
        show: Show,
        faults: Faults,
    ) -> None:
        self.files = files
        self.faults = faults
        self.settings = settings
        self.progress = progress
        self.show = show
        self.feed = system.read_network(settings)
        self.plan = system.draw_plan(settings, self.feed)
        self.clock = WorldClock(system.FIRST_MIDNIGHT)
        self.world = World(self.clock)
        self.services = Services(files.root)
        self.prng = Prng(settings.seed)
        self.micropython = ""
        self.surprises = 0

    # --- start ---

    def start(self) -> None:
        """Bring everything up; progress is shown a line at a time."""
        show, files = self.show, self.files
        show.step(
            f"network: {len(self.feed.stops)} stops, {len(self.feed.lines)} lines, "
            f"{len(self.feed.trips)} trips, zones {', '.join(self.feed.zones()) or 'none'}"
        )
        self.micropython = micropython_version()
        _reap(files)
        if not self.progress["prepared"]:
            show.step(f"keys, tariffs and {self.settings.cards} cards")
            system.prepare(files, self.settings, self.feed, self.plan)
            self._save(prepared=True)
        show.step("firmware image")
        system.build_image(files, self.settings.plant)
        self.clock.advance_to(self.progress["now_ms"])
        self._make_boards()
        self._start_services()
        self._start_boards()
        cards = [self._card(number) for number in range(1, self.settings.cards + 1)]
        tickets = read_tickets(files, self.prng)
        self.taps = Taps(self.world, self.plan, [*cards, *tickets], self.place)
        self._restore_counts()
        self.docks = Docks(files, self.settings, self.world, self.services, show, self.faults)
        if self.progress["docked_day"] < 0 and self.progress["step"] == 0:
            self._dock(-1, system.OFFICE_NIGHT_S)
        show.step("ready: the first passenger taps")

    def _make_boards(self) -> None:
        for validator in range(self.settings.validators):
            self._make_board(f"V{validator + 1}", system.device_of(validator))
        self._make_board("office", system.OFFICE_DEVICE)

    def _make_board(self, name: str, device: int) -> None:
        files = self.files
        board = BoardProcess(
            name,
            device,
            self.clock,
            self.prng.fork(f"board {device} {self.progress['step']}"),
            lambda board: system.start_command(files, board, self.show.trace),
            files.log(name),
        )
        board.on_signal = lambda signal_name, detail: self._signalled(board, signal_name, detail)
        self.world.boards.append(board)

    def _start_services(self) -> None:
        show, files = self.show, self.files
        port = free_port()
        docks = {board.name.lower(): board.dock.path for board in self.world.boards}
        system.start_configs(files, self.faults.lines(port), docks)
        self.set_clock()
        show.step(f"broker on 127.0.0.1:{port}")
        self.services.add(system.broker(files, port, self.faults.asked.broker))
        self.faults.broker = self.services.named("broker")
        show.step("keyring")
        self.services.add(system.keyring_service(files))
        self._import()
        show.step("ledger")
        self.services.add(system.ledger_service(files, self.settings.plant))
        show.step("edge")
        self.services.add(system.edge_service(files, self.faults.on_island))
        if self.settings.plant == "forged-acks":
            self.forger = Forger(self.settings, port)

    def _import(self) -> None:
        """Tell the registers which cards were issued and which loads were paid."""
        rows = (self.files / "issues.bin").read_bytes()
        sales = json.loads((self.files / "sales.json").read_text())
        with suppress(FileNotFoundError):
            (self.files / "ledger-status.json").unlink()
        batches = json.loads((self.files / "batches.json").read_text())
        ledger = self.ledger()
        ledger.import_batches(
            [CardBatch(b["authority"], b["batch"], bytes.fromhex(b["head"])) for b in batches]
        )
        ledger.import_issues([rows[at : at + 64] for at in range(0, len(rows), 64)])
        ledger.import_sales(
            [
                (f"demo-{s['sale_id']}", s["action_id"], s["cents"], "counter", s["time"])
                for s in sales
            ]
        )
        ledger.import_tickets(ticket_sales(self.files))
        ledger.close()

    def _start_boards(self) -> None:
        for board in self.world.boards:
            self.show.step(f"{board.name}: MicroPython {self.micropython}")
            power_on(self.world, board)
            self.services.others[board.name] = board.pid
        self.services.write_pids()

    # --- the week ---

    def play(self) -> None:
        """Make every tap of the plan happen, with a dock in each night between them."""
        steps = self.plan.steps
        for index in range(self.progress["step"], len(steps)):
            day = self.plan.day_of(index)
            if day - 1 > self.progress["docked_day"]:
                self._dock(day - 1, (day - 1) * DAY_S + NIGHT_S)
            self._save(step=index)
            self._tap(index, steps[index])
        self._save(step=len(steps))
        self._dock(DAYS - 1, max((DAYS - 1) * DAY_S + NIGHT_S, steps[-1].at_s + 600))

    def _tap(self, index: int, step: Step) -> None:
        before = self._balance(step.card)
        tapped = self.taps.tap(step)
        if tapped.surprising:
            self.surprises += 1
        if step.kind == "power cut":
            self.services.others[self.world.boards[step.validator].name] = self.world.boards[
                step.validator
            ].pid
            self.services.write_pids()
        line, stop = self._where(step)
        self.show.tap(
            index + 1,
            len(self.plan.steps),
            tapped,
            f"{line} {stop}",
            before - self._balance(step.card),
        )

    def _dock(self, day: int, at_s: int) -> None:
        """Dock who is in the depot on the night after `day`; -1 is the night before the first."""
        self.world.advance_to(max(at_s * 1000, self.clock.now_ms + 1000))
        if day == 0:
            self._list_killed()
        self.docks.wait_for_lists()
        self.set_clock()
        stays_out = 0 <= day < 3 and self.settings.validators > 1
        out = {self.settings.validators - 1} if stays_out else set()
        if self.settings.plant == "forged-acks" and day == 0:
            self.forger.strike()
        self.docks.dock(
            [board for index, board in enumerate(self.world.boards) if index not in out], day
        )
        self._save(docked_day=day)

    def _list_killed(self) -> None:
        """In the first night the lost cards are listed too: by the running keyring's pseudonyms."""
        self.services.mend()  # somebody may have killed it since it was last needed
        keyring = RemoteKeyring(self.files / "keyring" / "keyring.sock")
        system.list_cards(self.files, keyring, self.plan, fates=("hotlisted", KILLED))
        keyring.close()

    # --- the end ---

    def finish(self) -> dict[str, Any]:
        """Stop the programs in order and reconcile: the whole result as plain values."""
        self.docks.drain()
        self.show.step("all docked and drained; reconciling")
        edge = self.docks.edge_status()
        if self.settings.plant == "forged-acks":
            self.forger.close()
        for name in ("edge", "ledger"):
            self.services.named(name).stop()
        ledger = self.ledger()
        while ledger.audit():
            pass
        self.show.step("closing the last service day")
        settled = settle(self.files, ledger, system.EDGE, system.FIRST_MIDNIGHT // DAY_S + DAYS - 1)
        report = ledger.report(with_cards=True)
        report["settlement"] = settled
        report["differences"] = differences(ledger.database, ledger.keyring, ledger.auditor.tariffs)
        ledger.close()
        return self._result(report, edge)

    def _result(self, report: dict[str, Any], edge: dict[str, Any]) -> dict[str, Any]:
        images = [
            read_image(self.files.card(number)) for number in range(1, self.settings.cards + 1)
        ]
        rows = {row["pseudonym"]: row for row in report.pop("card_rows")}
        pseudonyms = [p.hex() for p in self._pseudonyms([image.uid for image in images])]
        result = dict(report)
        result.update(
            taps=sum(self.taps.kinds.values()),
            ledger_taps=report["taps"],
            kinds={kind: self.taps.kinds[kind] for kind in self.taps.kinds},
            cards_cents=sum(image.balance_cents for image in images),
            micropython=self.micropython,
            validators=self.settings.validators,
            seed=self.settings.seed,
            torn_unknown=sum(self.taps.unknown.values()),
            surprises=self.surprises,
            unsent=edge["unsent"],
            forged_acks=edge["forged_acks"],
            deleted_on_forged=edge["deleted"],
            missing_cards=len(report["missing_money"]),
            card_list=[
                {
                    "card": number,
                    "cents": image.balance_cents,
                    "n": image.n,
                    "ledger_cents": rows[pseudonym]["balance_cents"],
                }
                for number, (image, pseudonym) in enumerate(zip(images, pseudonyms, strict=True), 1)
            ],
            entries_sha256=self._entries_hash(),
        )
        result["injected"] = self.faults.injected()
        result["partitions_skipped"] = self.faults.no_cable
        result["never_injected"] = self.faults.missed()
        result["sentence"] = sentence(result)
        result["ok"] = result["sentence"].startswith("Reconciled")
        return result

    def stop(self) -> None:
        """End every process; what is on disk stays."""
        for board in self.world.boards:
            board.close()
        self.services.stop()
        self.faults.close()

    # --- small things ---

    def _card(self, number: int) -> DesfireCard:
        storage = FileStorage(self.files.card(number))
        return DesfireCard(storage.load(), self.prng.fork(f"card {number}").bytes, storage)

    def _balance(self, card: int) -> int:
        if card >= self.settings.cards:
            return 0  # a ticket is paid beforehand
        return read_image(self.files.card(card + 1)).balance_cents

    def place(self, step: Step) -> str:
        """Return the message that tells a validator where its vehicle is (W-36)."""
        trip = self.feed.trips[step.trip]
        return f"place {trip.line & 1023} {step.trip} {step.call} {trip.stops[step.call]}"

    def _where(self, step: Step) -> tuple[str, str]:
        trip = self.feed.trips[step.trip]
        stop = self.feed.stops[trip.stops[step.call]]
        return self.feed.lines[trip.line].name, f"{stop.name} ({stop.zone or '-'})"

    def _signalled(self, board: BoardProcess, name: str, detail: str) -> None:
        if name in ("flash", "sent"):
            self.show.traced(f"{board.name} {name} {detail}")

    def set_clock(self) -> None:
        """Tell the inland programs the time of this world."""
        system.write_clock(self.files, self.clock.utc_seconds())

    def _save(self, **changes: Any) -> None:
        self.progress.update(changes, now_ms=self.clock.now_ms)
        if hasattr(self, "taps"):
            self.progress.update(
                kinds=dict(self.taps.kinds),
                tears=dict(self.taps.tears),
                unknown={str(card): n for card, n in self.taps.unknown.items()},
                surprises=self.surprises,
            )
        self.files.save(self.settings, self.progress)

    def _restore_counts(self) -> None:
        self.taps.kinds = Counter(self.progress.get("kinds", {}))
        self.taps.tears = Counter(self.progress.get("tears", {}))
        self.taps.unknown = Counter(
            {int(card): count for card, count in self.progress.get("unknown", {}).items()}
        )
        self.surprises = self.progress.get("surprises", 0)

    def ledger(self) -> Ledger:
        """Open the ledger for writing, beside its service or after it; stamps by world time."""
        keyring = RemoteKeyring(self.files / "keyring" / "keyring.sock")
        clock = WorldClock(self.clock.utc_seconds())
        return Ledger(
            f"sqlite:///{self.files / 'ledger.db'}",
            _Stamps(clock),
            keyring,
            every_tariff(self.files / "tariffs"),
            system.EDGE_AUTHORITY,
        )

    def _pseudonyms(self, uids: list[bytes]) -> list[bytes]:
        keyring = RemoteKeyring(self.files / "keyring" / "keyring.sock")
        try:
            return keyring.pseudonyms(uids)
        finally:
            keyring.close()

    def _entries_hash(self) -> str:
        """Return a hash over the sorted set of sealed entries: the same seed gives the same."""
        return system.entries_hash(self.files)


class _Stamps:
    """The ledger's clock while this program opens it: stamps by world time, waits for nobody."""

    def __init__(self, clock: WorldClock) -> None:
        self.clock = clock

    def utc_seconds(self) -> int:
        return self.clock.utc_seconds()

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


def _reap(files: DemoFiles) -> None:
    """End what an earlier run of this folder left behind, if those processes are still ours."""
    try:
        pids = json.loads((files / "pids.json").read_text())
    except (OSError, ValueError):
        return
    for pid in pids.values():
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
            if (
                any(name in words for name in OURS)
                and str(files.root) in words
                or "iotcore" in words
            ):
                os.kill(pid, signal.SIGKILL)
