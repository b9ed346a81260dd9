"""A small world in process: one issued card, validators and a station, all of them real parts.

Cards are the simulator's, journals lie on simulated flash, tariff and lease are real packages.
Only the passage of time is ours, and the masters lie in the open. Thousands of torn taps start
here from the same bytes (tears/).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from card_layouts.cards import personalise
from card_layouts.cards.card_layout import (
    CHANNEL_COUNTER,
    COUNTER_START,
    FILE_A,
    FILE_C,
    FILE_G,
    FILE_V,
    G,
    S,
    aid_bytes,
    counter_b_n,
)
from card_layouts.cards.conversation import converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.transit_record import issue_record
from card_layouts.crypto.an10922 import card_key
from card_layouts.crypto.kdf import block_key, device_key, device_label, next_block_key
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.fares.mounted import Tariff
from card_layouts.records.entries import TYPE_NAMES
from card_layouts.records.entries_all import layout_of
from card_layouts.records.entries_tap import TERMINAL_GATE
from card_layouts.records.slot import SLOT_HEADER, Sealer
from firmware.device_clock import DeviceClock
from firmware.journal import Journal
from firmware.lease import Lease
from firmware.station import Order, Station
from firmware.station_services import Load
from firmware.tap import Tap
from simulator.desfire_card import DesfireCard, Image
from simulator.desfire_card.image import DataFile, File, RecordFile, ValueFile
from simulator.desfire_card.meter import Transcript
from simulator.field import Field, Tear
from simulator.flash import BLOCK_BYTES, Flash
from simulator.prng import Prng
from simulator.reader import DirectReader
from simulator.worlds.small_tariffs import count_tariff, mounted

AUTHORITY, CLUSTER, GENERATION, KEY_VERSION = 244, 0x1234, 1, 1
AID = aid_bytes(CLUSTER, GENERATION)
UID = bytes.fromhex("04112233445566")
MASTERS = [bytes([0x11 * k + 1]) * 16 for k in range(5)]
ROOT_KEY = b"root" * 8
EPOCH = 2
BLOCKS = 4
NOW = 180_000_000
FARE, FARE_TWO, PURSE, LIMIT = 250, 338, 2000, 30000
GATE_A, GATE_B, STATION, ISSUER = 4711, 4712, 9, 8
PURSE_PRODUCT = 100
TRANSFER_MINUTES = 60


class Keys:
    """Masters in the open, as the demo has them; the chain key is the device's."""

    def __init__(self, device: int, root: bytes = ROOT_KEY, epoch: int = EPOCH) -> None:
        self.k_dev = device_key(root, device, epoch)
        self.chain = device_label(self.k_dev, b"chain")

    def card_key(self, key_no: int, version: int, uid: bytes) -> bytes:
        """Return the card's key, 16 bytes."""
        assert version == KEY_VERSION
        return card_key(MASTERS[key_no], uid, AID, key_no, GENERATION)


class Watch:
    """A clock that stands until somebody sets it."""

    def __init__(self) -> None:
        self.seconds, self.ticks = NOW, 0

    def ticks_ms(self) -> int:
        """Return `ticks`."""
        return self.ticks

    def utc_seconds(self) -> int:
        """Return `seconds`."""
        return self.seconds


class Recorder:
    """Signals as the passenger would see them."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def signal(self, name: str, detail: str) -> None:
        """Take a signal."""
        self.seen.append((name, detail))

    def opened(self) -> bool:
        """Return whether the gate opened."""
        return ("gate", "open") in self.seen


class NoHotlist:
    """Nobody is listed; or whoever `rows` names, as {uid: (action, g)}."""

    version = overlay_version = 0

    class base:
        """Exact UIDs."""

        width = 7

    def __init__(self, rows: dict[bytes, tuple[int, int]] | None = None) -> None:
        self.rows = rows or {}

    def lookup(self, uid: bytes) -> tuple[int, int]:
        """Return (action, g)."""
        return self.rows.get(bytes(uid), (0, 0))


class Random:
    """The entropy port over a seeded stream."""

    def __init__(self, seed: int) -> None:
        self._prng = Prng(seed)

    def random_bytes(self, n: int) -> bytes:
        """Return the stream's next bytes."""
        return self._prng.bytes(n)


