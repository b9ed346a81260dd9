"""The issuing office of a demo: blank cards become transit cards with money on them.

It is a device like any other: the firmware's own `Station` on simulated parts in process, with a
journal of its own that docks at night. Only here K0, K2 and the factory keys are used. What it
leaves for the registers: one ISSUE row a card and one sale a load.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from card_layouts.answers import LOADED, LOADED_BEFORE, name_of
from card_layouts.cards.card_layout import CHANNEL_COUNTER, S, aid_bytes
from card_layouts.cards.conversation import converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.cards.personalise import FACTORY_KEY, Recipe, personalise
from card_layouts.cards.transit_record import issue_record
from card_layouts.cards.zones import zones_run
from card_layouts.crypto.an10922 import card_key
from card_layouts.crypto.triple_des_cpython import TripleDes
from firmware.device_clock import DeviceClock
from firmware.journal import Journal
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST
from firmware.station import Order, Station
from simulator.clock import WorldClock
from simulator.desfire_card import DesfireCard, FileStorage
from simulator.field import Field
from simulator.flash import Flash
from simulator.passengers import Rider
from simulator.prng import Prng
from simulator.reader import DirectReader

KEY_VERSION = 1
LIMIT_CENTS = 30_000
DEPOSIT_10_CENTS = 50
NEVER_DAY = 16_383
NEVER_MONTH = 511
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
    """Makes and loads cards; `sales` and `issues` are what the registers get."""

    def __init__(
        self, config: dict[str, Any], flash_path: Path, clock: WorldClock, prng: Prng
    ) -> None:
        self.config = config
        self.clock = clock
        self.prng = prng
        self.keys = CardKeys(config)
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

    def random_bytes(self, count: int) -> bytes:
        return self.prng.bytes(count)

    def issue(self, number: int, rider: Rider, path: Path) -> IssuedCard:
        """Make card `number` for `rider`, load what he pays for; its image lives in `path`.

        Raises: IssuingError naming the card and the answer.
        """
        uid = OUR_UID + self.prng.bytes(6)
        card = DesfireCard.blank(uid, self.prng.bytes, FileStorage(path))
        recipe = self._recipe(uid, number, rider)
        steps: list[int] = []
        version = self._converse(
            card,
            lambda session: personalise(session, recipe, self.prng.bytes, TripleDes, steps.append),
        )
        row = self._issue_row(uid, number, recipe.record, version, steps[-1])
        self.issues.append(row)
        if rider.load_cents:
            self._load(card, number, rider.load_cents)
        return IssuedCard(card, path, uid, row)

    def _recipe(self, uid: bytes, number: int, rider: Rider) -> Recipe:
        config = self.config
        head = S.pack(
            {
                "layout": 1,
                "authority": config["authority"],
                "serial": number,
                "kind": 1,
                "issued": self.clock.utc_seconds() // 86400,
                "expires": NEVER_MONTH,
                "group": rider.group,
                "group_until": NEVER_DAY,
                "concession": rider.group,
                "concession_until": NEVER_DAY,
                "deposit": DEPOSIT_10_CENTS,
                "purse_product": 1,
                "purse_zones": zones_run(*rider.zones) if rider.zones[0] else 0,
            }
        )
        record = issue_record(
            uid,
            config["device"],
            config["epoch"],
            config["authority"],
            self.clock.utc_seconds(),
            self.keys.chain,
        )
        keys = [self.keys.of(f"K{i}", i, uid) for i in range(5)]
        picc = self.keys.of("PICC", 0x80, uid)
        return Recipe(
            self.keys.aid, keys, picc, KEY_VERSION, LIMIT_CENTS, head, record, FACTORY_KEY
        )

    def _issue_row(
        self, uid: bytes, number: int, record: bytes, version: bytes, step: int
    ) -> bytes:
        config = self.config
        row: bytes = ISSUE.pack(
            {
                "uid": uid,
                "layout": 1,
                "state": STATE_VERIFIED,
                "authority": config["authority"],
                "serial": number,
                "generation": config["generation"],
                "key_version": KEY_VERSION,
                "step": step,
                "device": config["device"],
                "time": self.clock.utc_seconds(),
                "limit": LIMIT_CENTS,
                "deposit": DEPOSIT_10_CENTS,
                "aid": config["aid"],
                "version": bytes(version[:14]),
                "made": bytes(version[21:28]),
                "h0": record[36:44],
            }
        )
        return row

    def _load(self, card: DesfireCard, number: int, cents: int) -> None:
        self.sales.append(Sale(number, number, cents, CHANNEL_COUNTER, self.clock.utc_seconds()))
        order = Order(number, 1, 1, cents, CHANNEL_COUNTER)
        reader = self._reader(card)
        answer = converse(
            self.station.load(reader.poll(), order), self.station.frame, reader.exchange
        )
        reader.release()
        if answer not in (LOADED, LOADED_BEFORE):
            raise IssuingError(f"card {number}: load of {cents} cents ended with {name_of(answer)}")

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
