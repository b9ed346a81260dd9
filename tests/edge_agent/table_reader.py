"""The CardReader port over a simulated card in process: what lies on a service point's table."""

from card_layouts.cards.conversation import CardLost
from edge_agent.counter.desk import Desk
from edge_agent.ports import DESFIRE, ULTRALIGHT, CardFound
from simulator.desfire_card import DesfireCard
from simulator.field import Field
from simulator.prng import Prng
from simulator.reader import DirectReader


class TableReader:
    """A reader with one card on it, or with none."""

    name = "table"

    def __init__(self, card=None):
        self.field = Field()
        if card is not None:
            self.field.place(card)
        self.kind = DESFIRE if isinstance(card, DesfireCard) else ULTRALIGHT
        self.reader = DirectReader(self.field)
        self.closed = False

    def wait(self, timeout_ms):
        uid = self.reader.poll()
        return None if uid is None else CardFound(uid, self.kind)

    def exchange(self, frame, length):
        return self.reader.exchange(frame, length)

    def release(self):
        self.reader.release()

    def wait_empty(self, timeout_ms):
        raise CardLost

    def close(self):
        self.closed = True


class Entropy:
    """Seeded bytes."""

    def random_bytes(self, count):
        return Prng(7).bytes(count)


def desk_with(card):
    """Return a desk whose only reader has `card` on it."""
    reader = TableReader(card)
    return Desk(lambda _name: reader, None, Entropy())
