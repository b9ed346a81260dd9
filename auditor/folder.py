"""What lies in a folder of settled days, read and checked for being there.

    publics.txt            the ledger's public key, 64 hex digits a line; the first counts
    batch-000001.cbor      one a batch, and its lines:
    lines-000001.bin
    tariffs/*.ttar         every package the lines were priced by
    ciphertext/*.slots     what each edge carried, from `tornello edge outbox ciphertext`
    openings.cbor          if a sample was opened: `tornello settlement open`

Source: card_layouts/settlement/SPEC_SETTLEMENT.md section 6.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from card_layouts.errors import LayoutError
from card_layouts.settlement.ciphertext import read_runs
from card_layouts.settlement.openings import Opening, decode_openings
from card_layouts.settlement.witness import Witness

PUBLIC_BYTES = 32


class FolderError(Exception):
    """The folder lacks something or holds something else; the message says what and where."""


class Folder:
    """A folder of settled days; DIR/settlement counts as DIR."""

    def __init__(self, path: Path) -> None:
        self.path = path / "settlement" if (path / "settlement").is_dir() else path
        if not self.path.is_dir():
            raise FolderError(f"{path}: no such folder")
        self.batches = sorted(self.path.glob("batch-*.cbor"))
        if not self.batches:
            raise FolderError(
                f"{self.path}: no batch-*.cbor; `tornello settlement export` writes them"
            )

    def public(self) -> bytes:
        """Return the ledger's public key. Raises: FolderError."""
        path = self.path / "publics.txt"
        words = _read(path).decode("ascii", "replace").split()
        return public_key(words[0] if words else "", str(path))

    def packages(self) -> dict[bytes, bytes]:
        """Return {SHA-256: body} of the tariff packages."""
        bodies = [_read(path) for path in sorted((self.path / "tariffs").glob("*.ttar"))]
        return {hashlib.sha256(body).digest(): body for body in bodies}

    def witness(self) -> tuple[Witness, list[str]]:
        """Return the edges' slots and their files' names. Raises: FolderError naming the file."""
        witness, names = Witness(), []
        for path in sorted((self.path / "ciphertext").glob("*.slots")):
            names.append(path.name)
            try:
                with path.open("rb") as file:
                    for run in read_runs(file):
                        witness.add(run)
            except (LayoutError, OSError) as error:
                raise FolderError(f"{path}: {error}") from None
        if not names:
            raise FolderError(
                f"{self.path / 'ciphertext'}: no *.slots; each edge writes its own with"
                " `tornello edge outbox ciphertext FILE`"
            )
        return witness, names

    def openings(self) -> list[Opening]:
        """Return the seal keys of the sample. Raises: FolderError."""
        path = self.path / "openings.cbor"
        if not path.exists():
            return []
        try:
            return decode_openings(_read(path))
        except LayoutError as error:
            raise FolderError(f"{path}: {error}") from None

    def each(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield (name, batch file, lines) in order. Raises: FolderError."""
        for path in self.batches:
            lines = path.with_name(path.name.replace("batch-", "lines-")).with_suffix(".bin")
            yield path.name, _read(path), _read(lines)


def public_key(text: str, where: str) -> bytes:
    """Return a public key from 64 hex digits. Raises: FolderError."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != PUBLIC_BYTES:
        raise FolderError(f"{where}: {text[:80]!r} is no public key, wanted 64 hex digits")
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror}") from None
