"""The issuing office of a demo: blank cards become transit cards with money on them.

It is a device like any other: the firmware's own `Station` on simulated parts in process, with a
journal of its own that docks at night. Only here K0, K2 and the factory keys are used. What it
leaves for the registers: one ISSUE row a card, what it was given, and one sale a load.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from card_layouts.answers import LOADED, LOADED_BEFORE, name_of
from card_layouts.cards.card_layout import (
    CARD_HOLDER,
    CARD_LAYOUT,
    CHANNEL_COUNTER,
    M_ZERO,
    P_SLOT,
    ZONES_ALL,
    aid_bytes,
)
from card_layouts.cards.conversation import converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.issue import ISSUE
from card_layouts.cards.personalise import personalise
from card_layouts.cards.zones import zones_run
from card_layouts.crypto.an10922 import card_key
from card_layouts.crypto.triple_des_cpython import TripleDes
from edge_agent.counter.issue_batch import DAY_S, NEVER_DAY, NEVER_MONTH, IssueBatch
from edge_agent.counter.issue_station import KEY_VERSION, IssueStation, made_values
from firmware.device_clock import DeviceClock
from firmware.journal import Journal
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST
from firmware.station import Order, Station
from firmware.station_services import Load, Product
from simulator.clock import WorldClock
from simulator.demo.passengers import Rider
from simulator.desfire_card import DesfireCard, FileStorage
from simulator.field import Field
from simulator.flash import Flash
from simulator.prng import Prng
from simulator.reader import DirectReader

LIMIT_CENTS = 30_000
DEPOSIT_CENTS = 500
FREE_PRODUCT, FREE_DAYS = 10, 365  # of the shipped tariff: rides free, the holder is billed later
FREE_ACTION = 1_000_000  # actions of rights are numbered above those of loads
OUR_UID = b"\x04"  # the manufacturer's byte of an NXP UID


class Sale(NamedTuple):
    """Money taken at the counter for one load."""

    sale_id: int
    action_id: int
    cents: int
    channel: int
    time: int


class IssuedCard(NamedTuple):
    """A card as it leaves the office."""

    card: DesfireCard
    path: Path
    uid: bytes
    issue: bytes  # its ISSUE row, 64 bytes


class IssuingError(RuntimeError):
    """A card could not be personalised or loaded."""


class Signals:
    """The counter's clerk sees the station's screen; nobody else needs its signals."""

    def signal(self, name: str, detail: str) -> None:
        """Take a signal."""


class CardKeys:
    """The Keys port over software masters: every key diversified by UID, AID and key number."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.masters = config["card_keys"][config["generation"]]
        self.aid = aid_bytes(config["aid"], config["generation"])
        self.generation = config["generation"]
        self.chain, self.ack = config["chain"], config["ack"]
        self.cfg, self.dock = config["cfg"], config["dock"]

    def card_key(self, key_no: int, version: int, uid: bytes) -> bytes:
        return self.of(f"K{key_no}", key_no, uid)

    def of(self, name: str, key_no: int, uid: bytes) -> bytes:
        key: bytes = card_key(self.masters[name], uid, self.aid, key_no, self.generation)
        return key


