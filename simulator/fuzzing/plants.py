"""Mistakes planted on purpose, each of which `sim fuzz --plant NAME` must find: it ends with 1.

A plant puts another function in the place of one of a parser's, as somebody's careless edit would.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from backend_sync import config as ledger_config
from card_layouts.cards import desfire_channel
from card_layouts.codec import cbor
from card_layouts.link import batches, frames
from card_layouts.packages import ack, hotlist
from card_layouts.records import slot
from edge_agent.counter import card_source, card_tree
from firmware import vehicle_messages


class Plant(NamedTuple):
    """A mistake: what it is, the target that finds it, and what stands where instead of what."""

    what: str
    target: str
    place: Any
    name: str
    made: Callable[[Any], Any]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have the programs with the mistake in them."""
        sound = getattr(self.place, self.name)
        setattr(self.place, self.name, self.made(sound))
        try:
            yield
        finally:
            setattr(self.place, self.name, sound)


class _EqualsAll(bytes):
    """Bytes that differ from none: what a check compares that was made a comment."""

    def __ne__(self, other: object) -> bool:
        return False


def _first_value(sound: Any) -> Any:
    return lambda data: cbor._decode_item(data, 0, 0)[0]


def _any_crc(sound: Any) -> Any:
    return lambda raw: _EqualsAll(sound(raw))


def _yes(sound: Any) -> Any:
    return lambda *arguments: True


def _no_check(sound: Any) -> Any:
    return lambda *arguments: 1


def _any_bucket(sound: Any) -> Any:
    return 1 << 30


def _int(sound: Any) -> Any:
    return int


def _bare_json(sound: Any) -> Any:
    return lambda data, where: card_tree.Node(json.loads(data), where)


def _unchecked(sound: Any) -> Any:
    return lambda self, name, default, least, most: self.left.pop(name, default)


PLANTS = {
    "trailing-bytes": Plant(
        "CBOR takes bytes behind the value", "cbor", cbor, "decode", _first_value
    ),
    "no-crc": Plant("frames are taken whatever their CRC", "frames", frames, "_crc", _any_crc),
    "no-mac": Plant("acknowledgements are taken whatever their MAC", "ack", ack, "same", _yes),
    "torn-slot": Plant("slots are opened whatever their CRC", "slot", slot, "check_crc", _yes),
    "batch-bounds": Plant("batches are not looked through", "batch", batches, "_check", _no_check),
    "long-bucket": Plant(
        "a hotlist's bucket may be of any length", "hotlist", hotlist, "BUCKET_ENTRIES_MAX",
        _any_bucket,
    ),
    "forged-answer": Plant(
        "a card's answers are taken whatever their MAC", "card-answers", desfire_channel, "same",
        _yes,
    ),
    "free-number": Plant(
        "a message's numbers are whatever int() takes", "vehicle", vehicle_messages, "_number", _int
    ),
    "bare-json": Plant(
        "an image's JSON is read without a net", "card-image",
        card_source, "parse_json",
        _bare_json,
    ),
    "any-number": Plant("numbers of a configuration have no bounds", "ledger-config",
                        ledger_config._Table, "number", _unchecked),
}  # fmt: skip
