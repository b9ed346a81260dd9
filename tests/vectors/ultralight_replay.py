"""Replay recorded Ultralight C conversations against the terminal's, on either runtime.

Every frame the terminal sends is compared byte for byte, and what the conversation returns. The
cipher is always the pure one, which MicroPython has to use. Written in the shared dialect.
"""

from binascii import unhexlify

from card_layouts.cards import tourist_inspection, tourist_sale, tourist_ticket
from card_layouts.cards.conversation import FRAME_BYTES, converse
from card_layouts.cards.ultralight_c import FACTORY_KEY, NakError, Session
from card_layouts.crypto.triple_des import TripleDes

PUBLIC = unhexlify("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
UID = unhexlify("04112233445566")
KEYS = tourist_ticket.ticket_keys(bytes(range(16)), UID)
NOW = 216036000
DEVICE = 4711
HEADER = {
    "authority": 244,
    "product": 70,
    "days": 3,
    "group": 2,
    "zones": 584,
    "sold": 2500,
    "activate_by": 2865,
    "price": 1600,
}


class Recorded:
    """A card that knows only what was recorded, and remembers what was sent otherwise."""

    def __init__(self, frames):
        self.frames = frames
        self.at = 0
        self.wrong = []

    def exchange(self, frame, length):
        wanted, answer = [unhexlify(text) for text in self.frames[self.at]]
        self.at += 1
        if bytes(frame[:length]) != wanted:
            self.wrong.append((self.at, bytes(frame[:length])))
        frame[: len(answer)] = answer
        return len(answer)


def random_bytes(count):
    """Stand in for chance: the same numbers in every recording."""
    return bytes([0xA0 + i for i in range(count)])


def recipe(signature):
    return tourist_sale.recipe_of(KEYS, UID, HEADER, DEVICE, signature)


def authenticate(session, rnd_a):
    """The data sheet's own example."""
    yield from session.authenticate(FACTORY_KEY, rnd_a, TripleDes)
    return session.authenticated


def tap(session, signature):
    ticket = yield from tourist_ticket.check_ticket(session, UID, KEYS, random_bytes(8), TripleDes)
    slot = tourist_ticket.next_slot(ticket, KEYS[1], NOW, DEVICE)
    yield from tourist_ticket.stage(session, ticket, slot)
    yield from tourist_ticket.commit(session)
    return slot


def check(session, signature):
    ticket = yield from tourist_ticket.check_ticket(session, UID, KEYS, random_bytes(8), TripleDes)
    return ticket.slot_bytes


def refused(session, signature):
    """A key that is not this card's."""
    try:
        yield from session.authenticate(bytes(16), random_bytes(8), TripleDes)
    except NakError as error:
        return bytes((error.status,))


def load(session, signature):
    yield from tourist_sale.load(session, recipe(signature), random_bytes, TripleDes)


def close(session, signature):
    yield from tourist_sale.close(session, recipe(signature), random_bytes, TripleDes)


def sale_state(session, signature):
    state = yield from tourist_sale.sale_state(session)
    return bytes((state,))


def inspect(session, signature):
    header, slot, counter, otp = yield from tourist_inspection.inspect(session, UID, PUBLIC)
    return bytes((header["days"], slot["n"], counter)) + otp


CONVERSATIONS = {
    "authenticate": authenticate,
    "sale_state": sale_state,
    "load": load,
    "close": close,
    "tap": tap,
    "check": check,
    "inspect": inspect,
    "refused": refused,
}


def replay(row):
    """Return what differs, a list; empty when every byte is as recorded."""
    name, argument, frames, result = row
    card = Recorded(frames)
    session = Session(bytearray(FRAME_BYTES))
    found = converse(
        CONVERSATIONS[name](session, unhexlify(argument)), session.frame, card.exchange
    )
    wrong = card.wrong
    if as_text(found) != result:
        wrong.append(("result", as_text(found)))
    if card.at != len(frames):
        wrong.append(("frames sent", card.at))
    return wrong


def as_text(found):
    return found.hex() if isinstance(found, bytes) else str(found)
