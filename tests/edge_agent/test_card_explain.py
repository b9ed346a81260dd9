"""`card explain`: nothing on a card is left out, and what is said of it is true."""

import json
from dataclasses import replace

import pytest

from card_layouts.cards.card_layout import (
    FILE_G,
    FILE_S,
    FILE_V,
    P_HEADER,
    P_SLOT,
    G,
    J,
    S,
    T,
)
from card_layouts.cards.ulc_layout import ULC_HEADER, ULC_SLOT
from card_layouts.spec_tables import GAPS
from edge_agent.counter import cli
from edge_agent.counter.card_contents import CardImageError
from edge_agent.counter.card_source import card_of_bytes
from edge_agent.counter.explain import explain_card
from edge_agent.counter.explain_fields import card_number, explain_layout, on_day, weekdays, zones
from edge_agent.counter.explain_page import COLUMNS, WRONG, Section, dump_lines, render
from simulator.commands import main as sim
from simulator.desfire_card.image_json import image_to_json
from simulator.random_card import RandomCard, listing
from simulator.ultralight_c.image_json import image_to_json as ticket_to_json
from simulator.worlds import tap_world, ticket_world

pytestmark = pytest.mark.requirement("W-95", "W-93", "W-26")
TABLES = (S, P_HEADER, P_SLOT, T, J, G)


def transit_image():
    """The image of a card that was personalised, loaded and tapped."""
    card = tap_world.new_card()
    tap_world.Device().present(card)
    return card.image


def card_of(image):
    return card_of_bytes(image_to_json(image).encode(), "card.json")


def ticket_of(image):
    return card_of_bytes(ticket_to_json(image).encode(), "ticket.json")


def names_of(layout):
    return {name for _bit, _width, name in layout.rows() if name not in GAPS}


def told(sections):
    """Return {table: names of fields told} of all sections."""
    found = {}
    for section in sections:
        for row in section.rows:
            found.setdefault(row.table, set()).add(row.name)
    return found


def remarks_of(sections, mark):
    return [text for section in sections for sign, text in section.remarks if sign == mark]


def text_of(card):
    return render(explain_card(card))


def test_a_personalised_card_names_every_field_of_every_layout():
    sections = explain_card(card_of(transit_image()))
    found = told(sections)
    for layout in TABLES:
        assert found[layout.name] == names_of(layout), layout.name
    titles = [section.title for section in sections]
    for name in "VCASPTJG":
        assert any(title.startswith(f"File {name} (number ") for title in titles), name
    assert sum(section.source == "table P_SLOT" for section in sections) == 4 + 2
    everything = {row.name for section in sections for row in section.rows}
    assert {"communication", "access rights", "key versions", "settings", "ats", "n", "b", "a"} <= (
        everything
    )


def test_the_text_names_the_same_fields_in_a_hundred_columns():
    text = text_of(card_of(transit_image()))
    assert max(map(len, text.splitlines())) <= COLUMNS
    words = set(text.replace(",", " ").split())
    for layout in TABLES:
        assert names_of(layout) <= words, layout.name
    assert "read: key 1, write: nobody, read+write: key 2, change: nobody" in " ".join(text.split())


def test_a_field_that_a_layout_gains_is_told_without_a_line_of_code(monkeypatch):
    from card_layouts.codec.bits import Layout, table
    from edge_agent.counter import explain_fields

    layout = Layout("NEW", 4, table("price", 16, "free", 2, "brand_new", 14))
    notes = {
        ("NEW", name): {"unit": unit, "range": "", "meaning": "what", "ids": "W-1"}
        for name, unit in (("price", "cent"), ("brand_new", "day"))
    }
    monkeypatch.setattr(explain_fields, "_notes", lambda: notes)
    section = Section("x")
    explain_layout(section, layout, layout.pack({"price": 1234, "brand_new": 2500}))
    assert [(row.name, row.text) for row in section.rows] == [
        ("price", "12.34 EUR - what"),
        ("brand_new", "2026-11-05 - what"),
    ]


def test_the_summary_says_money_state_and_last_record():
    sections = explain_card(card_of(transit_image()))
    said = {row.name: row.text for row in sections[0].rows}
    assert said["balance"] == "17.50 EUR"
    assert said["state"].startswith("not blocked: b = 0")
    assert said["last record"].startswith("debit 2.50 EUR, 2025-09-14")
    assert said["card number"] == card_number(tap_world.AUTHORITY, 12345678)
    assert remarks_of(sections, WRONG) == []


