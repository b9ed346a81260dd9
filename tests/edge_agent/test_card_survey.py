"""A card on a reader: all it gives without keys, more with them, and what it refused by name."""

import argparse
from dataclasses import replace

import pytest

from card_layouts.cards.card_layout import aid_bytes
from edge_agent.counter import card_dump, explain
from edge_agent.counter.card_source import add_source_options, card_of_bytes, read_card
from edge_agent.counter.desk import CounterError
from simulator.desfire_card import DesfireCard, image_from_json
from simulator.prng import Prng
from simulator.random_card import RandomCard
from simulator.ultralight_c import Image, UltralightC
from simulator.worlds import tap_world, ticket_world
from tests.edge_agent.table_reader import desk_with
from tests.edge_agent.test_card_explain import TABLES, card_of, names_of, ticket_of, told

pytestmark = pytest.mark.requirement("W-95", "W-26", "R-24")
AID = tap_world.AID.hex()


def read(card, tmp_path, *keys, aids=()):
    parser = argparse.ArgumentParser()
    add_source_options(parser, many=True)
    path = tmp_path / "keys"
    path.touch(0o600)
    path.write_text("# keys of a test\n" + "\n".join(keys))
    more = [word for aid in aids for word in ("--aid", aid)]
    options = parser.parse_args(["reader", "--keys", str(path), *more])
    return read_card("reader", options, desk_with(card))


def master(number):
    return f"master {AID} {number} {tap_world.MASTERS[number].hex()}"


def opened(image):
    """A random card made readable for everybody, so that a reader can see all of it."""
    for app in image.applications.values():
        app.settings |= 0x02
        for number, file in app.files.items():
            app.files[number] = replace(file, rights=0xEEEE)
    return image


def as_told(card):
    """Leave away what GetFileSettings does not tell: free reading of values, ISO ids and names."""
    apps = []
    for app in card.applications:
        files = tuple(replace(file, free_get=None, iso_fid=None) for file in app.files)
        apps.append(replace(app, files=files, iso_files=None, iso_fid=None, df_name=b""))
    return replace(card, applications=tuple(apps))


def test_an_open_foreign_card_reads_from_a_reader_as_from_its_image(tmp_path):
    files = 0
    for seed in range(25):
        image = opened(RandomCard(seed).image)
        found = read(DesfireCard(image, Prng(seed).bytes), tmp_path)
        wanted = as_told(card_of(image))
        assert found.applications == wanted.applications, f"seed {seed}"
        assert (found.uid, found.version, found.settings) == (
            wanted.uid,
            wanted.version,
            wanted.settings,
        )
        files += sum(len(app.files) for app in found.applications)
    assert files > 100


def test_what_a_random_foreign_card_refuses_is_named_and_the_rest_is_true(tmp_path):
    read_files = refused = 0
    for seed in range(120):
        image = RandomCard(seed).image
        found = read(DesfireCard(image, Prng(seed).bytes), tmp_path)
        wanted = {app.aid: app for app in as_told(card_of(image)).applications}
        assert {app.aid for app in found.applications} == set(wanted)
        for app in found.applications:
            for file in app.files:
                if file.unread:
                    assert file.unread.startswith(("reading needs key", "nobody may read it"))
                    refused += 1
                else:
                    assert file == wanted[app.aid].file(file.number)
                    read_files += 1
    assert read_files > 50 and refused > 50


def test_our_card_without_keys_says_what_it_keeps_to_itself(tmp_path):
    found = read(tap_world.new_card(), tmp_path)
    assert found.uid == tap_world.UID and found.applications == ()
    assert "may be more" in found.notes[0]
    found = read(tap_world.new_card(), tmp_path, aids=[AID])
    (app,) = found.applications
    assert app.key_versions == (1,) * 5
    assert [file.unread[:17] for file in app.files] == ["reading needs key"] * 8


def test_the_card_key_opens_the_list_of_applications(tmp_path):
    card = tap_world.new_card()
    found = read(card, tmp_path, "000000 0 " + (b"P" * 16).hex())
    wanted = card_of(card.image)
    assert (found.settings, found.key_kind, found.key_version) == (
        wanted.settings,
        wanted.key_kind,
        wanted.key_version,
    )
    assert [app.aid for app in found.applications] == [tap_world.AID] and not found.notes


