"""Makes a unix board from a device's configuration: its JSON file and its flash file.

K_block of ordinal 0 goes into the journal's first header and nowhere else: the JSON never has it.
Source: trust.md 6.1; decisions D10, D13, D16.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware.journal import Journal
from firmware.journal_block import JournalDamaged
from firmware.journal_provision import provision
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST

LEFT_OUT = ("K_block", "notice", "first_seq")


class FlashFileImage:
    """The Flash port over a whole file in memory; `save` writes it."""

    block_bytes = 4096

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = FLASH_BYTES
        self.image = bytearray(path.read_bytes()) if path.exists() else bytearray()
        # A file of a smaller part (the office's journal alone) grows; new flash is blank.
        self.image += b"\xff" * (FLASH_BYTES - len(self.image))

    def read(self, offset: int, buf: bytearray) -> None:
        buf[:] = self.image[offset : offset + len(buf)]

    def program(self, offset: int, data: bytes) -> None:
        self.image[offset : offset + len(data)] = data

    def erase(self, offset: int) -> None:
        self.image[offset : offset + 4096] = b"\xff" * 4096

    def save(self) -> None:
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_bytes(self.image)
        beside.replace(self.path)


def write_board(config: dict[str, Any], config_path: Path, flash_path: Path) -> None:
    """Write a board's files; a flash that holds this device's journal already is kept.

    Shape: `config` as Keyring.provision returns it, bytes or hexadecimal text, with what the
    profile adds (terminal, issuers).
    """
    text = as_text(config)
    kept = {name: value for name, value in text.items() if name not in LEFT_OUT}
    config_path.write_text(json.dumps(kept, indent=1) + "\n")
    config_path.chmod(0o600)
    flash = FlashFileImage(flash_path)
    if not _holds_journal(flash, text["device"], text["epoch"]):
        key = bytes.fromhex(text["K_block"])
        first_seq = text.get("first_seq", 1)
        provision(
            flash, JOURNAL_FIRST, JOURNAL_BLOCKS, text["device"], text["epoch"], key, first_seq
        )
    flash.save()


def _holds_journal(flash: FlashFileImage, device: int, epoch: int) -> bool:
    try:
        journal = Journal(flash, JOURNAL_FIRST, JOURNAL_BLOCKS).mount()
    except JournalDamaged:
        return False
    return (journal.device, journal.epoch) == (device, epoch)


def as_text(value: Any) -> Any:
    """Return the same tree with bytes as hexadecimal and text keys, as JSON wants it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key.hex() if isinstance(key, bytes) else str(key): as_text(item)
                for key, item in value.items()}  # fmt: skip
    if isinstance(value, list | tuple):
        return [as_text(item) for item in value]
    return value
