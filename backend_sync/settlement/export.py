"""Writes settled days into a folder that an outsider can check and finance can read.

Only what is signed, priced by or addressed to somebody; no row of it names a card. The edges add
what they carried (`tornello edge outbox ciphertext`). Source: decision D25; W-23.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend_sync.catalogue import ARCHIVE, TARIFF_FILES
from backend_sync.ports import Keyring
from backend_sync.settlement.close import (
    Closed,
    Hashes,
    SettlementError,
    every_batch,
    lines_of,
)
from backend_sync.settlement.given_out import given_batches
from backend_sync.settlement.statements import statements, tables_as_csv
from backend_sync.storage.database import Database
from card_layouts.errors import LayoutError
from card_layouts.fares.package import read_header
from card_layouts.settlement.batch import encode_batch
from card_layouts.settlement.lines import Slot
from card_layouts.settlement.openings import Opening, encode_openings

Packages = Mapping[tuple[int, int], bytes]


def read_packages(folder: Path) -> dict[tuple[int, int], bytes]:
    """Return {(authority, version): body} of every tariff in the publisher's folder."""
    found = {}
    for path in [
        *sorted((folder / ARCHIVE).glob(TARIFF_FILES)),
        *sorted(folder.glob(TARIFF_FILES)),
    ]:
        body = path.read_bytes()
        try:
            authority, version, _ = read_header(body)
        except LayoutError:
            continue  # `Catalogue.read` names it
        found[authority, version] = body
    return found


def hashes_of(packages: Packages) -> Hashes:
    """Return the SHA-256 of each package, as a batch names it."""
    return {name: hashlib.sha256(body).digest() for name, body in packages.items()}


def export(database: Database, folder: Path, keyring: Keyring, packages: Packages) -> list[Path]:
    """Write every batch with its lines and tariffs; return the files written.

    What stands there already with the same bytes is left alone.
    Raises: SettlementError where the folder holds a batch that these books do not know, and as
    `given_batches`; nothing is written then.
    """
    _refuse_strange_batches(database, folder)  # first: the keyring may know less than the folder
    public: bytes = keyring.assemble("publics", {})[0][1]
    wanted = {folder / "publics.txt": f"{public.hex()}\n".encode()}
    used: set[bytes] = set()
    for closed in given_batches(database, keyring):
        wanted[_path(folder, "batch", closed, "cbor")] = _batch_file(closed)
        wanted[_path(folder, "lines", closed, "bin")] = lines_of(database, closed.number)
        used |= {row[2] for row in closed.values["tariffs"]}
    for (authority, version), body in packages.items():
        if hashlib.sha256(body).digest() in used:
            wanted[folder / "tariffs" / f"authority-{authority}-version-{version}.ttar"] = body
    return [path for path, data in wanted.items() if write(path, data)]


def _refuse_strange_batches(database: Database, folder: Path) -> None:
    """Refuse where `folder` holds a batch that the books do not know.

    Books put back from a backup have lost it: they adopt it, and close its day in no other one.
    """
    found = sorted(folder.glob("batch-*.cbor"))  # before the books are read: they only grow
    known = {_path(folder, "batch", c, "cbor"): _batch_file(c) for c in every_batch(database)}
    for path in found:
        if path not in known:
            raise SettlementError(
                f"{path}: the books know no such batch: they were put back from a copy that is"
                " older than it, or the folder is another ledger's. Nothing was written; if they"
                f" were put back: `tornello settlement adopt PLACE --from {folder}` takes it into"
                " the books again"
            )
        if path.read_bytes() != known[path]:
            raise SettlementError(
                f"{path}: the books have another batch of that number, and this one may have been"
                " paid by; or the file is damaged or another ledger's. Nothing was written; wanted"
                " another folder, and somebody who compares the two"
            )


def export_statements(database: Database, folder: Path, keyring: Keyring) -> list[Path]:
    """Write each batch's statements and tables; return the files written.

    Raises: as `given_batches`; nothing is written then.
    """
    wanted: dict[Path, bytes] = {}
    for closed in given_batches(database, keyring):
        to = folder / "statements" / f"{closed.number:06}"
        for statement in statements(closed):
            wanted[to / f"{statement.party}.json"] = statement.as_json()
            wanted[to / f"{statement.party}.txt"] = statement.as_text()
        wanted |= {to / name: data for name, data in tables_as_csv(closed).items()}
    return [path for path, data in wanted.items() if write(path, data)]


def openings(
    database: Database, keyring: Keyring, wanted: Sequence[Slot]
) -> tuple[bytes, list[Slot]]:
    """Return the file that opens the blocks of these slots, and the slots that are not held."""
    slots: dict[Slot, bytes] = {
        (row[0], row[1], row[2]): bytes(row[3])
        for row in database.rows_of(
            "SELECT e.device, e.epoch, e.seq, e.slot FROM {keys} JOIN held_entries e"
            " ON e.device = k.device AND e.epoch = k.epoch AND e.seq = k.seq",
            ("device", "epoch", "seq"),
            sorted(set(wanted)),
        )
    }
    names = sorted(slots)
    keys = keyring.assemble("openings", {"slots": [slots[name] for name in names]})
    rows: list[Opening] = [
        (*name, bytes(pair[0]), bytes(pair[1]))
        for name, pair in zip(names, keys, strict=True)
        if pair
    ]
    opened = {row[:3] for row in rows}
    return encode_openings(rows), [name for name in wanted if name not in opened]


def write(path: Path, data: bytes) -> bool:
    """Write a file whole or not at all; return False when it holds these bytes already."""
    if path.exists() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())  # a name on half a file would be refused for good
    beside.replace(path)
    return True


def _batch_file(closed: Closed) -> bytes:
    return encode_batch(closed.body, closed.signature)


def _path(folder: Path, kind: str, closed: Closed, suffix: str) -> Path:
    return folder / f"{kind}-{closed.number:06}.{suffix}"