class IssuingOffice:
    """Makes and loads cards; `sales`, `issues` and `batches` are what the registers get."""

    def __init__(
        self, config: dict[str, Any], flash_path: Path, clock: WorldClock, prng: Prng
    ) -> None:
        self.config = config
        self.clock = clock
        self.prng = prng
        self.keys = CardKeys(config)
        self.issuer = IssueStation(
            config["device"],
            config["epoch"],
            config["authority"],
            config["aid"],
            config["generation"],
            config["chain"],
            config["card_keys"][config["generation"]],
        )
        self.flash = Flash(FLASH_BYTES, flash_path)
        self.journal = Journal(self.flash, JOURNAL_FIRST, JOURNAL_BLOCKS)
        self.journal.mount()
        profile = {
            "device": config["device"],
            "authority": config["authority"],
            "operator": config["operator"],
            "terminal": 3,
            "cluster": config["aid"],
            "generation": config["generation"],
            "key_version": KEY_VERSION,
        }
        device_clock = DeviceClock(clock, self.journal.counters)
        self.station = Station(
            profile, device_clock, self, self.journal, self.keys, None, Signals()
        )
        self.sales: list[Sale] = []
        self.issues: list[bytes] = []
        self.batches: list[dict[str, Any]] = []

    def random_bytes(self, count: int) -> bytes:
        return self.prng.bytes(count)

    def issue(self, number: int, rider: Rider, path: Path) -> IssuedCard:
        """Make card `number` for `rider`, load what he pays for; its image lives in `path`.

        Raises: IssuingError naming the card and the answer.
        """
        uid = OUR_UID + self.prng.bytes(6)
        card = DesfireCard.blank(uid, self.prng.bytes, FileStorage(path))
        batch, now = self._batch(number, rider), self.clock.utc_seconds()
        recipe = self.issuer.recipe(batch, uid, number, now)
        steps: list[int] = []
        version = self._converse(
            card,
            lambda session: personalise(session, recipe, self.prng.bytes, TripleDes, steps.append),
        )
        made = made_values(version, steps[-1])
        row: bytes = ISSUE.pack({**self.issuer.first_row(batch, uid, number, now), **made})
        self.issues.append(row)
        self.batches.append(batch.shared())
        actions = 0
        if rider.load_cents:
            actions += 1
            self._load(card, number, rider.load_cents)
        if rider.rides_free:
            self._give_right(card, number, rider, actions + 1)
        return IssuedCard(card, path, uid, row)

    def _batch(self, number: int, rider: Rider) -> IssueBatch:
        """Return the delivery of one card that this card is: each is made for its rider."""
        head = {
            "layout": CARD_LAYOUT,
            "authority": self.config["authority"],
            "kind": CARD_HOLDER,
            "expires": NEVER_MONTH,
            "group": rider.group,
            "group_until": NEVER_DAY,
            "concession": rider.group,
            "concession_until": NEVER_DAY,
            "deposit": DEPOSIT_CENTS // 10,
            "purse_product": 1,
            "purse_zones": _run(rider),
        }
        return IssueBatch(
            Path(),
            number,
            self.config["authority"],
            number,
            number,
            LIMIT_CENTS,
            DEPOSIT_CENTS,
            head,
        )

    def _load(self, card: DesfireCard, number: int, cents: int) -> None:
        self.sales.append(Sale(number, number, cents, CHANNEL_COUNTER, self.clock.utc_seconds()))
        self._serve(card, Order(number, 1, 1, cents, CHANNEL_COUNTER), Load())

    def _give_right(self, card: DesfireCard, number: int, rider: Rider, k: int) -> None:
        """Give the right to ride free that somebody else is billed for: it costs nothing here."""
        today = self.clock.utc_seconds() // DAY_S
        right = P_SLOT.pack(
            {
                "mechanism": M_ZERO,
                "product": FREE_PRODUCT,
                "authority_use": self.config["authority"],
                "authority_sale": self.config["authority"],
                "group": rider.group,
                "zones": _run(rider) or ZONES_ALL,
                "first_day": today,
                "length": FREE_DAYS,
                "channel": CHANNEL_COUNTER,
                "k": k,
                "post_billed": 1,
            }
        )
        order = Order(FREE_ACTION + number, k, 1, 0, CHANNEL_COUNTER)
        self._serve(card, order, Product(0, right))

    def _serve(self, card: DesfireCard, order: Order, service: Load) -> None:
        reader = self._reader(card)
        steps = self.station.serve(reader.poll(), order, service)
        answer = converse(steps, self.station.frame, reader.exchange)
        reader.release()
        if answer not in (LOADED, LOADED_BEFORE):
            raise IssuingError(f"card of action {order.action} ended with {name_of(answer)}")

    def _converse(self, card: DesfireCard, conversation: Callable[[IssuerSession], Any]) -> bytes:
        reader = self._reader(card)
        reader.poll()
        frame = bytearray(64)
        result: bytes = converse(conversation(IssuerSession(frame)), frame, reader.exchange)
        reader.release()
        return result

    def _reader(self, card: DesfireCard) -> DirectReader:
        field = Field()
        field.place(card)
        return DirectReader(field)


def _run(rider: Rider) -> int:
    """Return the rider's default zones as a mask, 0 for none."""
    return int(zones_run(*rider.zones)) if rider.zones[0] else 0
