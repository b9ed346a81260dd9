"""Read a tree that came from outside (JSON) value by value: every error names its place.

A `Node` is a value with the path that led to it. Asking it for the wrong thing raises
CardImageError "FILE: applications/0523f4/settings: found 'zz', wanted hex bytes".
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent.counter.card_contents import CardImageError

FILE_BYTES_MAX = 4 << 20  # the fullest 8 KB card is below 100 KB in every format
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}\s*)*", re.ASCII)


def read_source(path: Path) -> bytes:
    """Return the bytes of a file that may be a card image or dump. Raises: CardImageError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise CardImageError(f"{path}: no such file; wanted a card image or dump") from None
    except OSError as error:
        raise CardImageError(f"{path}: {error.strerror}; wanted a card image or dump") from None
    if len(data) > FILE_BYTES_MAX:
        raise CardImageError(f"{path}: more than {FILE_BYTES_MAX >> 20} MiB; no card holds so much")
    return data


def parse_json(data: bytes, where: str) -> "Node":
    """Return the tree in the JSON text `data`. Raises: CardImageError with line and column."""
    try:
        return Node(json.loads(data.decode("utf-8-sig")), where)
    except UnicodeDecodeError as error:
        raise CardImageError(f"{where}: byte {error.start} is no UTF-8; wanted text") from None
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise CardImageError(
            f"{where}: {at}: {error.msg}; wanted JSON: is the file complete?"
        ) from None
    except (RecursionError, ValueError) as error:
        raise CardImageError(f"{where}: no card has such JSON ({error})") from None


class Node:
    """One value of a tree and where it stands."""

    def __init__(self, value: Any, place: str, top: bool = True) -> None:
        self.value = value
        self.place = place
        self._between = ": " if top else "/"

    def wrong(self, wanted: str, remedy: str = "the file is damaged") -> CardImageError:
        """Return the error that says what stands here instead of `wanted`."""
        shown = json.dumps(self.value, default=str)
        shown = shown if len(shown) <= 40 else shown[:37] + "..."
        return CardImageError(f"{self.place}: found {shown}, wanted {wanted}; {remedy}")

    def child(self, name: str | int, value: Any) -> "Node":
        """Return `value` as standing below this node."""
        return Node(value, f"{self.place}{self._between}{name}", top=False)

    def has(self, name: str) -> bool:
        """Return whether there is something other than null under `name`."""
        return isinstance(self.value, dict) and self.value.get(name) is not None

    def get(self, name: str) -> "Node":
        """Return the entry `name`. Raises: CardImageError if it is missing."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object with entries")
        if name not in self.value:
            raise CardImageError(
                f"{self.place}{self._between}{name}: missing, found "
                f"{', '.join(map(str, list(self.value)[:6])) or 'nothing'}; the file is damaged"
            )
        return self.child(name, self.value[name])

    def entries(self) -> Iterator[tuple[str, "Node"]]:
        """Yield (name, node) of an object."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object with entries")
        for name, value in self.value.items():
            yield name, self.child(name, value)

    def items(self) -> Iterator["Node"]:
        """Yield the nodes of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        for index, value in enumerate(self.value):
            yield self.child(index, value)

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self.wrong("text")
        return self.value

    def choice(self, *allowed: str) -> str:
        """Return a string that is one of `allowed`."""
        if self.value not in allowed:
            raise self.wrong(" or ".join(allowed))
        return str(self.value)

    def hex(self, *sizes: int) -> bytes:
        """Return the bytes of a hex string, of one of `sizes` if any are given."""
        if not isinstance(self.value, str) or not _HEX.fullmatch(self.value.strip()):
            raise self.wrong("hex bytes")
        return self._sized(bytes.fromhex(self.value), sizes)

    def base64(self, *sizes: int) -> bytes:
        """Return the bytes of a Base64 string; line breaks inside do not matter."""
        if not isinstance(self.value, str):
            raise self.wrong("Base64 text")
        try:
            found = base64.b64decode("".join(self.value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise self.wrong("Base64 text") from None
        return self._sized(found, sizes)

    def _sized(self, found: bytes, sizes: tuple[int, ...]) -> bytes:
        if sizes and len(found) not in sizes:
            wanted = " or ".join(map(str, sizes))
            raise CardImageError(
                f"{self.place}: found {len(found)} bytes, wanted {wanted}; the file is damaged"
            )
        return found

    def integer(self, low: int, high: int) -> int:
        """Return a whole number within low..high."""
        if type(self.value) is not int or not low <= self.value <= high:
            raise self.wrong(f"a whole number {low}..{high}")
        return int(self.value)

    def number(self, low: int, high: int) -> int:
        """Return a whole number given as such or as decimal text."""
        text = self.value
        if isinstance(text, str) and len(text) <= 12 and re.fullmatch(r"-?[0-9]+", text.strip()):
            return self.child("", int(text))._in(low, high, self.place)
        return self.integer(low, high)

    def _in(self, low: int, high: int, place: str) -> int:
        self.place = place
        return self.integer(low, high)

    def boolean(self) -> bool:
        """Return true or false."""
        if type(self.value) is not bool:
            raise self.wrong("true or false")
        return bool(self.value)