@cache
def tariff_body(zone_count: int = 2) -> bytes:
    """Return a tariff: one zone 250, both 338; transfers within the hour; stop i in zone i + 1."""
    prices = [[FARE, FARE_TWO][:zone_count]]
    return count_tariff(prices, AUTHORITY, 7, PURSE_PRODUCT, TRANSFER_MINUTES)


def tariff(zone_count: int = 2) -> Tariff:
    """Return the same, mounted."""
    return mounted(tariff_body(zone_count))


def lease(**changed: int) -> Lease:
    """Return a generous lease."""
    values = {
        "lease": 0,
        "not_before": NOW - 86400,
        "not_after": NOW + 10 * 86400,
        "max_taps": 5000,
        "max_cents": 10_000_000,
        "rights": 0xFFFF,
        "unknown": 0,
        "tap_cents": 0,
    }
    values.update(changed)
    return Lease(values)


def head_of(**changed: int) -> bytes:
    """Return the 44 bytes of S of an adult's value card."""
    values = {
        "layout": 1,
        "authority": AUTHORITY,
        "serial": 12345678,
        "expires": 511,
        "purse_product": PURSE_PRODUCT,
        "issued": 2000,
    }
    values.update(changed)
    return S.pack(values)


def exchange_with(card: DesfireCard) -> Callable[[bytearray, int], int]:
    """Return what a driver needs to talk to a powered card without a reader."""

    def exchange(frame: bytearray, length: int) -> int:
        answer = card.exchange(bytes(frame[:length]))
        frame[: len(answer)] = answer
        return len(answer)

    return exchange


def recipe(uid: bytes = UID, head: bytes | None = None) -> Any:
    """Return what to write on a card."""
    keys, head = Keys(ISSUER), head or head_of()
    authority = S.unpack(head)["authority"]
    record = issue_record(uid, ISSUER, EPOCH, authority, NOW - 86400, keys.chain)
    app_keys = tuple(keys.card_key(k, KEY_VERSION, uid) for k in range(5))
    return personalise.Recipe(AID, app_keys, b"P" * 16, KEY_VERSION, LIMIT, head, record, bytes(16))


@cache
def issued_image(head: bytes | None = None, purse: int = PURSE) -> Image:
    """Return the EEPROM of a card made and loaded by the real station."""
    card = DesfireCard.blank(UID, Prng(3).bytes)
    card.power_on()
    session = IssuerSession(bytearray(64))
    steps = personalise.personalise(
        session, recipe(head=head), Prng(4).bytes, TripleDes, lambda step: None
    )
    converse(steps, session.frame, exchange_with(card))
    card.power_off()
    if purse:
        Device(ISSUER, station=True).load(card, Order(1, 1, 1, purse, CHANNEL_COUNTER))
    return card.image


def new_card(head: bytes | None = None, purse: int = PURSE, seed: int = 1) -> DesfireCard:
    """Return a fresh card with `purse` cents on it and a transcript as its meter."""
    image = issued_image(head, purse).clone()
    return DesfireCard(image, Prng(seed).bytes, meter=Transcript())


@cache
def _provisioned(number: int, key: bytes) -> Flash:
    """Return a device's flash as it leaves the bench; drills start thousands of devices."""
    flash = Flash(BLOCK_BYTES * (BLOCKS + 1))
    Journal.provision(flash, 1, BLOCKS, number, EPOCH, key)
    return flash


