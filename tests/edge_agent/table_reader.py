"""The CardReader port over simulated cards in process: what lies on a service point's table.

`hands` stand for the person who lays cards down: every look at the table is one call of them, so
that a story of cards needs no time.
"""

from card_layouts.cards.conversation import CardLost
from edge_agent.counter.desk import Desk
from edge_agent.ports import DESFIRE, OTHER, ULTRALIGHT, CardFound, ManyCards
from simulator.field import Field
from simulator.prng import Prng
from simulator.reader import DirectReader

ISO_DEP = 0x20  # bit of SAK
DESFIRE_HISTORICAL = b"\x80"


class TableReader:
    """A reader with cards on it, or with none."""

    name = "table"

    def __init__(self, card=None, hands=lambda: None):
        self.field = Field()
        if card is not None:
            self.field.place(card)
        self.reader = DirectReader(self.field)
        self.hands = hands
        self.closed = False

    def wait(self, timeout_ms):
        self.hands()
        uid = self.reader.poll()
        if uid == b"":
            raise ManyCards
        return None if uid is None else self._found(self.field.cards[0])

    def _found(self, card):
        kind = OTHER if card.sak else ULTRALIGHT
        if card.sak & ISO_DEP and card.ats[-1:] == DESFIRE_HISTORICAL:
            kind = DESFIRE
        return CardFound(card.uid, kind, card.atqa[::-1], card.sak, card.ats)

    def exchange(self, frame, length):
        try:
            return self.reader.exchange(frame, length)
        except CardLost as lost:
            raise CardLost(lost.sent) from None

    def release(self):
        self.reader.release()

    def wait_empty(self, timeout_ms):
        """Take every card away, as somebody does who was told so."""
        self.release()
        for card in list(self.field.cards):
            self.field.take(card)
        return True

    def close(self):
        self.closed = True


class Entropy:
    """Seeded bytes."""

    def random_bytes(self, count):
        return Prng(7).bytes(count)


class StandingClock:
    """A clock that stands."""

    def utc_seconds(self):
        return 190_000_000

    def monotonic_ms(self):
        return 0


def desk_with(card):
    """Return a desk whose only reader has `card` on it."""
    return desk_of(TableReader(card))


def desk_of(reader):
    """Return a desk with this reader."""
    return Desk(lambda _name: reader, StandingClock(), Entropy())
