"""One folder with a copy of everything: made while all of it runs, verified by name.

`manifest.json` is written last and names every file with size and SHA-256, so a folder with one is
whole or says what is not. Source: decisions.md D16, D20; architecture.md section 7.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from backend_sync.backups.parts import (
    PARTS,
    TARIFFS,
    ZIPS,
    copy_out,
    digests,
    sync,
    wrong_with,
)
from backend_sync.ledger.backup import BackupError, back_up, examine

MANIFEST, BOOKS = "manifest.json", "ledger.db"
SCHEMA = 1
LEFT_OUT = ("not in it, each with a backup of its own: keyring/, registers.db, customers.db and"
            " links.db with their folders of keys")  # fmt: skip


def back_up_all(folder: Path, books: Path | None, target: Path) -> dict[str, Any]:
    """Write a verified copy of a ledger's folder to `target`; return its manifest.

    `books` None: they are in PostgreSQL, whose own program copies them. Raises: BackupError; then
    there is no folder of that name.
    """
    if target.exists():
        raise BackupError(f"{target}: is there already; backups are never replaced")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent}: no such folder")
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        lock = _own(unfinished)
    except OSError as error:
        raise BackupError(f"{target}: {error.strerror}; nothing was kept") from None
    try:
        head = back_up(books, unfinished / BOOKS)["head"] if books else ""
        _copy_databases(folder, unfinished)
        _copy_files(folder, unfinished)
        manifest = _write_manifest(unfinished, head)
        found = verify_backup(unfinished)
        if found["wrong"]:
            raise BackupError(f"{target}: not kept: {'; '.join(found['wrong'])}")
        unfinished.rename(target)
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{target}: {error}; nothing was kept") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        os.close(lock)
    sync(target.parent)
    return manifest


def verify_backup(target: Path) -> dict[str, Any]:
    """Return {files, bytes, head, wrong} of a backup; `wrong` has a sentence a damaged file.

    Raises: BackupError when there is no manifest to compare with.
    """
    manifest = read_manifest(target)
    files: dict[str, dict[str, Any]] = manifest["files"]
    wrong = [f"{name}: {said}" for name, row in sorted(files.items())
             if (said := _differs(target / name, row))]  # fmt: skip
    there = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    wrong += [f"{name}: is not in the manifest" for name in sorted(there - {*files, MANIFEST})]
    if not wrong:  # of what is as it was written: was it whole?
        wrong = _not_whole(target, set(files))
    size = sum(int(row["bytes"]) for row in files.values())
    return {"files": len(files), "bytes": size, "head": manifest["head"], "wrong": wrong}


def read_manifest(target: Path) -> dict[str, Any]:
    """Return a backup's manifest. Raises: BackupError."""
    path = target / MANIFEST
    try:
        found = json.loads(path.read_bytes())
        rows = [(str(row["sha256"]), int(row["bytes"])) for row in found["files"].values()]
        if found["schema"] != SCHEMA or not isinstance(found["head"], str) or not rows:
            raise ValueError(f"schema {found['schema']!r}, {len(rows)} files")
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}: no backup that was finished") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{path}: damaged, use another backup: {error}") from None
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in found["files"]):
        raise BackupError(f"{path}: names a file outside of the backup")
    manifest: dict[str, Any] = found
    return manifest


def digest_of(path: Path) -> str:
    """Return a file's SHA-256 in hex. Raises: OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own(unfinished: Path) -> int:
    """Make the folder, empty and this process' alone; return what is closed to let it go.

    Raises: BackupError while another process writes in it; OSError.
    """
    unfinished.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(unfinished, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise BackupError(f"{unfinished}: another backup writes there; take another name") from None
    for path in unfinished.iterdir():  # of one that was cut off
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return lock


def _copy_databases(folder: Path, target: Path) -> None:
    for part in PARTS:
        if (folder / part.file).exists():
            wrong = wrong_with(folder / part.file, part)
            if wrong:
                raise BackupError(f"{folder / part.file}: {wrong}; nothing was kept")
            copy_out(folder / part.file, target / part.file, part)


def _copy_files(folder: Path, target: Path) -> None:
    """Copy tariffs, and the zips that the copied operating.db names: they were there before it."""
    names = [Path(TARIFFS, path.name) for path in sorted((folder / TARIFFS).glob("*"))
             if path.is_file()]  # fmt: skip
    if (target / "operating.db").exists():
        names += [Path(ZIPS, f"{digest}.zip") for digest in digests(target / "operating.db")]
    for name in names:
        (target / name.parent).mkdir(exist_ok=True)
        shutil.copyfile(folder / name, target / name)
        sync(target / name)


def _write_manifest(target: Path, head: str) -> dict[str, Any]:
    paths = sorted(path for path in target.rglob("*") if path.is_file())
    files = {str(path.relative_to(target)): {"bytes": path.stat().st_size, "sha256":
                                             digest_of(path)} for path in paths}  # fmt: skip
    manifest = {"schema": SCHEMA, "head": head, "files": files}
    (target / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for path in (target / MANIFEST, *{path.parent for path in paths}):
        sync(path)
    return manifest


def _differs(path: Path, row: dict[str, Any]) -> str:
    try:
        size, digest = path.stat().st_size, digest_of(path)
    except OSError as error:
        return str(error.strerror)
    if size != row["bytes"]:
        return f"damaged: {size:,} bytes, wanted {row['bytes']:,}"
    return "" if digest == row["sha256"] else "damaged: its SHA-256 is not that of the manifest"


def _not_whole(target: Path, names: set[str]) -> list[str]:
    found = [f"{part.file}: {said}" for part in PARTS
             if part.file in names and (said := wrong_with(target / part.file, part))]  # fmt: skip
    if BOOKS in names:
        try:
            examine(target / BOOKS)
        except BackupError as error:
            found.append(f"{BOOKS}: {error}")
    if "operating.db" in names and not found:
        found += [f"{ZIPS}/{digest}.zip: a version names it, and it is not in the backup"
                  for digest in digests(target / "operating.db")
                  if f"{ZIPS}/{digest}.zip" not in names]  # fmt: skip
    for name in sorted(names):
        path = Path(name)
        if path.parts[0] == ZIPS and digest_of(target / name) != path.stem:
            found.append(f"{name}: is not the upload that it is called by")
    return found
