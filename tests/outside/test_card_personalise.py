"""`tornello card personalise` and `card read` as a clerk runs them, on pcscd and over nfcpy."""

import pytest

from card_layouts.cards.card_number import card_number
from card_layouts.cards.issue import ISSUE
from simulator.desfire_card import Cut
from simulator.field import Tear
from tests.edge_agent.issue_world import AUTHORITY, FIRST, Office, blank
from tests.outside.readers import PATIENCE_S, ServedPn532

pytestmark = pytest.mark.requirement("X-3")
SCRIPT = "card_session.py"
COUNT = 3


class Clerk:
    """The running command, and what it says about each card."""

    def __init__(self, start, office, reader):
        files = ("--batch", office.batch_file, "--keys", office.keys_file)
        more = ("--reader", reader, "--wait", str(PATIENCE_S))
        self.process = start(SCRIPT, "personalise", *files, *more)
        assert "There is no undo" in self.says("batch 17")

    def says(self, *wanted):
        """Return the next line that holds one of these words; nothing else is passed over."""
        line = self.process.stdout.readline()
        assert any(word in line for word in wanted), line
        return line

    def ends(self):
        said = self.says(f"{COUNT} made, 0 spoilt, 0 unfinished, 0 numbers left")
        assert self.process.wait(PATIENCE_S) == 0
        return said


def check(office, cards):
    data = office.issues.read_bytes()
    rows = [ISSUE.unpack(data[at : at + 64]) for at in range(0, len(data), 64)]
    assert [(row["serial"], row["uid"]) for row in rows] == [
        (FIRST + number, card.uid) for number, card in enumerate(cards)
    ]
    for card in cards:
        (application,) = card.image.applications.values()
        assert len(application.files) == 8


def test_several_cards_are_made_over_pcsc(in_reader, pcscd, started_session, tmp_path, program):
    office, cards = Office(tmp_path, COUNT), [blank(number) for number in range(COUNT)]
    clerk = Clerk(started_session, office, "pcsc")
    for number, card in enumerate(cards):
        with in_reader(card):
            clerk.says(f"{number + 1}/{COUNT}  {card_number(AUTHORITY, FIRST + number)}")
    clerk.ends()
    program(f"pcscd {pcscd} with vsmartcard, a batch of {COUNT} cards")
    check(office, cards)


def test_several_cards_one_torn_are_made_over_nfcpy(started_session, session, tmp_path):
    office, cards = Office(tmp_path, COUNT), [blank(number) for number in range(COUNT)]
    with ServedPn532() as reader:
        clerk = Clerk(started_session, office, f"nfcpy:{reader.path}")
        for number, card in enumerate(cards):
            if number == 1:
                reader.field.plan(Tear(command=0xC4, cut=Cut("out", 0)))
            reader.field.place(card)
            if number == 1:
                clerk.says("put the SAME card back")
                reader.field.place(card)
            clerk.says(f"{number + 1}/{COUNT}  {card_number(AUTHORITY, FIRST + number)}")
            reader.field.take(card)
        clerk.ends()
    check(office, cards)


def test_a_reader_pulled_out_is_said_and_the_batch_stays(started_session, tmp_path):
    office, card = Office(tmp_path, COUNT), blank(0)
    with ServedPn532(card) as reader:
        clerk = Clerk(started_session, office, f"nfcpy:{reader.path}")
        clerk.says(f"1/{COUNT}  {card_number(AUTHORITY, FIRST)}")
    clerk.says("1 made, 0 spoilt, 0 unfinished, 2 numbers left")
    assert clerk.process.wait(PATIENCE_S) == 1
    check(office, [card])


def test_a_card_is_read_over_nfcpy(started_session, tmp_path):
    card = blank(5)
    with ServedPn532(card) as reader:
        where = ("--reader", f"nfcpy:{reader.path}")
        process = started_session(SCRIPT, "read", *where)
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert f"UID           {card.uid.hex()}" in said
    assert "ATQA 0344, SAK 20, ATS 067577810280" in said
    assert "DESFire card, blank: no application" in said


def test_a_card_is_read_over_pcsc_without_naming_the_reader(in_reader, started_session):
    card = blank(5)
    with in_reader(card):
        process = started_session(SCRIPT, "read")
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert f"UID           {card.uid.hex()}" in said
    assert "ATR 3b8180018080" in said
