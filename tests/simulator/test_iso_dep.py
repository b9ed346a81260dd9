"""ISO/IEC 14443-4 blocks: the card's half, the reader's half, and noise between them."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.field import Field
from simulator.prng import Prng
from simulator.readers.air import Air, Garbled, Noise, Planned, crc_a
from simulator.readers.iso_dep import BlockCounts, IsoDepCard
from simulator.readers.iso_dep_reader import BlocksLost, IsoDepReader
from simulator.readers.pn532 import Pn532
from simulator.readers.pn532_frames import ACK, encode_frame
from tests import figures
from tests.simulator.card_builders import card, value_file

pytestmark = pytest.mark.requirement("D7")
H = bytes.fromhex
ATS = H("067577810280")
FIGURES = {
    "nak": "R(NAK) blocks answered by the card",
    "repeated": "blocks repeated and not carried out again",
    "wtx": "waiting time extensions granted",
    "chained_in": "chained blocks to the card",
    "chained_out": "chained blocks from the card",
}
LINKS = []  # every card or chip of the running test


class Echo:
    """A card that answers with the command doubled, and knows what it carried out."""

    def __init__(self, **more):
        self.done = []
        self.blocks = IsoDepCard(ATS, self._carry_out, **more)
        LINKS.append(self.blocks)

    def _carry_out(self, command):
        self.done.append(command)
        return command + command

    def said(self, *blocks):
        return [(self.blocks.receive(H(block)) or b"").hex() for block in blocks]


@pytest.fixture(autouse=True)
def counted():
    """Hand what the blocks of a test went through to the summary of the run."""
    LINKS.clear()
    yield
    total = BlockCounts()
    for link in LINKS:
        total.add(link.counts if isinstance(link, IsoDepCard) else link.blocks)
    for name, words in FIGURES.items():
        figures.add(words, getattr(total, name))


def opened(**more):
    echo = Echo(**more)
    assert echo.said("E050") == [ATS.hex()]
    return echo


def linked(disturber, **more):
    """Return a card, its air, and a reader at the other end."""
    echo, air = Echo(**more), Air()

    def carry(block):
        try:
            arrived = air.carry("to card", block)
        except Garbled:
            return None
        answer = echo.blocks.receive(arrived) if arrived else None
        return None if answer is None else air.carry("to reader", answer)

    assert carry(H("E050")) == ATS
    air.disturb(disturber)
    return echo, IsoDepReader(carry, card_size_code=5)


def test_crc_a_of_the_standards_example():
    assert crc_a(H("0000")) == H("A01E")
    assert crc_a(H("1234")) == H("26CF")


def test_before_rats_there_is_silence_and_pps_follows_rats_only():
    echo = Echo()
    assert echo.said("0260", "E0", "E050", "D01100", "D01100", "0260") == [
        *("", "", ATS.hex(), "d0", "", "026060")
    ]


def test_block_numbers_alternate():
    assert opened().said("0201", "0302", "0203") == ["020101", "030202", "020303"]


def test_a_nak_for_a_block_that_never_came_is_acknowledged_and_for_an_answer_repeats_it():
    echo = opened()
    assert echo.said("B2", "0207", "B2", "B2") == ["a3", "020707", "020707", "020707"]
    assert echo.done == [b"\x07"]
    assert vars(echo.blocks.counts)["nak"] == 3


def test_chaining_both_ways():
    echo = opened()
    assert echo.said("120102", "1303", "0204") == ["a2", "a3", "020102030401020304"]
    long = bytes(range(60))
    first, second = echo.said("03" + long.hex(), "A2")
    assert bytes.fromhex(first) == b"\x13" + (long + long)[:61]
    assert bytes.fromhex(second) == b"\x02" + (long + long)[61:]


def test_an_acknowledgement_out_of_place_is_met_with_silence():
    assert opened().said("0201", "A3") == ["020101", ""]


def test_a_wanted_extension_is_granted_before_the_command_is_carried_out():
    echo = opened(waits=lambda command: 5)
    assert echo.said("0201") == ["f205"]
    assert echo.done == []
    assert echo.said("B2", "F205", "B2") == ["f205", "020101", "020101"]
    assert echo.done == [b"\x01"]
    assert echo.said("F205") == [""], "nobody asked for it"


def test_deselect_ends_everything():
    assert opened().said("C2", "0201", "E050") == ["c2", "", ""]


def test_blocks_for_another_cid_with_nad_or_too_long_get_no_answer():
    echo = Echo()
    assert echo.said("E053", "0201", "0A0201", "0A0301") == [ATS.hex(), "", "", "0a030101"]
    assert echo.said("0E030001", "BA03", "CA03") == ["", "0a030101", "ca03"]
    assert opened().said("02" + "00" * 62, "02" + "00" * 61)[0] == ""


def test_every_single_lost_or_flipped_frame_is_repaired_and_nothing_runs_twice():
    command = bytes(range(100))  # two blocks in, four out
    quiet, reader = linked(Planned())
    assert reader.exchange(command) == command * 2
    for way, number, kind in product(("to card", "to reader"), range(5), ("lost", "flipped")):
        plan = Planned(**{kind: frozenset({(way, number)})})
        for waits in (lambda c: 0, lambda c: 1):
            echo, reader = linked(plan, waits=waits)
            assert reader.exchange(command) == command * 2, (way, number, kind)
            assert reader.exchange(b"next") == b"next" * 2
            assert echo.done == [command, b"next"]


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.lists(st.integers(1, 150), min_size=1, max_size=6))
def test_under_noise_a_command_is_carried_out_once_or_the_reader_knows_that_it_does_not_know(
    seed, sizes
):
    prng = Prng(seed)
    waits = prng.fork("waits")
    echo, reader = linked(Noise(prng, 120, 80), waits=lambda c: waits.below(4))
    commands = [prng.bytes(size) for size in sizes]
    for number, command in enumerate(commands):
        try:
            answer = reader.exchange(command)
        except BlocksLost:
            assert echo.done in (commands[:number], commands[: number + 1])
            return
        assert answer == command * 2
        assert echo.done == commands[: number + 1]


def test_a_dead_card_is_given_up_after_a_few_tries():
    _, reader = linked(Noise(Prng(1), lost_per_mille=1000))
    with pytest.raises(BlocksLost, match="silence"):
        reader.exchange(b"\x01")
    _, reader = linked(Noise(Prng(1), flipped_per_mille=1000))
    with pytest.raises(BlocksLost):
        reader.exchange(b"\x01")


# --- through the PN532 ---


def chip_with(disturber=None, parameters="14", **more):
    field = Field()
    field.place(card({1: value_file(rights=0xEEEE)}))
    chip = Pn532(field, **more)
    LINKS.append(chip)
    chip.feed(b"\x55\x55" + bytes(12))
    ask(chip, "12" + parameters)
    assert ask(chip, "4A0100").startswith("4b01")
    chip.air.disturb(disturber or Planned())
    return chip


def ask(chip, text):
    said = chip.feed(encode_frame(0xD4, H(text)))
    assert said.startswith(ACK)
    return said[12 : 11 + said[9]].hex()


def test_a_host_may_drive_the_blocks_itself():
    chip = chip_with(parameters="00")
    assert ask(chip, "42 0260") == "4301", "silence: RATS was not sent"
    assert ask(chip, "42 E080") == "4300" + ATS.hex()
    assert ask(chip, "42 025A10480F") == "43000200"
    assert ask(chip, "42 030C0101000000") == "43000300"
    assert ask(chip, "42 02C7") == "43000200"
    assert ask(chip, "42 B2") == "43000200", "Commit is not done again: it would answer 0C"
    assert ask(chip, "42 036C01") == "43000300" + "89130000"
    assert ask(chip, "42 C2") == "4300c2"
    assert ask(chip, "42 E080") == "4301"


def test_noise_is_a_checksum_error_for_a_host_that_drives_blocks_and_repaired_for_others():
    noisy = Planned(flipped=frozenset({("to reader", 0)}), lost=frozenset({("to reader", 1)}))
    chip = chip_with(noisy, parameters="00")
    assert ask(chip, "42 E080") == "4302"
    chip = chip_with(noisy)
    assert ask(chip, "40 01 5A10480F") == "410000"
    assert chip.blocks.nak == 2
    assert chip.blocks.repeated == 2


def test_a_commit_whose_answers_are_all_lost_is_a_timeout_and_is_done_once():
    chip = chip_with()
    ask(chip, "40 01 5A10480F")
    ask(chip, "40 01 0C0101000000")
    chip.air.disturb(Planned(lost=frozenset(("to reader", n) for n in range(20))))
    assert ask(chip, "40 01 C7") == "4101"
    chip.air.disturb(Planned())
    assert ask(chip, "4A0100").startswith("4b01")
    ask(chip, "40 01 5A10480F")
    assert ask(chip, "40 01 6C01") == "410000" + "89130000"


def test_a_slow_card_gets_its_time_from_the_chip():
    chip = chip_with(waits=lambda command: 3 if command[:1] == b"\xc7" else 0)
    ask(chip, "40 01 5A10480F")
    ask(chip, "40 01 0C0101000000")
    assert ask(chip, "40 01 C7") == "410000"
    assert chip.blocks.wtx == 1
