"""The card image as a JSON file people can read: names, hex pages, the counter as a number."""

import json
import os
from pathlib import Path
from typing import Any, Protocol

from simulator.desfire_card import ImageError
from simulator.ultralight_c.image import COUNTER_MAX, PAGE_BYTES, USER_PAGES, Image

FORMAT = "ultralight-c-image-1"
_NUMBERS = {"internal": 0xFF, "counter": COUNTER_MAX, "auth0": 0xFF, "auth1": 0xFF}
_HEX_BYTES = {"uid": 7, "lock": 4, "otp": PAGE_BYTES, "key": 16}


def image_to_json(image: Image) -> str:
    """Return the image as indented JSON text ending in a newline."""
    return json.dumps(_tree(image), indent=1) + "\n"


def image_from_json(text: str, where: str = "card image") -> Image:
    """Return the image written by `image_to_json`. Raises: ImageError naming `where`."""
    try:
        tree = json.loads(text)
        if tree["format"] != FORMAT:
            raise ImageError(f"{where}: format is {tree['format']!r}, wanted {FORMAT!r}")
        return _image(tree)
    except ImageError as wrong:
        raise ImageError(f"{where}: {wrong}") from wrong
    except KeyError as missing:
        raise ImageError(f"{where}: entry {missing} is missing") from missing
    except (ValueError, TypeError) as wrong:
        raise ImageError(f"{where}: not a card image ({wrong})") from wrong


def differences(before: Image, after: Image) -> list[str]:
    """Return one line "path: before -> after" for every value that differs."""
    old, new = _flat(_tree(before)), _flat(_tree(after))
    return [f"{path}: {old[path]} -> {new[path]}" for path in old if old[path] != new[path]]


class Storage(Protocol):
    """Keeps the newest image across power-off of the whole simulator."""

    def save(self, image: Image) -> None:
        """Keep the image as it is now."""


class MemoryStorage:
    """Keeps nothing: the image object itself is the EEPROM."""

    def save(self, image: Image) -> None:
        """Do nothing."""


class FileStorage:
    """A JSON file, replaced atomically, so that a killed simulator leaves a whole image."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def save(self, image: Image) -> None:
        """Write the image beside the file and rename it into place."""
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_text(image_to_json(image), encoding="ascii")
        os.replace(beside, self.path)

    def load(self) -> Image:
        """Return the stored image. Raises: ImageError naming the file and what is wrong."""
        return image_from_json(self.path.read_text(encoding="ascii"), str(self.path))


def _tree(image: Image) -> dict[str, Any]:
    tree: dict[str, Any] = {"format": FORMAT}
    tree |= {name: getattr(image, name).hex() for name in _HEX_BYTES}
    tree |= {name: getattr(image, name) for name in _NUMBERS}
    tree["pages"] = {str(page): image.user[page].hex() for page in USER_PAGES}
    return tree


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    flat = {f"/{name}": value for name, value in tree.items() if name != "pages"}
    return flat | {f"/pages/{page}": four for page, four in tree["pages"].items()}


def _image(tree: dict[str, Any]) -> Image:
    values: dict[str, Any] = {name: _hex(tree, name, size) for name, size in _HEX_BYTES.items()}
    values |= {name: _number(tree, name, most) for name, most in _NUMBERS.items()}
    user = {page: _hex(tree["pages"], str(page), PAGE_BYTES) for page in USER_PAGES}
    return Image(user=user, **values)


def _hex(tree: dict[str, Any], name: str, size: int) -> bytes:
    value = bytes.fromhex(tree[name])
    if len(value) != size:
        raise ImageError(f"{name} has {len(value)} bytes, wanted {size}")
    return value


def _number(tree: dict[str, Any], name: str, most: int) -> int:
    value = tree[name]
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ImageError(f"{name} is {value!r}, wanted 0..{most}")
    return value
