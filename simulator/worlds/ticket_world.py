"""A tourist ticket, a station that sells it and gates that know only what a gate would know."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from card_layouts.cards import tourist_sale, tourist_ticket
from card_layouts.cards.conversation import CardLost, converse
from card_layouts.cards.ultralight_c import Session
from card_layouts.cards.zones import zones_run
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.records.entries_tap import OUTCOME_COMMITTED
from simulator.desfire_card import Cut, ExchangeCount, Transcript
from simulator.field import Field, Tear
from simulator.prng import Prng
from simulator.reader import DirectReader
from simulator.ultralight_c import Image, UltralightC, tearing
from simulator.ultralight_c.tearing import Torn

UID = bytes.fromhex("04112233445566")
MASTER = bytes(range(16))
KEYS = tourist_ticket.ticket_keys(MASTER, UID)
STATION = 900
DAY = 2500
NOW = DAY * 86400 + 36_000
ZONE = 3
SOLD_S = NOW - 3_600
HEADER = {
    "authority": 244,
    "product": 70,
    "days": 3,
    "group": 2,
    "zones": zones_run(1, 9),
    "sold": DAY,
    "activate_by": DAY + 365,
    "price": 1600,
}
TORN_KINDS = (tearing.old, tearing.new, tearing.half, tearing.erased)


def recipe(signature: bytes | None = None, header: dict[str, Any] = HEADER) -> Any:
    """Return what to write on a ticket."""
    return tourist_sale.recipe_of(KEYS, UID, header, STATION, signature)


def blank(torn: Torn = tearing.half, at_once: bool = False, seed: int = 5) -> UltralightC:
    """Return a ticket as delivered, with a transcript as its meter."""
    image = Image(UID)
    return UltralightC(image, Prng(seed).bytes, meter=Transcript(), torn=torn, at_once=at_once)


def sold(**more: Any) -> UltralightC:
    """Return a ticket as it leaves the counter."""
    card = blank(**more)
    Station(card).sell()
    card.meter = Transcript()
    return card


class Antenna:
    """A reader with one ticket on it."""

    def __init__(self, card: UltralightC, *tears: Tear) -> None:
        self.card = card
        self.field = Field()
        self.field.place(card)
        self.field.plan(*tears)
        self.reader = DirectReader(self.field)
        self.random = Prng(9).bytes

    def talk(self, conversation: Callable[[Session], Any]) -> Any:
        """Activate the ticket, hold `conversation(session)`, switch the field off."""
        self.reader.poll()
        session = Session(bytearray(64))
        try:
            return converse(conversation(session), session.frame, self.reader.exchange)
        finally:
            self.reader.release()


class Station(Antenna):
    """Sells a ticket, as often as it takes."""

    def sell(self, row: Any = None, presentations: int = 8) -> int:
        """Return how many conversations it took until the ticket was sold, losses included."""
        row = row or recipe()
        for number in range(presentations):
            try:
                state = self.talk(tourist_sale.sale_state)
                if state == tourist_sale.SOLD:
                    return number
                step = tourist_sale.load if state == tourist_sale.FRESH else tourist_sale.close
                self.talk(partial(step, recipe=row, random_bytes=self.random, triple_des=TripleDes))
            except CardLost:
                self.field.place(self.card)
        raise AssertionError(f"not sold after {presentations} presentations")


class Gate:
    """A validator's memory: the tap whose end it does not know, and what it let through."""

    def __init__(
        self, device: int = 4711, keys: tuple[bytes, bytes] = KEYS, stage_first: bool = True
    ) -> None:
        self.device = device
        self.keys = keys
        self.stage_first = stage_first
        self.open_tap: int | None = None  # the count it would bring
        self.greens = 0
        self.settled: int | None = None

    def present(self, card: UltralightC, *tears: Tear, now_s: int = NOW) -> bool:
        """Return True for green, False when the ticket must be shown again."""
        antenna = Antenna(card, *tears)
        try:
            antenna.talk(lambda session: self._tap(session, antenna.random(8), now_s))
        except CardLost:
            return False
        self.greens += 1
        return True

    def _tap(self, session: Session, rnd_a: bytes, now_s: int) -> Iterator[Any]:
        check = tourist_ticket.check_ticket(session, UID, self.keys, rnd_a, TripleDes)
        ticket = yield from check
        if self.open_tap is not None:
            self.settled = tourist_ticket.settle(ticket, self.open_tap, self.device, self.keys[1])
            self.open_tap = None
            if self.settled == OUTCOME_COMMITTED:
                return
        assert tourist_ticket.refusal(ticket, now_s, ZONE) == tourist_ticket.USABLE
        slot = tourist_ticket.next_slot(ticket, self.keys[1], now_s, self.device)
        if self.stage_first:
            yield from tourist_ticket.stage(session, ticket, slot)
            self.open_tap = ticket.counter + 1
            assert (yield from tourist_ticket.commit(session))
        else:
            self.open_tap = ticket.counter + 1
            assert (yield from tourist_ticket.commit(session))
            yield from tourist_ticket.stage(session, ticket, slot)
        self.open_tap = None


def transcript_of_a_tap(**more: Any) -> list[ExchangeCount]:
    """Return the exchanges of one tap."""
    card = sold(**more)
    assert Gate().present(card)
    assert isinstance(card.meter, Transcript)
    return card.meter.exchanges


def positions(exchanges: Sequence[ExchangeCount]) -> list[tuple[int, Cut]]:
    """Return every (exchange, Cut) of a transcript, in the order they lie in time."""
    rows = []
    for number, count in enumerate(exchanges):
        rows += [(number, Cut("in", at)) for at in range(count.bytes_in)]
        rows += [(number, Cut("step", at)) for at in range(count.write_steps)]
        rows += [(number, Cut("out", at)) for at in range(count.bytes_out)]
    return rows


def classes(exchanges: Sequence[ExchangeCount]) -> list[tuple[int, Cut]]:
    """Return the positions a card can tell apart: before, between its write steps, after."""
    rows = []
    for number, count in enumerate(exchanges):
        rows.append((number, Cut("in", 0)))
        rows += [(number, Cut("step", at)) for at in range(count.write_steps)]
        rows.append((number, Cut("out", 0)))
    return rows


def tears_a_page(cut: Cut) -> bool:
    """A page is written in two steps: a cut before the second leaves it torn."""
    return cut == Cut("step", 1)


def torn_kinds(cut: Cut, garbage_count: int) -> tuple[Torn, ...]:
    """Return what may be left behind at this cut: one kind where nothing tears."""
    if not tears_a_page(cut):
        return (tearing.half,)
    garbage = (tearing.garbage(Prng(seed).bytes) for seed in range(garbage_count))
    return (*TORN_KINDS, *garbage)
