"""What a gate has done so far, in a folder: `gate.json` says what was asked, `rows.jsonl` what was.

A row is written when its piece is done, so that whatever ends the program loses at most what was
in hand; a last line cut in the middle is dropped. What ended wrong is done again when a gate goes
on, mended by then or not: its later row counts, its first one stays in the file and is told.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SETTINGS, ROWS = "gate.json", "rows.jsonl"


class GateLogError(Exception):
    """A folder that cannot be used; the message says which, what was found and what to do."""


class Settings(NamedTuple):
    """What a gate is to do; `seed` is the first of the seeds nobody has seen before."""

    parts: tuple[str, ...]
    taps: int
    model_taps: int
    fixed: int
    seed: int
    canary: str = ""

    def seeds(self) -> Iterator[int]:
        """Yield the seeds in the order in which they are played."""
        yield from range(1, self.fixed + 1)
        number = self.seed
        while True:
            yield number
            number += 1


class GateLog:
    """The settings and rows of one gate, `again` those to be done again; `begin` or `resume`."""

    def __init__(self, folder: Path, settings: Settings, rows: list[dict[str, Any]]) -> None:
        self.folder, self.settings = folder, settings
        newest = {piece(row): row for row in rows}
        self.rows = [row for row in newest.values() if not row["wrong"]]
        self.again = [row for row in rows if row["wrong"]]
        self._file = (folder / ROWS).open("a", encoding="utf-8")

    @classmethod
    def begin(cls, folder: Path, settings: Settings) -> "GateLog":
        """Make the folder. Raises: GateLogError if a gate is kept there already."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / SETTINGS).open("x", encoding="utf-8") as file:
                json.dump(settings._asdict(), file, indent=1)
            return cls(folder, settings, [])
        except FileExistsError:
            raise GateLogError(f"{folder}: a gate is kept there; go on with --resume") from None
        except OSError as error:
            raise GateLogError(f"{folder}: {error.strerror}; choose another with --keep") from None

    @classmethod
    def resume(cls, folder: Path) -> "GateLog":
        """Read what was done. Raises: GateLogError if no gate is kept there."""
        try:
            said = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            settings = Settings(**{**said, "parts": tuple(said["parts"])})
            rows = list(_whole_rows(folder / ROWS))
            return cls(folder, settings, rows)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise GateLogError(
                f"{folder}: {error}; wanted a folder that `sim gate --keep` wrote"
            ) from None

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row."""
        self.rows.append(row)
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def of(self, part: str) -> list[dict[str, Any]]:
        """Return the rows of one part."""
        return [row for row in self.rows if row["part"] == part]

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()


def piece(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a row is of: a seed or a command of a part."""
    return row["part"], row.get("seed"), row.get("command")


def _whole_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file and cut off what follows the last whole one."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)
    for line in whole.splitlines():
        yield json.loads(line)
