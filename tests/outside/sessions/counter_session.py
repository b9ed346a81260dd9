"""What our own reader drivers do: `READER desfire|ticket|lost|many`; every line is checked.

The conversations are the real ones: personalisation, the station's load, the validator's tap.
"""

import sys
from importlib.metadata import version

import patient_nfcpy

from card_layouts.answers import name_of
from card_layouts.cards import personalise, tourist_sale, tourist_ticket, ultralight_c
from card_layouts.cards.card_layout import CHANNEL_COUNTER
from card_layouts.cards.conversation import CardLost, converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.crypto.triple_des_cpython import TripleDes
from edge_agent.drivers.card_readers import open_reader
from edge_agent.ports import ManyCards, ReaderError
from firmware.station import Order
from simulator.prng import Prng
from simulator.worlds import tap_world, ticket_world

PATIENCE_MS = 150_000


def awaited(reader):
    found = reader.wait(PATIENCE_MS)
    assert found is not None, "no card"
    return found


def talk(reader, session, steps):
    return converse(steps, session.frame, reader.exchange)


def desfire(reader):
    """Make a card, load 20.00, pay one fare: three presentations of one card."""
    found = awaited(reader)
    print(f"found: {found.kind} {found.uid.hex()}")
    session = IssuerSession(bytearray(64))
    steps = []
    make = personalise.personalise(
        session, tap_world.recipe(), Prng(4).bytes, TripleDes, steps.append
    )
    talk(reader, session, make)
    reader.release()
    print("personalised:", steps[-1] == personalise.STEP_VERIFIED)
    for device, order in (
        (tap_world.Device(tap_world.STATION, True), Order(1, 1, 1, 2000, CHANNEL_COUNTER)),
        (tap_world.Device(tap_world.GATE_A), None),
    ):
        uid = awaited(reader).uid
        tap = device.tap
        answer = talk(reader, tap, tap.load(uid, order) if order else tap.run(uid))
        reader.release()
        print(f"{'load' if order else 'tap'}: {name_of(answer)} {device.names()[-1]}")


def ticket(reader):
    """Sell a tourist ticket and use it."""
    found = awaited(reader)
    print(f"found: {found.kind} {found.uid.hex()}")
    session = ultralight_c.Session(bytearray(64))
    state = talk(reader, session, tourist_sale.sale_state(session))
    random = Prng(7).bytes
    for step in (tourist_sale.load, tourist_sale.close):
        awaited(reader)
        session = ultralight_c.Session(bytearray(64))
        talk(reader, session, step(session, ticket_world.recipe(), random, TripleDes))
        reader.release()
    awaited(reader)
    session = ultralight_c.Session(bytearray(64))
    print("fresh, then sold:", state, talk(reader, session, tourist_sale.sale_state(session)))
    gate = ticket_world.Gate()
    for number in (1, 2):
        awaited(reader)
        session = ultralight_c.Session(bytearray(64))
        talk(reader, session, gate._tap(session, random(8), ticket_world.NOW + 60 * number))
        reader.release()
    awaited(reader)
    session = ultralight_c.Session(bytearray(64))
    check = tourist_ticket.check_ticket(session, found.uid, ticket_world.KEYS, random(8), TripleDes)
    print("counted:", talk(reader, session, check).counter)
    try:
        awaited(reader)
        talk(reader, session, session.read(ultralight_c.PAGE_LAST))
    except ultralight_c.NakError as error:
        print("key page:", error)


def lost(reader):
    """Ask for ever; the card is taken away in the middle, and comes back."""
    awaited(reader)
    session = IssuerSession(bytearray(64))
    print("talking", flush=True)
    try:
        for _ in range(100_000):
            talk(reader, session, session.get_version())
    except CardLost as error:
        print("lost, sent:", error.sent, flush=True)
    print("empty:", reader.wait_empty(PATIENCE_MS), flush=True)
    print("back:", awaited(reader).uid.hex())


def many(reader):
    """Look at two cards at once, until both are seen."""
    for _ in range(100):
        try:
            reader.wait(200)
            reader.wait_empty(100)  # pcscd sees the cards one after another
        except ManyCards:
            print("found: many cards")
            return


def main(name, what):
    package = "pyscard" if name.startswith("pcsc") else "nfcpy"
    patient_nfcpy.lengthen()
    try:
        reader = open_reader(name)
    except ReaderError as error:
        print(f"ReaderError: {error}")
        return
    print(f"{package} {version(package)}")
    {"desfire": desfire, "ticket": ticket, "lost": lost, "many": many}[what](reader)
    reader.close()


main(*sys.argv[1:])
