"""Seeds and rules of files of cards: images of ours, and dumps that other programs wrote."""

import json
from typing import Any

from edge_agent.counter.card_contents import CardImageError, UltralightCard
from edge_agent.counter.card_diff import differences
from edge_agent.counter.card_source import card_of_bytes
from edge_agent.counter.explain import explain_card
from edge_agent.counter.explain_page import COLUMNS, render
from edge_agent.counter.image_writing import image_text
from simulator.desfire_card.image_json import image_to_json
from simulator.dump_writers import farebot_json, flipper, metrodroid_json, new_xml, old_xml
from simulator.fuzzing.card_targets import image
from simulator.fuzzing.mutation import BYTES
from simulator.fuzzing.target import Operation, Work, must
from simulator.fuzzing.text import ALL_TEXT, TREE
from simulator.random_card import RandomCard
from simulator.ultralight_c.image_json import image_to_json as ticket_to_json
from simulator.worlds import ticket_world

WHERE = "fuzzed"
EXPLAINED_EVERY = 4  # an explanation costs ten times what reading does
# Random cards with little on them, together every kind of file and of key, one with two
# applications: a change meets another place sooner, and the same lines are reached.
SMALL_CARDS = (5, 11, 13)
DOCUMENT = b'<!DOCTYPE card [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


def _cards() -> list[Any]:
    images = [image_to_json(RandomCard(n).image) for n in SMALL_CARDS]
    return [card_of_bytes(image.encode(), WHERE) for image in images]


def _work(seeds: list[bytes], operations: tuple[Operation, ...], words: Any = ()) -> Work:
    """Return what reads a file of any format, explains the card, and writes it as an image."""

    def check(case: bytes, card: Any) -> None:
        # The case says whether, so that it fails again when it is played alone.
        if sum(case[-8:]) % EXPLAINED_EVERY:
            return
        page = render(explain_card(card))
        must(max(map(len, page.splitlines())) <= COLUMNS, "a line over its columns")
        must(page.replace("\n", "").isprintable(), "characters that steer a terminal")
        if isinstance(card, UltralightCard):
            return  # its UID stands in a dump twice, and an image has it once
        try:
            text = image_text(card, WHERE)
        except CardImageError:
            return  # a card of a kind or UID that no image of ours holds
        again = card_of_bytes(text.encode(), WHERE)
        # An image cannot say why a file list is missing: it has none then.
        other = [row for row in differences(card, again) if row.a != "not known"]
        must(not other, "kept as an image the card is another")

    def read(case: bytes) -> Any:
        return card_of_bytes(case, WHERE)

    work = Work(read, (CardImageError,), seeds, operations, check, words=words)
    work.lines_max, work.memory_max = 400_000, 4 << 20
    return work


def image_work() -> Work:
    """Images of ours, DESFire and Ultralight C, in JSON."""
    seeds = [image_to_json(RandomCard(n).image).encode() for n in SMALL_CARDS[::2]]
    seeds += [image_to_json(image()).encode(), ticket_to_json(ticket_world.sold().image).encode()]
    return _work(_short(seeds), TREE)


def json_work() -> Work:
    """FareBot's and Metrodroid's JSON."""
    cards = _cards()
    seeds = [farebot_json(cards[0]), farebot_json(cards[1], several=True)]
    return _work(_short([*seeds, *map(metrodroid_json, cards)]), TREE)


def xml_work() -> Work:
    """FareBot's and Metrodroid's XML, old and new."""
    cards = _cards()
    seeds = [new_xml(cards[0]), old_xml(cards[0]), new_xml(cards[1]), old_xml(cards[2])]
    words = (DOCUMENT, b"<card>", b"</card>", b"<files>", b"&#x41;", b"&amp;", b"<![CDATA[", b"]]>",
             b"<?xml version='1.0' encoding='UTF-16'?>", b"<!--",
             b'type="1"', b"<page/>")  # fmt: skip
    return _work(seeds, (*ALL_TEXT, *BYTES), words)


def flipper_work() -> Work:
    """Flipper's lines, DESFire and Ultralight."""
    seeds = [flipper(card) for card in _cards()]
    pages = "".join(f"Page {n}: 04 11 22 3{n % 10}\n" for n in range(48))
    head = b"Filetype: Flipper NFC device\nVersion: 4\nDevice type: NTAG/Ultralight\n"
    head += b"UID: 04 11 22 33 44 55 66\nATQA: 00 44\nSAK: 00\nNTAG/Ultralight type: Ultralight C\n"
    seeds.append(head + b"Pages total: 48\nPages read: 48\n" + pages.encode())
    return _work(seeds, (*ALL_TEXT, *BYTES), (b"Application Count:", b"Max:", b"Size: 16777215"))


def _short(seeds: list[bytes]) -> list[bytes]:
    """Return JSON without blanks: less of it is nothing."""
    return [json.dumps(json.loads(seed), separators=(",", ":")).encode() for seed in seeds]