@pytest.mark.requirement("I5")
def test_a_purse_that_does_not_match_the_log_is_pointed_out():
    image = transit_image()
    files = image.applications[tap_world.AID].files
    files[FILE_V] = replace(files[FILE_V], value=9999)
    (said,) = remarks_of(explain_card(card_of(image)), WRONG)
    assert said == "L - D is 20.00 EUR - 2.50 EUR = 17.50 EUR, V holds 99.99 EUR [I5]"


def test_a_blocked_and_a_killed_card_say_so():
    image = transit_image()
    files = image.applications[tap_world.AID].files
    c = files[2]
    files[2] = replace(c, value=c.value - (2 << 24))
    assert "BLOCKED: b = 2 > u = 0" in text_of(card_of(image))
    files[2] = replace(c, value=0)
    text = text_of(card_of(image))
    assert "KILLED: C = 0" in text and "fell to 0 without a record" in " ".join(text.split())


def test_a_gap_in_the_log_is_pointed_out():
    image = transit_image()
    files = image.applications[tap_world.AID].files
    log = files[FILE_G]
    files[FILE_G] = replace(log, records=(log.records[0], *log.records[2:]))
    assert any(
        "do not follow one another" in t for t in remarks_of(explain_card(card_of(image)), "!")
    )


def test_an_unknown_layout_is_shown_as_bytes_and_never_guessed():
    image = transit_image()
    files = image.applications[tap_world.AID].files
    head = files[FILE_S]
    files[FILE_S] = replace(head, data=bytes([0xF0 | head.data[0] & 15]) + head.data[1:])
    text = " ".join(text_of(card_of(image)).split())
    assert "of layout 15: this program knows layout 1 of S only" in text
    assert "without S nobody can say whether that is blocked" in text


def test_a_torn_commit_past_its_mark_reads_as_the_card_will():
    card = tap_world.new_card()
    before = card_of(card.image)
    tap_world.Device().present(card)
    after = card_of(card.image)
    tree = json.loads(image_to_json(tap_world.new_card().image))
    aid = tap_world.AID.hex()
    done = json.loads(image_to_json(card.image))["applications"][aid]["files"]
    names = ("opened", "cleared", "limited_used")
    staged = {
        number: {"file": done[number], "debits": None, **dict.fromkeys(names, False)}
        for number in ("1", "2", "8")
    }
    for marked, wanted in ((True, after), (False, before)):
        tree["transaction"] = {"aid": aid, "marked": marked, "staged": staged}
        found = card_of_bytes(json.dumps(tree).encode(), "torn")
        assert found.applications == wanted.applications
        assert len(found.notes) == 1


def test_a_random_foreign_card_is_listed_exactly_as_it_was_made():
    files = names = 0
    for seed in range(200):
        made = json.loads(json.dumps(listing(RandomCard(seed).image)))
        card = card_of(RandomCard(seed).image)
        assert comparable(card.plain()) == made, f"seed {seed}"
        files += sum(len(app["files"]) for app in made["applications"])
        squeezed = "".join(text_of(card).split())
        for app in made["applications"]:
            names += app["df_name"] != "" and app["df_name"] in squeezed
            for file in app["files"]:
                assert_shown(file, squeezed, card)
    assert files > 1000 and names > 50


def test_the_two_commands_agree_about_a_random_card(tmp_path, capsys):
    for seed in (1, 7, 42):
        image = tmp_path / f"{seed}.json"
        words = ["card", "random", "--seed", str(seed), "-o", str(image)]
        assert sim.main([*words, "--json"]) == 0
        made = json.loads(capsys.readouterr().out)
        assert cli.main(["explain", str(image), "--json"]) == 0
        assert comparable(json.loads(capsys.readouterr().out)["card"]) == made
        assert sim.main(words) == 0
        assert capsys.readouterr().out.count("  file ") == sum(
            len(app["files"]) for app in made["applications"]
        )


def comparable(plain):
    """Keep of what explain prints as JSON what the generator prints."""
    return {"uid": plain["uid"], "applications": plain["applications"]}


def assert_shown(file, squeezed, card):
    for data in file.get("records", [file.get("data", "")]):
        lines = dump_lines(bytes.fromhex(data))
        assert "".join("".join(lines).split()) in squeezed
    if file["kind"] == "value":
        assert f"{file['value'] & 0xFFFFFFFF:08x}{file['value']}" in squeezed


@pytest.mark.requirement("W-94", "W-89")
def test_a_ticket_names_every_field_and_which_slot_counts():
    card = ticket_world.sold()
    for taps in range(3):
        sections = explain_card(ticket_of(card.image))
        found = told(sections)
        assert found["ULC_HEADER"] == names_of(ULC_HEADER)
        assert found["ULC_SLOT"] == names_of(ULC_SLOT)
        assert {"otp", "counter", "AUTH0", "AUTH1", "lock 0, 1", "lock 2, 3", "key"} <= found[""]
        slots = {s.title[:6]: s.remarks[0][1] for s in sections if s.title.startswith("Slot")}
        valid, other = ("Slot B", "Slot A") if taps % 2 == 0 else ("Slot A", "Slot B")
        assert slots[valid].startswith(f"the valid slot: counter {taps + 1} ")
        assert "empty" in slots[other] or "earlier tap" in slots[other]
        assert remarks_of(sections, WRONG) == []
        ticket_world.Gate().present(card)


