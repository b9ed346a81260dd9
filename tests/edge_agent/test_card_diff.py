"""`card diff`: 0 the same, 1 different, 2 no card; fields of ours, byte ranges of others'."""

from dataclasses import replace

import pytest

from edge_agent.counter import cli
from edge_agent.counter.card_diff import differences
from simulator.desfire_card.image import DataFile, ValueFile
from simulator.desfire_card.image_json import image_to_json
from simulator.prng import Prng
from simulator.random_card import RandomCard
from simulator.ultralight_c.image_json import image_to_json as ticket_to_json
from simulator.worlds import tap_world, ticket_world
from tests.edge_agent.test_card_explain import card_of, ticket_of

pytestmark = pytest.mark.requirement("W-95", "W-26")


def test_a_tap_differs_in_purse_counter_and_one_new_record():
    card = tap_world.new_card()
    before = card_of(card.image)
    tap_world.Device().present(card)
    found = {
        line.place.partition(" / ")[2]: line for line in differences(before, card_of(card.image))
    }
    assert (found["File V: balance"].a, found["File V: balance"].b) == ("20.00 EUR", "17.50 EUR")
    assert found["File C: n"].b.startswith("000002 2 transactions")
    assert found["File G / Record n = 2"].a == "(not there)"
    assert "debit 2.50 EUR" in found["File G / Record n = 2"].b
    assert not [place for place in found if place.startswith(("File S", "File P", "File J"))]


def test_foreign_contents_differ_by_byte_ranges():
    image = RandomCard(3).image
    before = card_of(image)
    app = image.applications[bytes.fromhex("94dcb6")]
    data = bytearray(app.files[6].data)
    data[3:5] = bytes(byte ^ 0xFF for byte in data[3:5])
    data[20] ^= 1
    app.files[6] = replace(app.files[6], data=bytes(data))
    places = [line.place for line in differences(before, card_of(image))]
    assert places == [
        "Application B6DC94 / File 6: bytes 3..4",
        "Application B6DC94 / File 6: byte 20",
    ]


def test_any_one_change_is_found_and_nothing_else_is():
    prng = Prng(11)
    changed = 0
    for seed in range(120):
        image = RandomCard(seed).image
        before = card_of(image)
        assert differences(before, card_of(RandomCard(seed).image)) == []
        files = [(app, no) for app in image.applications.values() for no in app.files]
        if not files:
            continue
        app, number = prng.choice(files)
        app.files[number] = mutated(app.files[number], prng)
        assert differences(before, card_of(image)), f"seed {seed} file {number}"
        changed += 1
    assert changed > 60


def mutated(file, prng):
    if prng.chance(1, 2):
        return replace(file, rights=file.rights ^ 1 << prng.below(16))
    if isinstance(file, ValueFile):
        return replace(file, upper=file.upper + 1)
    if isinstance(file, DataFile):
        at = prng.below(len(file.data))
        return replace(file, data=file.data[:at] + bytes([file.data[at] ^ 1]) + file.data[at + 1 :])
    return replace(file, records_max=file.records_max + 1)


def test_a_ticket_tap_differs_in_one_slot_and_the_counter():
    card = ticket_world.sold()
    before = ticket_of(card.image)
    ticket_world.Gate().present(card)
    places = {line.place for line in differences(before, ticket_of(card.image))}
    assert "Counter and key: counter" in places
    assert any("Slot A: mac" in place for place in places)
    assert not any("Slot B" in place for place in places)


def test_exit_codes_tell_same_different_and_no_card(tmp_path, capsys):
    a, b, ticket = (tmp_path / name for name in ("a", "b", "ticket"))
    a.write_text(image_to_json(RandomCard(1).image))
    b.write_text(image_to_json(RandomCard(2).image))
    ticket.write_text(ticket_to_json(ticket_world.sold().image))
    assert cli.main(["diff", str(a), str(a)]) == 0
    assert capsys.readouterr().out == ""
    assert cli.main(["diff", str(a), str(b)]) == 1
    assert "Card: uid" in capsys.readouterr().out
    assert cli.main(["diff", str(a), str(ticket)]) == 1
    assert cli.main(["diff", str(a), str(tmp_path / "none")]) == 2
    assert "no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit) as wrong_use:
        cli.main(["diff", str(a)])
    assert wrong_use.value.code == 2
