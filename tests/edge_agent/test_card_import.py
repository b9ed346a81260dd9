"""Dumps of Flipper, FareBot and Metrodroid: what is in them is what is read, rubbish is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.counter import cli
from edge_agent.counter.card_contents import CardImageError, UltralightCard
from edge_agent.counter.card_image import image_card
from edge_agent.counter.card_source import card_of_bytes
from edge_agent.counter.card_tree import FILE_BYTES_MAX, parse_json
from edge_agent.counter.explain import explain_card
from edge_agent.counter.explain_page import render
from edge_agent.counter.image_writing import image_text
from edge_agent.counter.import_formats import import_dump
from simulator.desfire_card import image_from_json
from simulator.desfire_card.image_json import image_to_json
from simulator.random_card import RandomCard
from tests.edge_agent import dump_writers
from tests.edge_agent.dump_writers import (
    farebot_json,
    flipper,
    kept,
    metrodroid_json,
    new_xml,
    old_xml,
)

WRITERS = (flipper, farebot_json, metrodroid_json, new_xml, old_xml)
pytestmark = pytest.mark.requirement("W-95", "W-26")


def random_card(seed):
    return card_of_bytes(image_to_json(RandomCard(seed).image).encode(), f"seed {seed}")


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_what_a_format_carries_comes_back_exactly(writer):
    files = 0
    for seed in range(200):
        card = random_card(seed)
        assert import_dump(writer(card), "dump") == kept(card, writer), f"seed {seed}"
        files += sum(len(app.files) for app in card.applications)
    assert files > 1000


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_an_imported_card_kept_as_an_image_says_the_same_again(writer):
    for seed in range(40):
        found = import_dump(writer(random_card(seed)), "dump")
        text = image_text(found, "dump")
        again = image_card(parse_json(text.encode(), "image"))
        assert [app.plain() for app in _settled(again)] == [app.plain() for app in _settled(found)]
        assert (again.uid, again.version, again.settings, again.ats) == (
            found.uid,
            found.version,
            found.settings,
            found.ats,
        )
        image_from_json(text)  # the simulator plays it


def _settled(card):
    """Leave away why nothing is known: an image says that in its own words."""
    return [replace(app, unread="") for app in card.applications]


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("type_name", ["Mifare DESFire", "Mifare Desfire"])
def test_every_version_of_a_flipper_file_is_read(version, type_name):
    card = random_card(3)
    assert import_dump(flipper(card, version, type_name), "x") == kept(card, flipper)


def ultralight_flipper(pages, model, version=4, read=None):
    kind = "NTAG/Ultralight" if version == 4 else model
    lines = ["Filetype: Flipper NFC device", f"Version: {version}", f"Device type: {kind}"]
    lines += ["UID: 04 11 22 33 44 55 66", "ATQA: 00 44", "SAK: 00", "Data format version: 2"]
    if version == 4:
        lines.append(f"NTAG/Ultralight type: {model}")
    lines += [f"Pages total: {len(pages)}", f"Pages read: {read or len(pages)}"]
    lines += [f"Page {number}: {four.hex(' ').upper()}" for number, four in enumerate(pages)]
    return ("\n".join(lines) + "\nFailed authentication attempts: 0\n").encode()


def test_an_ultralight_c_in_every_format_shows_its_pages_and_never_a_key():
    pages = [bytes((number, 1, 2, 3)) for number in range(48)]
    wanted = (*pages[:44], None, None, None, None)
    uid = bytes.fromhex("04112233445566")
    b64 = dump_writers.b64
    farebot = {
        "cardType": "MifareUltralight",
        "tagId": b64(uid),
        "pages": [{"index": n, "data": b64(pages[n])} for n in range(44)],
    }
    metrodroid = {
        "tagId": uid.hex(),
        "mifareUltralight": {
            "cardModel": "MF0ICU2",
            "pages": [{"data": four.hex()} for four in pages[:44]],
        },
    }
    xml = f'<card type="1" id="{uid.hex()}" scanned_at="1"><ultralightType>2</ultralightType>'
    xml += "".join(f'<page index="{n}">{b64(pages[n])}</page>' for n in range(44)) + "</card>"
    for data in (
        ultralight_flipper(pages, "Mifare Ultralight C"),
        ultralight_flipper(pages, "Mifare Ultralight C", version=3),
        json.dumps({"cards": [farebot]}).encode(),
        json.dumps(metrodroid).encode(),
        xml.encode(),
    ):
        assert import_dump(data, "x") == UltralightCard(uid, wanted, "Ultralight C")


def test_pages_that_a_flipper_did_not_read_are_not_known():
    card = import_dump(ultralight_flipper([bytes(4)] * 20, "Mifare Ultralight 11", read=16), "x")
    assert card.pages == (bytes(4),) * 16 + (None,) * 4
    with pytest.raises(CardImageError, match="only an Ultralight C"):
        image_text(card, "x")


def test_another_chip_with_as_many_pages_is_not_kept_as_an_ultralight_c():
    card = import_dump(ultralight_flipper([bytes(4)] * 48, "NTAG210"), "x")
    assert (len(card.pages), card.model) == (48, "NTAG210")
    with pytest.raises(CardImageError, match="only an Ultralight C"):
        image_text(card, "x")


def test_a_file_that_was_not_read_is_not_known_and_says_why():
    card = random_card(3)
    tree = json.loads(farebot_json(card))
    entry = tree["cards"][0]["applications"][0]["files"][0]
    del entry["fileData"]
    entry["error"] = {"type": 1, "message": "Authentication error"}
    file = import_dump(json.dumps(tree).encode(), "x").applications[0].files[0]
    assert (file.data, file.unread) == (None, "Authentication error")
    tree = json.loads(metrodroid_json(card))
    app = next(iter(tree["mifareDesfire"]["applications"].values()))
    name = next(iter(app["files"]))
    app["files"][name] = {"settings": None, "data": None, "isUnauthorized": True}
    file = import_dump(json.dumps(tree).encode(), "x").applications[0].files[0]
    assert (file.kind, file.data) == ("unknown", None)
    with pytest.raises(CardImageError, match="did not tell what kind of file"):
        image_text(import_dump(json.dumps(tree).encode(), "x"), "x")


def test_one_of_several_cards_is_chosen_by_number():
    data = farebot_json(random_card(5), several=True)
    with pytest.raises(CardImageError, match="2 cards in it; choose one with .*--card 1..2"):
        import_dump(data, "x")
    assert import_dump(data, "x", number=2) == kept(random_card(5), farebot_json)
    with pytest.raises(CardImageError, match="card 3 asked for, 2 in it"):
        import_dump(data, "x", number=3)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<card type="2" id="04112233445566">&b;</card>"""
