"""Power fails at every byte and every write step of a debit: whole old or whole new."""

import pytest

from simulator.desfire_card import Cut, PowerLost, Transcript, image_to_json, transaction
from simulator.tears.plants import commit_unmarked
from tests.simulator.card_builders import (
    AID,
    KEYS,
    card,
    data_file,
    record_file,
    value_file,
)
from tests.simulator.desfire_reader import ENCIPHERED, Reader

pytestmark = pytest.mark.requirement("D30", "D4")

C0 = 2**30 - 1


def fresh():
    files = {
        1: value_file(),
        2: value_file(value=C0, upper=C0, rights=0x12FF),
        4: data_file(),
        8: record_file(records=[b"\x01" * 44]),
    }
    return card(files, meter=Transcript())


def debit(reader):
    """The ten exchanges of card.md section 3."""
    reader.select(AID)
    reader.authenticate(1, KEYS[1])
    reader.read(0x6C, b"\x02", 4, ENCIPHERED)
    reader.read(0xBD, bytes.fromhex("04000000 2c0000"), 44, ENCIPHERED)
    reader.read(0xBB, bytes.fromhex("08000000 010000"), 44, ENCIPHERED)
    reader.write(0xDC, b"\x01", (320).to_bytes(4, "little"), ENCIPHERED)
    reader.write(0xDC, b"\x02", (1).to_bytes(4, "little"), ENCIPHERED)
    reader.write(0x3B, bytes.fromhex("08000000 2c0000"), b"\x02" * 44, ENCIPHERED)
    reader.plain(0xC7)


def positions(exchanges):
    """Return every (exchange, Cut) of a transcript, in the order they lie in time."""
    rows = []
    for number, count in enumerate(exchanges):
        rows += [(number, Cut("in", at)) for at in range(count.bytes_in)]
        rows += [(number, Cut("step", at)) for at in range(count.write_steps)]
        rows += [(number, Cut("out", at)) for at in range(count.bytes_out)]
    return rows


def torn(number, cut):
    """Return the card after one torn debit and the next power-up."""
    made = fresh()
    with pytest.raises(PowerLost):
        debit(Reader(made, {number: cut}))
    made.power_on()
    return image_to_json(made.image)


def transcript():
    made = fresh()
    old = image_to_json(made.image)
    debit(Reader(made))
    return old, image_to_json(made.image), made.meter.exchanges


def test_the_debit_costs_what_card_md_says():
    _, _, exchanges = transcript()
    assert len(exchanges) == 10
    assert sum(e.bytes_in for e in exchanges) == 150
    assert sum(e.bytes_out for e in exchanges) == 186
    assert sum(e.write_steps for e in exchanges) == 9
    assert sum(e.cipher_blocks for e in exchanges) == 25


def test_every_position_of_a_debit_leaves_the_old_or_the_new_card():
    old, new, exchanges = transcript()
    rows = positions(exchanges)
    outcomes = [torn(number, cut) for number, cut in rows]
    assert len(rows) == 345
    assert outcomes.count(old) == 332
    assert outcomes.count(new) == 13
    # Time runs one way: once a cut leaves the new card, every later one does.
    assert outcomes == [old] * 332 + [new] * 13


def test_a_commit_without_the_journal_mark_is_found_out(monkeypatch):
    """The canary: files put in place one by one leave mixed cards in two of five steps."""
    old, new, _ = transcript()
    monkeypatch.setattr(transaction, "commit", commit_unmarked)
    outcomes = [torn(9, Cut("step", at)) for at in range(5)]
    assert [o not in (old, new) for o in outcomes] == [False, False, True, True, False]


def test_power_may_fail_again_while_the_card_finishes_a_torn_commit():
    _, new, _ = transcript()
    for first in range(1, 5):
        for second in range(4):
            made = fresh()
            with pytest.raises(PowerLost):
                debit(Reader(made, {9: Cut("step", first)}))
            made.power = FailsAtStep(second)
            with pytest.raises(PowerLost):
                made.power_on()
            made.power = FailsAtStep(None)
            made.power_on()
            assert image_to_json(made.image) == new


class FailsAtStep:
    def __init__(self, step):
        self.step = step

    def bytes_in(self, count):
        pass

    def write_step(self, index):
        if index == self.step:
            raise PowerLost("step", index)

    def bytes_out(self, count):
        pass


def test_a_standard_file_may_be_torn_and_a_key_may_not():
    made = card({4: data_file(backup=False, size=8, rights=0x1222)})
    reader = Reader(made, {3: Cut("step", 1)})
    reader.select(AID)
    reader.authenticate(2, KEYS[2])
    with pytest.raises(PowerLost):
        reader.write(0x3D, bytes.fromhex("04000000080000"), b"\xaa" * 8, ENCIPHERED)
    assert made.image.applications[AID].files[4].data == b"\xaa" * 4 + bytes(4)
    for step in (0, 1):
        made = card()
        reader = Reader(made, {3: Cut("step", step)})
        reader.select(AID)
        reader.authenticate(0, KEYS[0])
        with pytest.raises(PowerLost):
            reader.change_key(0, b"\x99" * 16, 7)
        assert made.image.applications[AID].keys[0].value == KEYS[0]
