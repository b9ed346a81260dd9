"""Boards in process: the validator's own program, and the counter's, on simulated parts.

A board dies where the power goes (FlashPowerLost comes out of its program) and is started again
from what is in its flash, as a real one is. What the passenger sees is kept in `shown`.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from card_layouts.crypto.kdf import next_block_key
from card_layouts.records.entries import OPENING, UID_END, record_from
from card_layouts.records.slot import SLOT_BYTES, SLOT_HEADER, Sealer, block_ordinal, check_crc
from firmware.app import Validator
from firmware.configuration import keys_of, publics_of
from firmware.device_clock import DeviceClock
from firmware.dock import Dock
from firmware.journal import Journal
from firmware.journal_block import JournalDamaged
from firmware.station import Station
from firmware.updates import Updates
from simulator.clock import DeviceClock as Watch
from simulator.clock import WorldClock
from simulator.field import Card, Field
from simulator.flash import BLOCK_BYTES, Flash, FlashPowerLost
from simulator.histories.cable import BoardEnd
from simulator.histories.chips import staged_record
from simulator.histories.places import DESK, PACKAGES, device_name, flash_blocks, journal_blocks
from simulator.histories.town import profile, town
from simulator.prng import Prng
from simulator.reader import DirectReader

COMMIT = 0xC7
UNKNOWN = -1
EXCHANGE_MS = 3
IMAGE_HASH, VERSION = bytes(16), "1.0.0"
TICKS_MAX = 4000  # a dock session's longest piece of work between two looks at the line
Told = Callable[[str], None]


class Screen(NamedTuple):
    """What stood on a screen while a lamp was lit."""

    lines: list[str]
    lamp: str


class Shown:
    """The Signals and Screen ports: what a passenger sees and hears."""

    def __init__(self) -> None:
        self.screen: Screen | None = None  # the last answer since this was asked
        self.rows: list[tuple[str, str]] = []
        self.switched: dict[str, int] = {}  # role -> the version that was said last

    def signal(self, name: str, detail: str) -> None:
        self.rows.append((name, detail))
        if name == "package":
            role, version, _ = detail.split(" ")
            self.switched[role] = int(version)

    def show(self, lines: list[str], lamp: str) -> None:
        """Keep an answer's screen; between two taps no lamp is lit."""
        if lamp:
            self.screen = Screen(lines, lamp)

    def take(self) -> list[tuple[str, str]]:
        """Return what was shown since this was asked last."""
        rows, self.rows, self.screen = self.rows, [], None
        return rows


class WatchedReader(DirectReader):
    """The reader, on a clock, with an eye on what goes before a commit (I6)."""

    def __init__(
        self, field: Field, clock: WorldClock, before_commit: Callable[[Card | None], None]
    ) -> None:
        super().__init__(field)
        self.clock = clock
        self.before_commit = before_commit
        self.after_commit: Callable[[], None] | None = None  # whatever became of its answer
        self.relay_ms = 0
        self.commits = 0  # since somebody looked

    def exchange(self, frame: bytearray, length: int) -> int:
        self.clock.now_ms += EXCHANGE_MS + self.relay_ms
        if not length or frame[0] != COMMIT:
            return super().exchange(frame, length)
        self.commits += 1
        powered = (card for card in self.field.cards if card.powered and card.uid == self._uid)
        self.before_commit(next(powered, None))
        try:
            return super().exchange(frame, length)
        finally:
            if self.after_commit is not None:
                self.after_commit()


class Random:
    """The entropy port over a stream."""

    def __init__(self, prng: Prng) -> None:
        self.random_bytes = prng.bytes


class Ports:
    """What `firmware.app` is given."""

    def __init__(self, board: "Board") -> None:
        self.clock = board.watch
        self.entropy = Random(board.prng.fork("cards"))
        self.link_entropy = board.prng.fork("link").bytes
        self.reader = board.reader
        self.flash = board.flash
        self.link = board.link
        self.screen = self.signals = board.shown
        self.keys = keys_of(town().configs[board.device])


