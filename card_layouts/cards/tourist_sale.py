"""Make a tourist ticket out of a factory-fresh Ultralight C, in two presentations to the antenna.

First presentation, `load`: contents, counter, key, and AUTH0 last of all; until then every page
can be written again, so a torn sale simply starts anew. Second presentation, `close`: the new key
is proved (a key counts only after a new activation), everything is read back, and the lock bytes
freeze what never changes. `sale_state` tells a station which of the two a ticket needs: run it,
then what it says, and so on until SOLD, with the field off in between each time. With a signature
anybody reads the ticket and only the key writes; without one the key is needed for both.
Never on a validator.

Source: card.md section 6; SPEC.md section 5; MF0ICU2 data sheet rev 3.3; X-3.
"""

from collections import namedtuple

from card_layouts.cards.tourist_ticket import COUNTER_SOLD, TICKET_LAYOUT, open_ticket
from card_layouts.cards.ulc_layout import (
    PAGE_AUTH0,
    PAGE_AUTH1,
    PAGE_COUNTER,
    PAGE_HEADER,
    PAGE_KEY,
    PAGE_OTP,
    PAGE_SIGNATURE,
    PAGE_SLOT_A,
    PAGE_SLOT_B,
    ULC_HEADER,
    seal_ulc_slot,
)
from card_layouts.cards.ultralight_c import FACTORY_KEY, NakError, counter_of, key_pages
from card_layouts.errors import LayoutError

# What to write. `key`: of the card's 3DES; `k_slot`: of the slot MACs; `header`, `slot`: 12 bytes;
# `signature`: 64 bytes over UID and header, or None.
Recipe = namedtuple("Recipe", ("uid", "key", "k_slot", "header", "slot", "signature"))

SIGNATURE_BYTES = 64
PAGE_LOCK, PAGE_LOCK_HIGH, PAGE_STATE = 2, 40, 40
AUTH0_OPEN, AUTH0_CLOSED = 0x30, PAGE_OTP
AUTH1_KEY_TO_READ, AUTH1_ANYBODY_READS = 0, 1
# Pages 4..15 for good, and no further locking: the OTP page must stay writable to void a ticket,
# and page 2 is the one page that anybody may write.
LOCK_LOW = b"\xf7\xff"
# Pages 16..23, AUTH0, AUTH1 and key for good; the slots and the counter can never be locked.
LOCK_HIGH = b"\x17\xef"

FRESH, LOADED, SOLD = 0, 1, 2


def recipe_of(keys, uid, header, device, signature=None):
    """Return the Recipe of a ticket. `keys` from `ticket_keys`; `header`: fields of ULC_HEADER."""
    values = dict(header)
    values["layout"] = TICKET_LAYOUT
    header_bytes = ULC_HEADER.pack(values)
    slot = seal_ulc_slot({"device": device}, keys[1], uid, header_bytes, COUNTER_SOLD)
    return Recipe(bytes(uid), keys[0], keys[1], header_bytes, slot, signature)


def sale_state(session):
    """Return FRESH, LOADED or SOLD: 1 or 2 exchanges, without a key. Activate again afterwards."""
    first = yield from session.read(0)
    if first[12:16] == first[0:4]:
        # Without the key a READ rolls over before AUTH0, here 03: page 3 came back as page 0.
        return _by_locks(first)
    try:
        state = yield from session.read(PAGE_STATE)
    except NakError:
        return LOADED
    if state[4:8] == first[0:4]:
        return LOADED  # rolled over before page 41: AUTH0 was torn to 41
    if state[8] >= AUTH0_OPEN:
        return FRESH
    return _by_locks(first) if state[8] == AUTH0_CLOSED and state[0:2] == LOCK_HIGH else LOADED


def _by_locks(first):
    return SOLD if first[10:12] == LOCK_LOW else LOADED


def load(session, recipe, random_bytes, triple_des):
    """Write a ticket whose memory is still open; returns nothing, AUTH0 counts from here on.

    Raises: NakError from AUTHENTICATE if a new card's key is not the factory's (X-3), LayoutError
    if the card counts already or the recipe is another ticket's.
    """
    first = yield from session.read(0)
    if first[0:3] + first[4:8] != recipe.uid:
        raise LayoutError("ticket.uid: this recipe was made for another ticket")
    state = yield from session.read(PAGE_STATE)
    counter = counter_of(state[4:8])
    if counter > COUNTER_SOLD:
        raise LayoutError("ticket.counter: found %d on a card to be sold, wanted 0" % counter)
    if counter == 0:
        # Later the key pages may be half written: nobody could prove either key.
        yield from session.authenticate(FACTORY_KEY, random_bytes(8), triple_des)
    yield from session.write_pages(PAGE_HEADER, recipe.header)
    signature = recipe.signature or bytes(SIGNATURE_BYTES)
    yield from session.write_pages(PAGE_SIGNATURE, signature + bytes(4))
    yield from session.write_pages(PAGE_SLOT_A, bytes(12))
    yield from session.write_pages(PAGE_SLOT_B, recipe.slot)
    if counter == 0:
        # Exactly once: the same WRITE on a counter that counts would add to it.
        yield from session.set_counter(COUNTER_SOLD)
    yield from session.write_pages(PAGE_KEY, key_pages(recipe.key))
    yield from session.write(PAGE_AUTH1, bytes((_auth1(recipe), 0, 0, 0)))
    yield from session.write(PAGE_AUTH0, bytes((AUTH0_CLOSED, 0, 0, 0)))


def close(session, recipe, random_bytes, triple_des):
    """Prove the key, read everything back, lock. Again and again with the same result.

    Raises: NakError if the card has another key, LayoutError or SealError naming what differs.
    """
    yield from session.authenticate(recipe.key, random_bytes(8), triple_des)
    state = yield from session.read(PAGE_STATE)
    if state[8] != AUTH0_CLOSED:
        # Power failed in this very page: what it holds now is chance.
        yield from session.write(PAGE_AUTH0, bytes((AUTH0_CLOSED, 0, 0, 0)))
    if state[12] & 1 != _auth1(recipe):
        raise LayoutError("ticket.AUTH1: found %d, wanted %d" % (state[12], _auth1(recipe)))
    yield from verify(session, recipe)
    yield from session.write(PAGE_LOCK_HIGH, LOCK_HIGH + bytes(2))
    yield from session.write(PAGE_LOCK, bytes(2) + LOCK_LOW)


def verify(session, recipe):
    """Read a ticket back, opened already: 7 exchanges. Raises: LayoutError naming what differs."""
    head = yield from session.read(PAGE_OTP)
    tail = yield from session.read(PAGE_SLOT_A)
    rest = yield from session.read(PAGE_COUNTER - 3)
    ticket = open_ticket(recipe.uid, recipe.k_slot, head, tail + rest)
    signature = yield from read_signature(session)
    for name, found, wanted in (
        ("header", ticket.header_bytes, recipe.header),
        ("slot", ticket.slot_bytes, recipe.slot),
        ("signature", signature, recipe.signature or bytes(SIGNATURE_BYTES)),
    ):
        if found != wanted:
            raise LayoutError("ticket.%s: does not read back as it was written" % name)


def read_signature(session):
    """Return the 64 bytes of pages 7..22: 4 exchanges."""
    signature = b""
    for page in range(PAGE_SIGNATURE, PAGE_SIGNATURE + 16, 4):
        part = yield from session.read(page)
        signature += part
    return signature


def _auth1(recipe):
    return AUTH1_ANYBODY_READS if recipe.signature else AUTH1_KEY_TO_READ