@pytest.mark.parametrize("numbers", [(1,), (1, 3), (1, 2, 3), (0, 1, 2, 3)])
def test_each_key_opens_what_the_rights_say(numbers, tmp_path):
    card = tap_world.new_card()
    tap_world.Device().present(card)
    wanted = card_of(card.image).applications[0]
    found = read(card, tmp_path, *map(master, numbers)).applications[0]
    readable = {1: {1, 2, 4, 5, 6, 8}, 2: {1, 2, 3, 4, 5, 6, 7, 8}, 3: {6, 7, 8}, 0: set()}
    can = set().union(*(readable[number] for number in numbers))
    for file in found.files:
        original = wanted.file(file.number)
        assert (file.data, file.value, file.records) == (
            (original.data, original.value, original.records)
            if file.number in can
            else (None, None, None)
        )
    if 0 in numbers:
        assert found.settings == wanted.settings
        assert found.files == tuple(replace(file, free_get=None) for file in wanted.files)


def test_explain_on_a_reader_with_keys_names_every_field(tmp_path):
    found = read(tap_world.new_card(), tmp_path, *map(master, (1, 2)))
    fields = told(explain.explain_card(found))
    for layout in TABLES:
        assert fields[layout.name] == names_of(layout), layout.name


@pytest.mark.parametrize("numbers", [(), (1,), (1, 2), (0, 1, 2, 3)])
def test_a_card_on_the_reader_is_written_down_as_it_was_read(numbers, tmp_path, capsys):
    keys, image = tmp_path / "keys", tmp_path / "image.json"
    keys.touch(0o600)
    keys.write_text("\n".join(map(master, numbers)))
    parser = argparse.ArgumentParser()
    card_dump.add_options(parser)
    words = ["reader", "-o", str(image), "--keys", str(keys), "--aid", AID]
    assert card_dump.run(parser.parse_args(words), desk_with(tap_world.new_card())) == 0
    wanted = read(tap_world.new_card(), tmp_path, *map(master, numbers), aids=[AID])
    found = card_of_bytes(image.read_bytes(), "image")
    image_from_json(image.read_text())  # the simulator plays it
    assert without_reasons(found) == without_reasons(wanted)


def without_reasons(card):
    apps = tuple(
        replace(app, unread="", files=tuple(replace(file, unread="") for file in app.files))
        for app in card.applications
    )
    return replace(card, applications=apps)


def test_a_wrong_key_opens_nothing_and_harms_nothing(tmp_path):
    card = tap_world.new_card()
    before = card_of(card.image)
    found = read(card, tmp_path, f"{AID} 1 {'5a' * 16}")
    assert all(file.unread for file in found.applications[0].files)
    assert card_of(card.image) == before


def test_a_ticket_reads_with_its_key_and_only_its_head_without(tmp_path):
    card = ticket_world.sold()
    wanted = ticket_of(card.image)
    found = read(card, tmp_path, f"ticket-master {ticket_world.MASTER.hex()}")
    assert found.pages == wanted.pages and not found.notes
    found = read(card, tmp_path)
    assert found.pages[:3] == wanted.pages[:3] and set(found.pages[3:]) == {None}
    found = read(card, tmp_path, "ticket " + "00" * 16)
    assert "not this card's" in found.notes[0]


def test_a_fresh_ultralight_c_reads_without_a_key(tmp_path):
    card = UltralightC(Image(ticket_world.UID), Prng(5).bytes)
    assert read(card, tmp_path).pages == ticket_of(card.image).pages


def test_an_empty_reader_and_a_bad_key_file_are_one_clear_sentence(tmp_path):
    with pytest.raises(CounterError, match="no card within 30 s"):
        read(None, tmp_path)
    with pytest.raises(CounterError, match="keys: line 2: wanted `AID NUMBER KEY`") as refused:
        read(None, tmp_path, "0523f4 99 " + "5a" * 16)
    assert "5a5a" not in str(refused.value)
    with pytest.raises(CounterError, match="--aid f: wanted three bytes"):
        read(None, tmp_path, aids=["f"])
    assert aid_bytes(tap_world.CLUSTER, tap_world.GENERATION).hex() == AID
