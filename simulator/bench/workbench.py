"""One validator on a bench: its files, a world of its own and a card, for tests and measurements.

Made by the programs that make them in a depot: the keyring provisions, the issuing office makes
the card, the firmware's own SlotWriter installs the packages. Only the docking is left out.
`python -m simulator.bench.workbench` prints the smallest heap in KiB in which the validator works.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.card_layout import K2
from card_layouts.cards.tourist_sale import recipe_of
from card_layouts.cards.tourist_ticket import ticket_keys
from card_layouts.cards.zones import ZONES_ALL
from card_layouts.crypto.pin import pin_row
from card_layouts.packages.action_list_builder import build_action_list
from card_layouts.packages.hotlist_builder import build_base
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from card_layouts.packages.lease import (
    RIGHT_BLOCK,
    RIGHT_DEBIT,
    RIGHT_LOAD,
    RIGHT_SELL,
    seal_lease,
    wrap_key,
)
from card_layouts.packages.manifest import (
    ACTIONS,
    CERTIFICATE,
    HOTLIST,
    LEASE,
    MANIFEST,
    TARIFF,
    seal_envelope,
)
from card_layouts.records.entries_service import ACT_LOAD
from edge_agent.counter.issue_station import KEY_VERSION
from firmware.package_slots import SlotWriter
from firmware.partitions import FLASH_BYTES, PACKAGES
from firmware.tools.board_command import HEAP_KIB, board_command
from firmware.tools.build_image import build_image
from firmware.tools.provision import write_board
from simulator.boards.board_process import BoardFailed, BoardProcess, micropython_path
from simulator.boards.world import World
from simulator.clock import WorldClock
from simulator.demo.issuing import IssuingOffice
from simulator.demo.passengers import PLAIN, Rider
from simulator.demo.system import TARIFFS, TOWN_FEED
from simulator.demo.taps import power_on
from simulator.desfire_card import Cut
from simulator.field import Card, Tear, answer_lost
from simulator.flash import Flash
from simulator.prng import Prng
from simulator.ultralight_c import UltralightC
from simulator.worlds.ticket_world import Station
from simulator.worlds.vehicle_world import DRIVER, PIN, SIGN_ON, pieces

AUTHORITY, OPERATOR, DEVICE, OFFICE = 1, 10, 11, 1
START = 203_000_000  # seconds since 2020: June 2026
HOUR_MS = 3_600_000
FIELD_KEPT_MS = 500  # a little longer than a validator looks again for a card
K_ACT = b"k" * 16
LOAD = {"kind": ACT_LOAD, "k": 2, "amount": 1000, "action": 2}
SIGNATURE = (b"\x01\x02\x03\x04", bytes(64))  # checked at the dock, not at boot
LISTED = bytes.fromhex("04010203040506")
TICKET_UID = bytes.fromhex("04aa01bb02cc03")
DAY_S = 86400
ACK_LOST = Tear(exchange=8, cut=Cut("out", 0), back_after_polls=1)  # of a ticket's count
HEAP_LIVE_MAX_KIB = 512


class Workbench:
    """One validator; `card` is the one issued, with `cents` on it, `ticket` a tourist's.

    Units: heap_kib beside the image, which is built unless given. `trace`: the board tells of
    slots and commits.
    """

    def __init__(
        self,
        folder: Path,
        cents: int = 2000,
        trace: bool = False,
        heap_kib: int = HEAP_KIB,
        image: Path | None = None,
        sells: bool = False,
    ) -> None:
        self.config_path, self.flash_path = folder / "board.json", folder / "board.flash"
        self.heap_kib = heap_kib
        self.trace = trace
        self.image = image or build_image(folder / "tornello.romfs").path
        self.clock = WorldClock(START)
        self.world = World(self.clock)
        device, office, certificate = _provision(folder / "keyring", sells)
        place = {"trip": 0, "call": 0, "stop": 0}
        pins = pin_row(device["cfg"], DRIVER, PIN)
        write_board({**device, "profile": place, "pins": pins}, self.config_path, self.flash_path)
        self.k_block = device["K_block"]  # of the first journal block: the board's file lacks it
        self.k_cfg = device["cfg"]
        self._install(device["cfg"], device["wrap"], certificate)
        write_board(office, folder / "office.json", folder / "office.flash")
        self.desk = IssuingOffice(office, folder / "office.flash", self.clock, Prng(3))
        self.card = self.desk.issue(1, Rider(0, (0, 0), cents, PLAIN), folder / "card.json").card
        self.ticket = _sold_ticket(office)
        self.board = BoardProcess(
            "V1", DEVICE, self.clock, Prng(4), self.command, folder / "board.log"
        )
        self.world.boards.append(self.board)

    def command(self, board: BoardProcess) -> list[str]:
        """Return the command that starts the validator."""
        return board_command(
            micropython_path(),
            self.image,
            self.config_path,
            board.reader.path,
            board.link.path,
            board.control_line.path,
            self.flash_path,
            self.trace,
            self.heap_kib,
        )

    def power_on(self) -> None:
        """Start the validator; return when it is ready and waits."""
        power_on(self.world, self.board)

    def tap(self, *tears: Tear, card: Card | None = None) -> list[tuple[str, str]]:
        """Lay the card (or another), keep it while the validator may look again, take it.

        Return what the validator signalled.
        """
        card = card or self.card
        self.board.field.plan(*tears)
        first = len(self.board.signals)
        self.board.lay(card)
        self.world.settle()
        self.world.run_for(FIELD_KEPT_MS)
        self.board.take(card)
        self.world.run_for(FIELD_KEPT_MS)
        return self.board.signals[first:]

    def scan(self, code: str) -> list[tuple[str, str]]:
        """Hold a code before the scanner; return what the validator signalled."""
        return self.say(*pieces(code))

    def close(self) -> None:
        self.board.close()

    def say(self, *messages: str) -> list[tuple[str, str]]:
        """Give messages of the driver's or the scanner's; return what the validator signalled."""
        first = len(self.board.signals)
        for message in messages:
            self.board.press(message)
        self.world.settle()
        self.world.run_for(FIELD_KEPT_MS)
        return self.board.signals[first:]

    def list_actions(self, *lines: dict[str, Any]) -> None:
        """Install an action list of these lines for the card, before the validator is started."""
        key = self.desk.keys.card_key(K2, KEY_VERSION, self.card.uid)
        times = {"valid_from": START - 100, "valid_to": START + 30 * DAY_S}
        rows = [{"uid": self.card.uid, "K": key, **times, **line} for line in lines]
        flash = Flash(FLASH_BYTES, self.flash_path)
        install(flash, ACTIONS, build_action_list(1, AUTHORITY, 1, K_ACT, rows), self.k_cfg)
        flash.close()

    def _install(self, k_cfg: bytes, k_wrap: bytes, certificate: bytes) -> None:
        flash = Flash(FLASH_BYTES, self.flash_path)
        lease = {
            "device": DEVICE,
            "lease": 1,
            "not_before": START - 100,
            "not_after": START + 7 * DAY_S,
            "max_taps": 1000,
            "max_cents": 100_000,
            "rights": RIGHT_DEBIT | RIGHT_LOAD | RIGHT_BLOCK | RIGHT_SELL,
            "generation": 1,
            "K_act": wrap_key(k_wrap, K_ACT),
            "time": START,
        }
        tariff = write_package(read_tariff(TARIFFS / "tariff.toml").book, read_feed(TOWN_FEED))
        hotlist = build_base(1, [(LISTED, HOT_BLOCK, 1)], AUTHORITY)
        rows = [(LEASE, seal_lease(lease, k_cfg)), (TARIFF, tariff), (HOTLIST, hotlist)]
        rows += [(CERTIFICATE, certificate)] if certificate else []
        for role, body in rows:
            install(flash, role, body, k_cfg)
        flash.close()


def _provision(folder: Path, sells: bool) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    folder.mkdir()
    certificate = b""
    write_keys(folder / KEY_FILE, make_keys([AUTHORITY], seed="workbench"))
    keyring = LocalKeyring(folder)
    try:
        kind = "vehicle" if sells else "validator"
        device = keyring.provision(DEVICE, 0, AUTHORITY, OPERATOR, "depot", kind)
        if sells:
            request = {"device": DEVICE, "epoch": 0, "from_day": START // DAY_S - 1}
            certificate = keyring.assemble("certificate", request)
        office = keyring.provision(OFFICE, 0, AUTHORITY, OPERATOR, "depot", "issuer")
    finally:
        keyring.close()
    return device, office, certificate


def _sold_ticket(office: dict[str, Any]) -> UltralightC:
    """Return a tourist ticket for a week everywhere, as the office sells it."""
    card = UltralightC.blank(TICKET_UID, Prng(6).bytes)
    day = START // DAY_S
    header = {"authority": AUTHORITY, "product": 70, "days": 7, "zones": ZONES_ALL,
              "sold": day, "activate_by": day + 30, "price": 1600}  # fmt: skip
    keys = ticket_keys(office["card_keys"][office["generation"]]["TICKET"], card.uid)
    Station(card).sell(recipe_of(keys, card.uid, header, OFFICE))
    return card


def install(flash: Flash, role: int, body: bytes, k_cfg: bytes) -> None:
    """Put version 1 of a role into its first slot, sealed for the device whose K_cfg this is."""
    first_block = next(row[1] for row in PACKAGES if row[0] == role)
    writer = SlotWriter(flash, first_block * flash.block_bytes, len(body))
    writer.write(body)
    manifest = MANIFEST.pack(
        {
            "layout": 1,
            "role": role,
            "authority": AUTHORITY,
            "version": 1,
            "size": len(body),
            "made": START,
            "sha256": hashlib.sha256(body).digest(),
        }
    )
    writer.switch(seal_envelope(manifest, [SIGNATURE], k_cfg), 1)


def smallest_heap_kib(sells: bool = False) -> int:
    """Return the smallest heap beside the image in which boot and taps work, in KiB.

    The taps: one that loads what waits in an action list and pays, one whose commit is lost and
    settled in the same field, one more an hour later; two with a tourist ticket, too. A vehicle's
    device, which `sells`, then has a shift: a single ticket is sold and scanned, a card is tapped
    while the next one is signed, which is voided.
    MicroPython's words are 8 bytes here, 4 on a Cortex-M: a board needs about half.
    """
    with tempfile.TemporaryDirectory() as folder:
        image = build_image(Path(folder) / "tornello.romfs").path
        low, high = 1, HEAP_LIVE_MAX_KIB  # low fails, high works
        failed = _failure(image, high, sells)
        assert not failed, f"the validator fails in {high} KiB: {failed}"
        while high - low > 1:
            middle = (low + high) // 2
            if _failure(image, middle, sells):
                low = middle
            else:
                high = middle
        return high


def _failure(image: Path, heap_kib: int, sells: bool) -> str:
    """Return why the taps do not go well in this heap, "" if they do.

    Every attempt has a card, a ticket and a flash of its own: one that ran out of heap in a tap
    leaves an open intent, and the next tap of that card is another story.
    """
    with tempfile.TemporaryDirectory() as folder:
        bench = Workbench(Path(folder), cents=20_000, heap_kib=heap_kib, image=image, sells=sells)
        try:
            bench.list_actions(LOAD)
            bench.power_on()
            answers = _answers(bench.tap())
            bench.world.run_for(HOUR_MS)
            answers += _answers(bench.tap(answer_lost(1)))
            answers += _answers(bench.tap(card=bench.ticket))
            bench.world.run_for(HOUR_MS)
            answers += _answers(bench.tap(ACK_LOST, card=bench.ticket))
            wanted = ["ACCEPTED", "HOLD_AGAIN", "ACCEPTED_SETTLED"] * 2
            if sells:
                answers += _singles(bench)
                wanted += ["open 1 33", "ACCEPTED", "ACCEPTED", "printed"]
                wanted += ["voided 3 2 300", "shift closed 1 33"]
            return "" if answers == wanted else f"answers {answers}"
        except BoardFailed as error:
            return str(error)
        finally:
            bench.close()


def _singles(bench: Workbench) -> list[str]:
    """A driver's shift: sell and scan a ticket, sell another while a card is tapped, void it.

    Return what came of it.
    """
    answers = [detail for name, detail in bench.say(SIGN_ON) if name == "shift"]
    answers += _answers(bench.scan(paper_code(bench.say("sell 1 0 0 0 1"))))
    bench.world.run_for(HOUR_MS)
    bench.board.press("sell 2 0 0 0 1")
    signals = bench.tap()
    answers += [*_answers(signals), "printed" if paper_code(signals) else "no paper"]
    ended = bench.say("void 3 2", f"signoff {PIN} 300")
    return answers + [" ".join(row) for row in ended if row[0] in ("voided", "shift")]


def paper_code(signals: list[tuple[str, str]]) -> str:
    """Return the code of the one ticket that was printed whole, "" if there is none."""
    paper = [detail for name, detail in signals if name == "paper"]
    pieces = [detail[len("code ") :] for detail in paper if detail.startswith("code ")]
    return "".join(pieces) if "end" in paper else ""


def _answers(signals: list[tuple[str, str]]) -> list[str]:
    return [detail for name, detail in signals if name == "answer"]


if __name__ == "__main__":
    print(smallest_heap_kib())