class Device:
    """A board in process: flash, journal, tap (or station) and a reader of its own."""

    def __init__(
        self,
        number: int = GATE_A,
        station: bool = False,
        flash: Flash | None = None,
        window: Any = None,
        **parts: Any,
    ) -> None:
        self.number = number
        self.keys = parts.get("keys") or Keys(number)
        self.flash = flash or _provisioned(number, block_key(self.keys.k_dev)).clone()
        self.blocks = parts.get("blocks", BLOCKS)
        self.watch = parts.get("watch") or Watch()
        self.window = window
        self.parts = parts
        self.station = station
        self.profile: dict[str, Any] = {
            "device": number,
            "authority": AUTHORITY,
            "operator": 12,
            "terminal": TERMINAL_GATE,
            "cluster": CLUSTER,
            "generation": GENERATION,
            "key_version": KEY_VERSION,
            "line": 17,
            "trip": 0,
            "call": 0,
            "stop": 0,
            "shift": 5,
        }
        self.profile.update(parts.get("profile", {}))
        self.boot()

    def boot(self) -> None:
        """Start the program on what is in the flash."""
        self.journal = Journal(self.flash, 1, self.blocks).mount()
        self.journal.idle()  # as the BOOT entry does on a board: the first tap finds a sure slot
        self.signals = Recorder()
        clock = DeviceClock(self.watch, self.journal.counters)
        self.entropy = self.parts.get("entropy") or Random(self.number)
        if self.station:
            self.tap: Any = Station(
                self.profile,
                clock,
                self.entropy,
                self.journal,
                self.keys,
                self.parts.get("lease"),
                self.signals,
                self.window,
            )
        else:
            self.tap = self.parts.get("tap", Tap)(
                self.profile,
                clock,
                self.entropy,
                self.journal,
                self.keys,
                self.parts["tariff"] if "tariff" in self.parts else tariff(),
                self.parts.get("hotlist", NoHotlist()),
                self.parts.get("lease", lease()),
                self.signals,
                self.window,
            )
            self.tap.actions = self.parts.get("actions")

    def present(
        self,
        card: DesfireCard,
        *tears: Tear,
        order: Order | None = None,
        service: Load | None = None,
        tried: tuple[int, ...] = (),
    ) -> int:
        """Hold a card to the reader once; return the answer."""
        field = Field()
        field.place(card)
        field.plan(*tears)
        reader = DirectReader(field)
        self.signals.seen.clear()
        if order is None:
            steps = self.tap.run(card.uid)
        else:
            steps = self.tap.serve(card.uid, order, service or Load(), tried)
        assert reader.poll() == card.uid
        try:
            answer: int = converse(steps, self.tap.frame, reader.exchange)
        finally:
            reader.release()
        self.exchanges = field.exchanges
        return answer

    def load(self, card: DesfireCard, order: Order, tried: tuple[int, ...] = ()) -> int:
        """Load an order, which was given to the devices `tried`; return the answer."""
        return self.present(card, order=order, tried=tried)

    def entries(self) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Return what the journal holds, decrypted: [(type name, header, fields)]."""
        found = []
        key = block_key(self.keys.k_dev)
        opened: dict[int, Sealer] = {}
        slot = bytearray(128)
        for seq in range(self.journal.first_kept_seq, self.journal.head_seq + 1):
            assert self.journal.read_slot(seq, slot)
            header = SLOT_HEADER.unpack(slot)
            ordinal = header["block"]
            if ordinal not in opened:
                opened[ordinal] = Sealer(ratcheted(key, ordinal))
            payload = opened[ordinal].open_seal(bytes(slot))
            fields = layout_of(header["type"]).unpack(payload)
            found.append((TYPE_NAMES[header["type"]], header, fields))
        return found

    def names(self) -> list[str]:
        """Return the type names of the entries."""
        return [name for name, _header, _fields in self.entries()]


def ratcheted(key: bytes, ordinal: int) -> bytes:
    """Return the key of block `ordinal`, from the journal's first."""
    for _ in range(ordinal):
        key = next_block_key(key)
    return key


class OnCard:
    """What the EEPROM holds, read past all keys, once the card has finished a torn commit."""

    def __init__(self, card: DesfireCard) -> None:
        card.power_on()
        card.power_off()
        image = card.image
        files = image.applications[AID].files
        self.purse, self.counter = value_of(files[FILE_V]), value_of(files[FILE_C])
        self.actions = COUNTER_START - value_of(files[FILE_A])
        self.b, self.n = counter_b_n(self.counter)
        self.data = {n: file.data for n, file in files.items() if isinstance(file, DataFile)}
        log = files[FILE_G]
        assert isinstance(log, RecordFile), "G is a cyclic file"
        self.records = [G.unpack(record) for record in log.records]
        self.newest: dict[str, Any] = self.records[-1]  # personalisation writes the first

    def state(self) -> tuple[int, int, int, int]:
        """Return what money can see: purse, C, A, n of the newest record."""
        return self.purse, self.counter, self.actions, self.newest["n"]


def value_of(file: File) -> int:
    """Return the cents or counts in a value file."""
    assert isinstance(file, ValueFile), "V, C and A are value files"
    return file.value