class Board:
    """A board's parts; `Gate` and `Desk` put a program on them."""

    def __init__(self, device: int, stop: int, clock: WorldClock, prng: Prng) -> None:
        self.device, self.stop = device, stop
        self.name = device_name(device)
        self.clock, self.prng = clock, prng
        self.watch = Watch(clock)
        self.flash = Flash(flash_blocks(device) * BLOCK_BYTES, observe=self._programmed)
        self.flash.restore(town().flashes[device])
        self.field = Field()
        self.reader = WatchedReader(self.field, clock, self._before_commit)
        self.shown = Shown()
        self.link = BoardEnd()
        self.slots: dict[int, bytes] = {}  # every entry this journal ever made durable, in order
        self.is_on = self.is_gone = False
        self.boots = 0
        self.bad_blocks = 0  # of its flash, worn or dead
        self.unannounced: list[str] = []  # commits that went out without a durable intent (I6)
        self._last_slot = -1
        self.journal: Any = None
        self.dock: Any = None

    # Power ----------------------------------------------------------------------------

    def power_on(self) -> bool:
        """Start the program on what is in the flash; False if the power went again."""
        self.boots += 1
        self.prng = self.prng.fork("boot")
        self.watch.restart()
        self._last_slot = -1
        try:
            self.journal = Journal(self.flash, 0, journal_blocks(self.device)).mount()
            self._start(Ports(self))
        except FlashPowerLost:
            self.power_off()
            return False
        self.is_on = True
        self.witness()
        return True

    def power_off(self) -> None:
        """Lose all that is not in the flash; the field goes with it."""
        self.is_on = False
        self.journal = self.dock = None
        self.link.waiting = b""
        for card in list(self.field.cards):
            self.field.take(card)

    def guarded(self, work: Callable[[], Any]) -> Any:
        """Do a piece of the program's work; None if the power went in the middle of it."""
        try:
            return work()
        except FlashPowerLost:
            self.power_off()
            return None

    def _start(self, ports: Ports) -> None:
        raise NotImplementedError

    def tick(self) -> bool:
        """Serve the dock; say whether there is more to do at once."""
        raise NotImplementedError

    # What happened, without asking the program ----------------------------------------

    def witness(self) -> list[int]:
        """Note entries that became durable since; return their seqs."""
        if self.journal is None:
            return []
        fresh: list[int] = []
        seq = (next(reversed(self.slots)) if self.slots else self.journal.first_kept_seq - 1) + 1
        if seq > self.journal.head_seq:
            return fresh
        slot = bytearray(SLOT_BYTES)
        while seq <= self.journal.head_seq:
            if not self.journal.read_slot(seq, slot):
                break
            self.slots[seq] = bytes(slot)
            fresh.append(seq)
            seq += 1
        return fresh

    def holds(self, seq: int) -> bool:
        """Say whether an entry can still be read back from this board's flash."""
        return bool(self.journal is not None and self.journal.first_kept_seq <= seq)

    def _programmed(self, name: str, offset: int, length: int) -> None:
        if name == "program" and length == SLOT_BYTES:
            self._last_slot = offset

    def _before_commit(self, card: Card | None) -> None:
        """The last slot programmed since power-up or the last commit must announce this one.

        What it announces is this card, and byte for byte the record that waits there; a card that
        is away already (None) has forgotten both.
        """
        at, self._last_slot = self._last_slot, -1
        found = self._announced(at) if at >= 0 else None
        waits = (card.uid, staged_record(card)) if card is not None else found
        if found is None or found != waits:
            what = "no durable entry announced" if found is None else "another entry announced"
            self.unannounced.append(f"{self.name} sent a commit that {what}")

    def _announced(self, at: int) -> tuple[bytes, bytes] | None:
        """Return the card and the record that a slot announces, None if it announces none."""
        slot = bytearray(SLOT_BYTES)
        self.flash.read(at, slot)
        if not check_crc(slot) or SLOT_HEADER.get(slot, "type") not in OPENING:
            return None
        header = SLOT_HEADER.unpack(slot)
        ordinal = block_ordinal(header["seq"], header["block"])
        payload = _sealer(self.device, ordinal).open_seal(slot)
        return payload[:UID_END], record_from(header, payload)


@cache
def _sealer(device: int, ordinal: int) -> Sealer:
    """Return what opens the entries of one block of a board's journal."""
    key = bytes.fromhex(town().configs[device]["K_block"])
    for _ in range(ordinal):
        key = next_block_key(key)
    return Sealer(key)


class Gate(Board):
    """A validator with a gate: the firmware's whole application."""

    validator: Any = None

    def __init__(self, device: int, stop: int, clock: WorldClock, prng: Prng, area: int) -> None:
        super().__init__(device, stop, clock, prng)
        self.area = area
        self.lost: tuple[tuple[int, int], ...] = ()  # devices whose records it harvests (D6)

    def _start(self, ports: Ports) -> None:
        publics = publics_of(town().configs[self.device])
        where = {**profile(self.device, self.stop, self.area), "lost": self.lost}
        self.validator = Validator(ports, self.journal, PACKAGES, publics, where)
        self.dock = self.validator.dock
        self.validator.boot(IMAGE_HASH, VERSION)

    def listed(self, overlay: int, uids: Sequence[bytes]) -> list[int]:
        """Return the block generation of each card in the list of that overlay, 0 = none.

        UNKNOWN while the overlay waits for its base, or the base for its overlay.
        """
        hotlist = self.validator.tap.hotlist if self.validator is not None else None
        if hotlist is None or hotlist.overlay_version != overlay:
            return [UNKNOWN] * len(uids)
        return [hotlist.lookup(uid)[1] for uid in uids]

    def harvest_from(self, lost: tuple[tuple[int, int], ...]) -> None:
        """Be told, as a dock tells it, which devices' journals are missed."""
        self.lost = lost
        if self.validator is not None:
            self.validator.profile["lost"] = lost

    def power_off(self) -> None:
        super().power_off()
        self.validator = None

    def tick(self) -> bool:
        again = self.guarded(lambda: self.validator.tick(False)) if self.is_on else None
        return bool(self.is_on and again == self.watch.ticks_ms())


class Desk(Board):
    """The counter's station: loads cards, and docks like any device."""

    station: Any = None

    def __init__(self, device: int, stop: int, clock: WorldClock, prng: Prng) -> None:
        assert device == DESK
        super().__init__(device, stop, clock, prng)

    def _start(self, ports: Ports) -> None:
        config = town().configs[self.device]
        clock = DeviceClock(ports.clock, self.journal.counters)
        values = {**profile(self.device, self.stop), "terminal": 3}
        self.station = Station(
            values, clock, ports.entropy, self.journal, ports.keys, None, ports.signals
        )
        updates = Updates(
            self.flash, {}, ports.keys.cfg, publics_of(config), self.journal, clock, {}
        )
        self.dock = Dock(ports.link, self.journal, updates, ports.keys, clock, ports.link_entropy)

    def power_off(self) -> None:
        super().power_off()
        self.station = None

    def tick(self) -> bool:
        return bool(self.guarded(lambda: self.dock.tick()) if self.is_on else None)


__all__ = ["Board", "Desk", "Gate", "JournalDamaged"]
