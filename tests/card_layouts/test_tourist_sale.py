"""Selling a tourist ticket: contents, key, locks; torn anywhere it can be finished."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from card_layouts.cards import tourist_inspection, tourist_sale, tourist_ticket
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.cards.ultralight_c import NakError, key_pages
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.errors import LayoutError, SealError
from simulator.desfire_card import Cut
from simulator.field import Tear
from simulator.ultralight_c import differences
from simulator.worlds.ticket_world import (
    HEADER,
    KEYS,
    MASTER,
    UID,
    Antenna,
    Gate,
    Station,
    blank,
    classes,
    recipe,
    sold,
    torn_kinds,
)
from tests import figures

pytestmark = pytest.mark.requirement("W-89", "W-94", "X-3")

ISSUER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = ISSUER.public_key().public_bytes_raw()


def signed():
    header = recipe().header
    return recipe(ISSUER.sign(tourist_inspection.signed_message(UID, header)))


def opened(session):
    """Prove the ticket's key."""
    return session.authenticate(KEYS[0], bytes(8), TripleDes)


def test_a_ticket_is_sold_in_53_exchanges():
    card = blank()
    assert Station(card).sell() == 2  # load, close
    # sale_state, load (2 reads, key proved, 33 pages), sale_state, close, sale_state.
    assert len(card.meter.exchanges) == 2 + (2 + 2 + 33) + 1 + (2 + 1 + 7 + 2) + 1
    image = card.image
    assert (image.counter, image.auth0, image.auth1) == (1, 3, 0)
    assert image.lock.hex() == "f7ff17ef"
    assert image.key == key_pages(KEYS[0])
    assert b"".join(image.user[page] for page in (4, 5, 6)) == recipe().header
    assert Gate().present(card)


def test_a_signed_ticket_is_inspected_without_any_key():
    card = blank()
    Station(card).sell(signed())
    assert card.image.auth1 == 1
    Gate().present(card)
    card.meter.exchanges.clear()
    header, slot, counter, otp = Antenna(card).talk(
        lambda session: tourist_inspection.inspect(session, UID, PUBLIC)
    )
    assert len(card.meter.exchanges) == 7
    assert {name: header[name] for name in HEADER} == HEADER
    assert (slot["device"], counter, otp) == (4711, 2, bytes(4))


def test_a_signature_made_for_another_ticket_is_found_out():
    card = blank()
    Station(card).sell(signed())
    card.image.user[6] = bytes(4)
    with pytest.raises(SealError):
        Antenna(card).talk(lambda session: tourist_inspection.inspect(session, UID, PUBLIC))


def test_an_unsigned_ticket_tells_nothing_without_its_key():
    with pytest.raises(NakError):
        Antenna(sold()).talk(lambda session: tourist_inspection.inspect(session, UID, PUBLIC))


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("row", [recipe(), signed()], ids=["unsigned", "signed"])
def test_a_sale_torn_anywhere_can_be_finished(row, at_once):
    """Before each command, inside each page, after each write; AUTH0 torn to every value too."""
    whole = blank(at_once=at_once)
    Station(whole).sell(row)
    cuts = classes(whole.meter.exchanges)
    tried = 0
    for number, cut in cuts:
        for kind in torn_kinds(cut, 2):
            card = blank(kind, at_once)
            Station(card, Tear(exchange=number, cut=cut)).sell(row)
            assert differences(whole.image, card.image) == [], (number, cut)
            tried += 1
    # AUTH0 decides what can be repaired: the page is torn to every value there is. It is the last
    # page written before the two of lock bytes.
    auth0 = [n for n, count in enumerate(whole.meter.exchanges) if count.command == 0xA2][-3]
    for value in range(256):
        card = blank(lambda old, new, value=value: bytes([value, 0, 0, 0]), at_once)
        Station(card, Tear(exchange=auth0, cut=Cut("step", 1))).sell(row)
        assert differences(whole.image, card.image) == [], value
    figures.add("tears of a ticket sale tried", tried + 256)


def test_a_card_whose_factory_key_was_changed_is_refused_untouched():
    card = blank()
    card.image.key = b"somebody else's!"
    before = card.image.clone()
    with pytest.raises(NakError):
        Station(card).sell()
    assert differences(before, card.image) == []


def test_a_card_that_counts_already_is_refused():
    card = blank()
    card.image.counter = 7
    with pytest.raises(LayoutError, match="found 7 on a card to be sold"):
        Station(card).sell()


def test_a_ticket_of_another_scheme_is_refused():
    card = sold()
    card.image.lock = bytes(4)
    card.image.key = bytes(16)
    with pytest.raises(NakError):
        Station(card).sell()


def test_a_ticket_not_sold_yet_opens_no_gate():
    card = blank()
    card.image.user[4] = recipe().header[:4]
    with pytest.raises(LayoutError, match="was not sold"):
        Gate(keys=(tourist_sale.FACTORY_KEY, KEYS[1])).present(card)


WRITES = [(page, page in (3, *range(24, 42))) for page in range(3, 48)]


@pytest.mark.parametrize("page, open_to_the_key", WRITES)
def test_after_the_sale_only_slots_otp_counter_and_spare_pages_can_be_written(
    page, open_to_the_key
):
    card = sold()
    before = card.image.clone()

    def write(session):
        yield from opened(session)
        yield from session.write(page, b"\xff\xff\xff\xff")

    if open_to_the_key:
        Antenna(card).talk(write)
        return
    with pytest.raises(NakError):
        Antenna(card).talk(write)
    assert differences(before, card.image) == []


def test_without_the_key_nothing_of_a_sold_ticket_can_be_written():
    card = sold()
    before = card.image.clone()
    for page in range(3, 48):
        with pytest.raises(NakError):
            Antenna(card).talk(lambda session, page=page: session.write(page, b"\xff" * 4))
    # Page 2 is open to everybody, and everything in it is set already but the OTP lock, which is
    # frozen: nobody can keep a ticket from being voided.
    Antenna(card).talk(lambda session: session.write(2, b"\xff" * 4))
    assert differences(before, card.image) == []


def test_a_ticket_is_voided_for_ever_and_its_reissues_are_counted():
    card = sold()

    def take_back(session):
        yield from opened(session)
        yield from tourist_ticket.note_reissue(session, 1)
        yield from tourist_ticket.note_reissue(session, 2)
        yield from tourist_ticket.void_ticket(session)
        return (yield from tourist_ticket.read_ticket(session, UID, KEYS[1]))

    ticket = Antenna(card).talk(take_back)
    assert (ticket.void, tourist_ticket.reissues(ticket)) == (True, 2)
    assert tourist_ticket.refusal(ticket, 0, 3) == tourist_ticket.VOIDED
    assert card.image.otp.hex() == "e0000000"


def test_every_ticket_has_keys_of_its_own():
    other = tourist_ticket.ticket_keys(MASTER, bytes(7))
    assert len({*KEYS, *other}) == 4
    card = blank()
    card.image.uid = bytes.fromhex("04998877665544")
    with pytest.raises(LayoutError, match="made for another ticket"):
        Station(card).sell()
    assert card.image.counter == 0


def test_the_header_layout_is_written_by_the_recipe():
    assert ULC_HEADER.get(recipe().header, "layout") == tourist_ticket.TICKET_LAYOUT