BAD = {
    "bomb": (BOMB, "line 1: a document type"),
    "outside entity": (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><card/>', "document type"),
    "deep xml": (b"<card>" * 40, "nested more than 12 deep"),
    "cut xml": (b'<card type="2" id="04112233445566">', "line 1, column"),
    "other xml": (b"<html></html>", "wanted <card> or <cards>"),
    "no cards": (b"<cards/>", "no card in it"),
    "other type": (b'<card type="4" id="04112233445566"/>', "1 \\(Ultralight\\) and 2"),
    "empty": (b"", "starts with nothing: it is empty; wanted a Tornello image"),
    "text": (b"hello", "starts with 'hello'"),
    "cut json": (b'{"cards": [', "line 1, column"),
    "deep json": (b"[" * 100_000, "no card has such JSON"),
    "huge number": (b'{"a": ' + b"9" * 5000 + b"}", "no card has such JSON"),
    "other json": (b"{}", "JSON of no known shape"),
    "felica": (b'{"tagId": "04112233", "felica": {}}', "neither DESFire nor Ultralight"),
    "flipper classic": (
        b"Filetype: Flipper NFC device\nVersion: 4\nDevice type: Mifare Classic\n",
        "line 3: Device type: found 'Mifare Classic'",
    ),
    "flipper keys": (b"Filetype: Flipper NFC keys\n", "line 1: Filetype"),
    "flipper 9": (b"Filetype: Flipper NFC device\nVersion: 9\n", "line 2: Version: found 9"),
    "flipper no colon": (b"Filetype: Flipper NFC device\nVersion 4\n", "line 2: found"),
    "flipper cut": (b"Filetype: Flipper NFC device\nVersion: 4\n", "no line 'Device type'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_dump_is_refused_with_its_place(name, tmp_path, capsys):
    data, wanted = BAD[name]
    with pytest.raises(CardImageError, match=wanted):
        import_dump(data, "some.dump")
    path = tmp_path / "some.dump"
    path.write_bytes(data)
    assert cli.main(["import", str(path)]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"card: {path}: ") and not said.out


def test_lengths_that_do_not_fit_the_settings_are_refused():
    card = random_card(3)
    text = flipper(card).decode()
    size = next(line for line in text.splitlines() if " Size: " in line)
    number = text.splitlines().index(size) + 1
    name = size.partition(" Size")[0]
    with pytest.raises(CardImageError, match=f"line {number + 1}: {name}: .* settings say 9999"):
        import_dump(text.replace(size, f"{name} Size: 9999").encode(), "x")


@pytest.mark.parametrize(("line", "words"), [("Max", "0 records at most"), ("Size", "0 bytes a")])
def test_a_record_file_with_room_for_nothing_is_refused(line, words):
    text = flipper(random_card(3)).decode()
    name = next(each for each in text.splitlines() if " Max: " in each).partition(" Max")[0]
    found = next(each for each in text.splitlines() if each.startswith(f"{name} {line}: "))
    with pytest.raises(CardImageError, match=f"the settings say {words}"):
        import_dump(text.replace(found, f"{name} {line}: 0").encode(), "x")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path, capsys):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(FILE_BYTES_MAX * 1000)
    assert cli.main(["import", str(path)]) == 1
    assert "more than 4 MiB" in capsys.readouterr().err


def as_image(card):
    return image_text(card, "x").encode()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_card_or_the_named_error(data):
    answer_or_error(data)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 20),
    st.sampled_from((*WRITERS, as_image)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6), st.integers(0, 9)), max_size=4),
)
def test_any_damage_to_a_dump_is_a_card_or_the_named_error(seed, writer, changes):
    data = writer(random_card(seed))
    for where, put, drop in changes:
        at = int(where * len(data))
        data = data[:at] + put + data[at + drop :]
    answer_or_error(data)


