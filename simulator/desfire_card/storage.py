"""Where the EEPROM image goes at every internal write step: memory, or a readable file."""

import os
from pathlib import Path
from typing import Protocol

from simulator.desfire_card.image import Image
from simulator.desfire_card.image_json import image_from_json, image_to_json


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
