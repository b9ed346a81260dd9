"""Any sequence of commands leaves a legal card and whole transactions; every cell has a trial."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.counter.silicon_answers import EVIDENCE
from edge_agent.counter.silicon_trials import trials
from simulator.commands.main import main
from simulator.desfire_card import image_from_json, image_to_json, transaction
from simulator.desfire_trials import KEYS, run_trial
from simulator.prng import Prng
from simulator.tears.plants import commit_unmarked
from tests import figures
from tests.simulator.card_builders import AID, card, value_file
from tests.simulator.desfire_reader import MACED, Reader
from tests.simulator.sequence_world import play

pytestmark = pytest.mark.requirement("R-24", "R-6")
FIGURE = "random command sequences on the card"
SEQUENCE_BYTES = 60
PARTS, PART = 16, 6_250  # 100,000


@pytest.mark.parametrize("command, status, scene, steps", trials())
def test_a_command_is_answered_with_every_status_of_its_row(command, status, scene, steps):
    assert run_trial(scene, steps) == status


def test_every_cell_of_the_table_has_a_trial_and_every_trial_a_cell():
    assert {(command, status) for command, status, _, _ in trials()} == set(EVIDENCE)


def test_coverage_prints_no_untested_cell(capsys):
    assert main(["card", "coverage"]) == 0
    said = capsys.readouterr().out
    assert f"{len(EVIDENCE)} tested, 0 failed, 0 untested" in said
    assert "resting on [?]:" in said
    assert re.search(r"AF +AdditionalFrame +1C", said)


@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(entropy=st.binary(min_size=10, max_size=2 * SEQUENCE_BYTES))
def test_no_sequence_leaves_an_illegal_card_or_half_a_transaction(entropy):
    figures.add(FIGURE, 1)
    image = play(entropy).card.image
    assert image_from_json(image_to_json(image), "card") == image


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
def test_no_seeded_sequence_does_either(part):
    prng = Prng(0xCA4D).fork(f"sequences {part}")
    for number in range(PART):
        entropy = prng.bytes(SEQUENCE_BYTES)
        try:
            play(entropy)
        except AssertionError as error:
            raise AssertionError(
                f"sequence {number}, play(bytes.fromhex('{entropy.hex()}'))"
            ) from error
    figures.add(FIGURE, PART)


def test_a_commit_without_its_mark_is_found_by_a_few_sequences(monkeypatch):
    monkeypatch.setattr(transaction, "commit", commit_unmarked)
    prng = Prng(3)
    with pytest.raises(AssertionError, match="a torn state"):
        for _ in range(3000):
            play(prng.bytes(SEQUENCE_BYTES))


@pytest.mark.parametrize("bit", range(64))
def test_a_mac_with_one_flipped_bit_is_refused(bit):
    reader = Reader(card({1: value_file(comm=MACED)}))
    reader.select(AID)
    reader.authenticate(1, KEYS[1])
    header, amount = b"\x01", (5).to_bytes(4, "little")
    mac = bytearray(reader.cipher.cmac(reader.iv, b"\xdc" + header + amount)[:8])
    mac[bit // 8] ^= 1 << bit % 8
    assert reader.raw(b"\xdc" + header + amount + bytes(mac)) == b"\x1e"
