"""Mistakes planted on purpose, each of which `sim fuzz --plant NAME` must find: it ends with 1."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from card_layouts.codec import cbor
from card_layouts.link import frames


class Plant(NamedTuple):
    """A mistake: what it is, the target that finds it, the module's name that is replaced."""

    what: str
    target: str
    place: Any
    name: str
    made: Callable[[Any], Any]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have the program with the mistake in it."""
        sound = getattr(self.place, self.name)
        setattr(self.place, self.name, self.made(sound))
        try:
            yield
        finally:
            setattr(self.place, self.name, sound)


def _ignores_the_rest(sound: Any) -> Any:
    """Take one CBOR value and whatever stands behind it."""
    return lambda data: cbor._decode_item(data, 0, 0)[0]


PLANTS = {
    "trailing-bytes": Plant(
        "CBOR takes bytes behind the value", "cbor", cbor, "decode", _ignores_the_rest
    ),
    "no-crc": Plant(
        "frames are taken whatever their CRC",
        "frames",
        frames,
        "_crc",
        lambda sound: _AnyCrc(sound),
    ),
}


class _AnyCrc:
    """Says that every CRC is right, and makes right ones."""

    def __init__(self, sound: Any) -> None:
        self.sound = sound

    def __call__(self, raw: bytes) -> Any:
        return _Right(self.sound(raw))


class _Right(bytes):
    """Four bytes that differ from none."""

    def __ne__(self, other: object) -> bool:
        return False