def test_no_page_of_a_key_is_ever_shown():
    card = ticket_world.sold()
    text = text_of(ticket_of(card.image)) + json.dumps(ticket_of(card.image).plain())
    assert card.image.key.hex() not in text
    assert card.image.key[:4].hex(" ") not in text
    image = transit_image()
    said = text_of(card_of(image)) + json.dumps(card_of(image).plain())
    for key in image.applications[tap_world.AID].keys:
        assert key.value.hex() not in said


def app_in(tree):
    return tree["applications"][tap_world.AID.hex()]


def file_in(tree, number):
    return app_in(tree)["files"][str(number)]


DAMAGE = {
    "no uid": (lambda t: t["card"].pop("uid"), "card/uid: missing"),
    "short uid": (lambda t: t["card"].update(uid="04"), "card/uid: found 1 bytes, wanted 7"),
    "no hex": (lambda t: t["card"].update(uid="zz"), 'card/uid: found "zz", wanted hex'),
    "no files": (lambda t: app_in(t).pop("files"), "4123f1/files: missing"),
    "bad aid": (lambda t: t["applications"].update(xx={}), "applications/xx"),
    "bad number": (
        lambda t: app_in(t)["files"].update(x={}),
        'files/x: found "x", wanted a whole number 0..31',
    ),
    "bad type": (
        lambda t: file_in(t, 1).update(type="hat"),
        'files/1/type: found "hat", wanted standard or backup',
    ),
    "float": (
        lambda t: file_in(t, 1).update(value=1.5),
        "files/1/value: found 1.5, wanted a whole number",
    ),
    "true": (lambda t: t["card"].update(production_week=True), "production_week: found true"),
    "short record": (
        lambda t: file_in(t, 8).update(records=["00"]),
        "records/0: found 1 bytes, wanted 44",
    ),
    "no tree": (
        lambda t: t.update(applications=[]),
        "applications: found \\[\\], wanted an object",
    ),
    "format": (lambda t: t.update(format="x"), "format 'x', wanted desfire-ev1-image-1 or"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_hostile_image_is_refused_with_its_place(name):
    change, wanted = DAMAGE[name]
    tree = json.loads(image_to_json(transit_image()))
    change(tree)
    with pytest.raises(CardImageError, match=wanted):
        card_of_bytes(json.dumps(tree).encode(), "bad.json")


def test_files_of_ours_that_do_not_fit_are_shown_as_bytes():
    image = transit_image()
    files = image.applications[tap_world.AID].files
    files[FILE_S] = replace(files[FILE_S], data=bytes(3))
    del files[FILE_G]
    text = " ".join(text_of(card_of(image)).split())
    assert "does not fit its layout: S: 3 bytes, 44 wanted" in text
    assert "file G (number 8) is missing" in text
    assert "file S is backup 1f2f 3, SPEC.md wants backup 1f2f 44" in text


def test_text_from_outside_cannot_steer_a_terminal():
    section = Section("evil \x1b[31m title")
    section.add("name", "", "text \x07 \x9b2J")
    assert all(char.isprintable() or char == "\n" for char in render([section]))


def test_units_have_words():
    assert (on_day(0), on_day(2500)) == ("not set", "2026-11-05")
    assert weekdays(0b1111100) == "Mon, Tue, Wed, Thu, Fri"
    assert (zones(0), zones(0xFFFF), zones(0x8001)) == (
        "no zone",
        "everywhere",
        "no code of SPEC.md section 1",
    )
    assert zones(0x7000) == "zones 1..3" and zones(0x5000) == "zones 1, 3"
    assert card_number(1, 3) == "001 00000003 2"


def test_the_command_explains_files_and_says_what_is_none(tmp_path, capsys):
    good, bad = tmp_path / "a.json", tmp_path / "b.json"
    good.write_text(image_to_json(transit_image()))
    bad.write_text("no card")
    assert cli.main(["explain", str(bad), str(good)]) == 1
    said = capsys.readouterr()
    assert "starts with 'no card'" in said.err
    assert f"{good}: DESFire card with the transit application" in said.out
    assert cli.main(["explain", "--json", str(good)]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["card"]["applications"][0]["aid"] == tap_world.AID.hex()
