"""`card read`: what a clerk sees of a blank card, of ours with and without keys, of a ticket."""

import json

import pytest

from edge_agent.counter import cli
from simulator.worlds import tap_world, ticket_world
from tests.edge_agent.issue_world import Office, blank, one_by_one
from tests.edge_agent.table_reader import TableReader, desk_of, desk_with

pytestmark = pytest.mark.requirement("R-24")


def read(card, *more):
    return cli.main(["read", "--wait", "1", *map(str, more)], desk_with(card))


@pytest.fixture
def made(tmp_path):
    """Return an office and a card it made; keys as the keyring provisions them."""
    office, card = Office(tmp_path, 1), blank(1)
    assert office.personalise(one_by_one([card])) == 0
    return office, card


def test_a_blank_card_is_said_to_be_blank(capsys):
    card = blank(1)
    assert read(card) == 0
    said = capsys.readouterr().out
    assert f"UID           {card.uid.hex()}" in said
    assert "DESFire card, blank: no application" in said
    assert "4864 bytes free" in said


def test_without_keys_our_card_hides_its_application(made, capsys):
    capsys.readouterr()
    assert read(made[1]) == 0
    assert "applications hidden without keys" in capsys.readouterr().out


def test_the_issuers_keys_open_balance_and_records(made, capsys):
    office, card = made
    capsys.readouterr()
    assert read(card, "--keys", office.keys_file) == 0
    said = capsys.readouterr().out
    assert f"application   {office.station().aid.hex()} (ours), 8 files" in said
    assert "card number   244 00001000 3" in said
    assert "balance       0.00 EUR" in said
    assert "record        n 0" in said and "issue" in said


def test_keys_by_the_line_open_a_used_card_and_json_says_the_same(tmp_path, capsys):
    keys, card = tmp_path / "keys", tap_world.new_card()
    tap_world.Device().present(card)
    aid = tap_world.AID.hex()
    keys.touch(0o600)
    keys.write_text(
        "\n".join(f"master {aid} {n} {k.hex()}" for n, k in enumerate(tap_world.MASTERS))
    )
    assert read(card, "--keys", keys) == 0
    assert "balance       17.50 EUR" in capsys.readouterr().out
    assert read(card, "--keys", keys, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["uid"] == card.uid.hex() and said["kind"] == "DESFire"
    assert said["ours"]["balance"] == "17.50 EUR"


def test_a_ticket_is_an_ultralight_c(capsys):
    assert read(ticket_world.sold()) == 0
    assert "Ultralight C" in capsys.readouterr().out


def test_no_card_and_two_cards_are_a_sentence_each(capsys):
    assert read(None) == 1
    assert "no card within 1 s" in capsys.readouterr().err
    reader = TableReader(blank(1))
    reader.field.place(blank(2))
    assert cli.main(["read"], desk_of(reader)) == 1
    assert "lay one card on the reader" in capsys.readouterr().err


def test_a_file_that_holds_no_keys_is_refused(tmp_path, capsys):
    wrong = tmp_path / "wrong.json"
    wrong.touch(0o600)
    wrong.write_text('{"card_keys": {"1": {"K1": "zz"}}, "aid": 1}')
    assert read(blank(1), "--keys", wrong) == 1
    assert "not what `tornello keyring provision` prints" in capsys.readouterr().err


@pytest.mark.requirement("D10")
def test_a_key_file_that_others_may_read_or_that_is_not_there_is_refused(tmp_path, capsys):
    keys = tmp_path / "keys"
    keys.write_text("ticket " + "00" * 16)
    keys.chmod(0o644)
    assert read(blank(1), "--keys", keys) == 1
    said = capsys.readouterr().err
    assert f"chmod 600 {keys}" in said and "00" * 16 not in said
    assert read(blank(1), "--keys", tmp_path / "none") == 1
    assert "cannot be read" in capsys.readouterr().err
