"""Our own CardReader drivers on pyscard with a real pcscd, and on nfcpy with the PN532 of the pty.

The conversations are the ones of firmware and counter; nothing here knows how they travel.
"""

import pytest

from simulator.desfire_card import DesfireCard
from simulator.prng import Prng
from simulator.worlds import ticket_world
from simulator.worlds.tap_world import FARE, UID, OnCard
from tests.outside.readers import PATIENCE_S, ServedPn532

SCRIPT = "counter_session.py"
TICKET = [
    f"found: Ultralight {UID.hex()}",
    "fresh, then sold: 0 2",
    "counted: 3",
    "key page: card.command 30: found NAK 0, wanted ACK or data",
]


def blank():
    return DesfireCard.blank(UID, Prng(1).bytes)


def made_loaded_and_used(said, card):
    assert said == [
        f"found: DESFire {UID.hex()}",
        "personalised: True",
        "load: LOADED OUTCOME",
        "tap: ACCEPTED OUTCOME",
    ]
    assert OnCard(card).state()[0] == 2000 - FARE


@pytest.mark.requirement("D5", "X-3", "W-110", "W-111")
def test_a_card_is_made_loaded_and_used_over_pcsc(in_reader, pcscd, session, program):
    card = blank()
    with in_reader(card):
        name, *said = session(SCRIPT, "pcsc", "desfire")
    program(f"pcscd {pcscd} with vsmartcard, {name}")
    made_loaded_and_used(said, card)


@pytest.mark.requirement("W-94")
def test_a_ticket_is_sold_and_used_over_pcsc(in_reader, session, program):
    with in_reader(ticket_world.blank()):
        name, *said = session(SCRIPT, "pcsc", "ticket")
    program(name)
    assert said == TICKET


def test_a_card_lifted_in_a_conversation_is_lost_over_pcsc(in_reader, started_session):
    with in_reader(blank()) as laid:
        process = started_session(SCRIPT, "pcsc", "lost")
        lines = process.stdout
        assert lines.readline() and lines.readline() == "talking\n"
        laid.lift()
        assert [lines.readline(), lines.readline()] == ["lost, sent: True\n", "empty: True\n"]
    with in_reader(blank()):
        assert lines.readline() == f"back: {UID.hex()}\n"
    assert process.wait(PATIENCE_S) == 0


def test_cards_in_two_readers_are_many_cards(in_reader, session):
    with in_reader(blank()), in_reader(ticket_world.blank(), slot=1):
        assert session(SCRIPT, "pcsc", "many")[1:] == ["found: many cards"]


@pytest.mark.requirement("W-110", "W-111")
def test_a_card_is_made_loaded_and_used_over_nfcpy(session, program):
    card = blank()
    with ServedPn532(card) as reader:
        name, *said = session(SCRIPT, f"nfcpy:{reader.path}", "desfire")
    program(name)
    made_loaded_and_used(said, card)


@pytest.mark.requirement("W-94")
def test_a_ticket_is_sold_and_used_over_nfcpy(session):
    with ServedPn532(ticket_world.blank()) as reader:
        assert session(SCRIPT, f"nfcpy:{reader.path}", "ticket")[1:] == TICKET


def test_a_card_lifted_in_a_conversation_is_lost_over_nfcpy(started_session):
    card = blank()
    with ServedPn532(card) as reader:
        process = started_session(SCRIPT, f"nfcpy:{reader.path}", "lost")
        lines = process.stdout
        assert lines.readline() and lines.readline() == "talking\n"
        reader.field.take(card)
        assert [lines.readline(), lines.readline()] == ["lost, sent: True\n", "empty: True\n"]
        reader.field.place(card)
        assert lines.readline() == f"back: {UID.hex()}\n"
        assert process.wait(PATIENCE_S) == 0


def test_two_cards_on_one_antenna_are_many_cards(session):
    with ServedPn532(blank(), DesfireCard.blank(b"\x04second", Prng(2).bytes)) as reader:
        said = session(SCRIPT, f"nfcpy:{reader.path}", "many")
    assert said[1:] == ["found: many cards"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("nfcpy:/dev/null", "is it a PN532"), ("nfcpy:tty:USB999:pn532", "no reader there")],
)
def test_a_reader_that_is_none_is_said_in_a_sentence(session, name, words):
    (said,) = session(SCRIPT, name, "open")
    assert said.startswith(f"ReaderError: {name}") and words in said
