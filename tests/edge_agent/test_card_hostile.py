"""Trees somebody has tampered with: an explanation of at most 100 columns, or the named error."""

import json

import pytest

from edge_agent.counter.card_contents import CardImageError
from edge_agent.counter.card_diff import differences
from edge_agent.counter.card_source import card_of_bytes
from edge_agent.counter.explain import explain_card
from edge_agent.counter.explain_page import COLUMNS, render
from edge_agent.counter.image_writing import image_text
from edge_agent.counter.import_formats import import_dump
from simulator.desfire_card.image_json import image_to_json
from simulator.prng import Prng
from simulator.ultralight_c.image_json import image_to_json as ticket_to_json
from simulator.worlds import ticket_world
from tests.edge_agent.dump_writers import farebot_json, flipper, metrodroid_json
from tests.edge_agent.test_card_explain import transit_image
from tests.edge_agent.test_card_import import random_card

pytestmark = pytest.mark.requirement("W-95", "W-26")
NUMBERS = (0, -1, 1, 255, 256, 1 << 40, -(1 << 40), 1.5)
VALUES = (None, True, False, *NUMBERS, "", "00", "zz", "ff" * 44, [], {}, [1], {"a": 1}, "value")
CHANGES = 1500


def trees():
    card = random_card(3)
    return (
        image_to_json(transit_image()),
        ticket_to_json(ticket_world.sold().image),
        farebot_json(card).decode(),
        metrodroid_json(card).decode(),
        image_text(import_dump(flipper(card), "x"), "x"),
    )


def places(tree, path=()):
    yield path
    if not isinstance(tree, dict | list):
        return
    for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from places(value, (*path, name))


def tampered(text, prng):
    tree = json.loads(text)
    *way, last = prng.choice([path for path in places(tree) if path])
    inner = tree
    for name in way:
        inner = inner[name]
    found = inner[last]
    if prng.chance(1, 4):
        del inner[last]
    elif isinstance(inner, dict) and prng.chance(1, 4):
        inner[prng.choice(("x", "0", "99", "31", ""))] = found
    elif isinstance(found, str) and found and prng.chance(1, 2):
        at = prng.below(len(found))
        inner[last] = found[:at] + prng.choice("0f9g= ") + found[at + 1 :]
    else:
        inner[last] = prng.choice(VALUES)
    return json.dumps(tree).encode()


def test_any_tampered_tree_is_explained_or_refused_and_an_image_says_the_same_again():
    prng = Prng(20)
    texts = trees()
    before = card_of_bytes(texts[0].encode(), "x")
    explained = refused = kept = 0
    for _ in range(CHANGES):
        try:
            card = card_of_bytes(tampered(prng.choice(texts), prng), "x")
        except CardImageError as error:
            assert str(error).startswith("x: ")
            refused += 1
            continue
        explained += 1
        assert max(map(len, render(explain_card(card)).splitlines())) <= COLUMNS
        differences(before, card)
        try:
            again = card_of_bytes(image_text(card, "x").encode(), "x")
        except CardImageError:
            continue  # a file of unknown kind, a short UID: no image can hold it
        kept += 1
        assert differences(card, again) == []
    assert min(explained, refused, kept) > 200
