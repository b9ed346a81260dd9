"""V1 to V5 of desfire.md: transcripts of a real EV1 card, byte by byte against the model."""

import pytest

from simulator.desfire_card.channel import Ev1Channel
from simulator.desfire_card.ciphers import BlockCipher
from simulator.desfire_card.meter import ExchangeCount
from tests.simulator.card_builders import AID, application, card, key

pytestmark = pytest.mark.requirement("R-24")
H = bytes.fromhex


def card_with(keys, rnd_b):
    made = card()
    made.image.applications[AID] = application(keys=keys)
    made._state.random_bytes = lambda count: H(rnd_b)[:count]
    made.power_on()
    assert made.exchange(H("5A") + AID) == H("00")
    return made


def say(made, *lines):
    """Each line is "command > answer" in hex."""
    for line in lines:
        command, answer = (H(part) for part in line.split(">"))
        assert made.exchange(command) == answer, line


def test_v1_authentication_and_change_of_the_authenticated_key():
    made = card_with([bytes(16)], "C05DDD714FD788A6B7B754F3C4D066E8")
    say(
        made,
        "AA00 > AF B969FDFE56FD91FC9DE6F6F213B8FD1E",
        "AF 36AAD7DF6E436BA08D18613830A70D5AD43E3D3F4A8D47541EEE623A934E4774"
        "> 00 800DB680BC146BD121D6578F2D2E2059",
        "C4 00 E9F85E219496C2B58C1090DC3935FAE9E840CF61B383D9531946256B1F110C10 > 00",
    )
    changed = made.image.applications[AID].keys[0]
    assert changed == key(H("00102030405060708090A0B0B0A09080"), 0x10)
    assert made._state.channel.key_no is None, "changing the own key ends the session"


def test_v2_authentication():
    made = card_with([H("00102030405060708090A0B0B0A09080")], "271047125A2AA58178F5C51B1177A19B")
    say(
        made,
        "AA00 > AF CCC8316C2B2613FE9A189BAC9CC89D03",
        "AF C02E061E72E17726489CAEEC997C523758BF863EFE7671C55B4665D06ACCD97B"
        "> 00 72ACCC0BDEA482B53185BB5AD0086246",
    )


def test_v3_command_under_cmac_then_enciphered_change_of_key():
    made = card_with([H("10182028303840485058606870788088")], "910368457E2E9AA167355BFB544B9931")
    made.image.applications[AID].keys[0] = key(H("10182028303840485058606870788088"), 0x10)
    say(
        made,
        "AA00 > AF 3E2BE626C05E7798EE518355A751648E",
        "AF FABF71BB0DC45B8F31BAEDDFF7F3439652D4094DF12C17EF0C94353E6D7770C8"
        "> 00 1CE6C574E24923D404E18B6A240C1B08",
        "64 00 > 00 10 8A8FA36F55CD210D",
        "C4 00 635375E4919F8AF2E9E86B1C1BA55B0C0807EAF484D7A7EF6E0C3084160F5A61 > 00",
    )
    assert made.image.applications[AID].keys[0] == key(bytes(16), 0)


def test_v4_change_of_another_key():
    made = card_with([bytes(16), bytes(16)], "D81000444B976F48340DCDE34D7AB17C")
    made.exchange(H("AA00"))
    # RndA of V2: the transcript names the session key, so the proof is rebuilt from it.
    made._state.channel = session("C2A1E47BD8100044FE6D00A74D7AB17C")
    made._awaited = None
    say(
        made,
        "C4 01 E7ECCB6BD1CA64BC161A12B1C024F71430337408C8A87EACAB7A1FF18951FCA3"
        "> 00 2128D3CD9C9ACFFF",
    )
    assert made.image.applications[AID].keys[1] == key(H("00102030405060708090A0B0B0A09080"), 0x10)


def test_v5_create_file_answers_with_a_cmac():
    made = card_with([bytes(16)], "00" * 16)
    made._state.channel = session("40E7D271626FFBD49C530E3D304F5B17")
    say(made, "CD 05 00 1100 500000 > 00 A75316AD1596B953")


def session(key_hex):
    return Ev1Channel(0, BlockCipher("AES", H(key_hex), ExchangeCount()))