NAMES = (
    "cards cardType tagId pages applications files settings data fileSettings appId fileId"
    " mifareDesfire mifareUltralight manufacturingData format card uid"
).split()


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(NAMES),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_is_a_card_or_the_named_error(tree):
    answer_or_error(json.dumps(tree).encode())


def answer_or_error(data):
    try:
        card = card_of_bytes(data, "x")
    except CardImageError as error:
        assert str(error).startswith("x: ")
    else:
        assert render(explain_card(card))


def test_import_explains_at_once_and_writes_the_image_once(tmp_path, capsys):
    dump, image = tmp_path / "card.nfc", tmp_path / "card.json"
    dump.write_bytes(flipper(random_card(3)))
    assert cli.main(["import", str(dump), "-o", str(image)]) == 0
    said = capsys.readouterr().out
    assert "foreign DESFire card, 2 applications" in said and "stand-ins" in said
    assert cli.main(["import", str(dump), "-o", str(image)]) == 1
    assert "already" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "card.nfc"]
    assert cli.main(["import", str(dump), "--format", "metrodroid"]) == 1
    assert "--format said metrodroid" in capsys.readouterr().err


def test_an_image_is_known_as_one_and_not_as_a_damaged_dump(tmp_path, capsys):
    image = tmp_path / "card.json"
    image.write_text(image_to_json(RandomCard(1).image))
    assert cli.main(["import", str(image)]) == 1
    assert "an image already, no dump; `card explain` reads it" in capsys.readouterr().err


def test_no_sample_of_anybody_else_is_kept_here():
    folder = Path(__file__).parent
    assert not [path for path in folder.rglob("*") if path.suffix in (".nfc", ".xml", ".mfd")]
