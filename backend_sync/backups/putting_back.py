"""Puts a backup back: the books always; what lies beside them where it is missing or damaged.

A database beside the books that is whole is newer than its copy and stays: a sale, a withdrawn key
or a released statistic of since then is not forgotten because the books had to be. `also` names
those that are put back nevertheless. Whatever happens, everybody signs in anew and every request is
done again: its kept answer may tell of what the books no longer know, and the books know by its key
what they have done. Source: decision D16; T20.
"""

import shutil
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backend_sync.backups.parts import PARTS, TARIFFS, ZIPS, Part, forget, sync, wrong_with
from backend_sync.backups.whole import BOOKS, digest_of, read_manifest, verify_backup
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.backup import BESIDE, BackupError, put_back

UNFINISHED = "restore-unfinished"  # stands beside the books until all is put back and forgotten
KeysSettled = Callable[[Path], list[str]]  # path of a restored api.db -> what became of its keys


def put_back_all(
    folder: Path,
    books: Path | None,
    target: Path,
    settle: KeysSettled,
    also: Collection[str] = (),
) -> dict[str, Any]:
    """Put the backup `target` back into `folder`; return {incarnation, head, kept, said}.

    `books` None: they are in PostgreSQL and were put back by its own program. Services must be
    stopped. Raises: BackupError naming what is damaged; then nothing was changed.
    """
    found = verify_backup(target)
    if found["wrong"]:
        raise BackupError(f"{target}: nothing was changed: {'; '.join(found['wrong'])}")
    names = set(read_manifest(target)["files"])
    strange = sorted(set(also) - {part.file for part in PARTS if part.file in names})
    if strange:
        raise BackupError(f"{strange[0]}: no database that this backup holds beside the books")
    if books and BOOKS not in names:
        raise BackupError(f"{target}: holds no {BOOKS}: its books were in PostgreSQL")
    made: dict[str, Any] = {"incarnation": 0, "head": "", "kept": ""}
    marker = folder / UNFINISHED
    was_begun = marker.exists()
    marker.write_text(f"{target}\n", encoding="utf-8")
    sync(marker)
    if books:
        try:
            made = put_back(books, target / BOOKS, folder / "keyring")
        except (BackupError, OSError, KeyFileError):  # nothing was changed
            if not was_begun:
                marker.unlink()
            raise
    said = []
    try:
        for part in PARTS:
            said += _database(folder, target, part, part.file in names, part.file in also, settle)
        said += [line for name in sorted(names) if (line := _file(folder, target, Path(name)))]
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{folder}: {error}; the books are put back, the rest is not: make room"
                          " and restore again") from None  # fmt: skip
    marker.unlink()
    sync(folder)
    return {**made, "said": said}


def refuse_unfinished(folder: Path) -> None:
    """Raise BackupError for a folder in which a restore was begun and not finished.

    Its sessions, kept answers and withdrawn keys may be those of before.
    """
    marker = folder / UNFINISHED
    if marker.exists():
        copy = marker.read_text(encoding="utf-8").strip()
        raise BackupError(f"{folder}: a restore was not finished; run"
                          f" `tornello ledger restore {folder} {copy}` again")  # fmt: skip


def _database(
    folder: Path, target: Path, part: Part, is_held: bool, is_wanted: bool, settle: KeysSettled
) -> list[str]:
    """Put one database back, or let it stand; return what was done."""
    path = folder / part.file
    wrong = wrong_with(path, part) if path.exists() else "missing"
    if not wrong and not is_wanted:
        rows = forget(path, part.passing)
        more = f"; {rows} sessions, answers or codes were forgotten" if part.passing else ""
        return [f"{part.file}: whole, and newer than its copy: it stays{more}"]
    if not is_held:
        return [f"{part.file}: {wrong}, and none is in this backup"] * path.exists()
    said = [f"{part.file}: {wrong or 'asked for'}: the copy was put back; {part.after}"]
    # Settled before it has its name: cut in between, no key of the copy is good for a moment.
    with TemporaryDirectory(prefix="restoring-", dir=folder) as there:
        arriving = Path(there) / part.file
        shutil.copyfile(target / part.file, arriving)
        settled = settle(arriving) if part.file == "api.db" else []
        forget(arriving, ())
        if path.exists():
            said.append(f"{part.file} of before is kept as {_set_aside(path)}")
        _replace(arriving, path)
    return said + settled


def _file(folder: Path, target: Path, name: Path) -> str:
    """Put a zip or a tariff back that is missing or damaged; what was written since stays."""
    if name.parts[0] not in (ZIPS, TARIFFS):
        return ""
    path = folder / name
    is_fixed = name.suffix in (".zip", ".ttar")  # others, such as the hotlist, change and stay
    if path.exists() and (not is_fixed or digest_of(path) == digest_of(target / name)):
        return ""
    path.parent.mkdir(exist_ok=True)
    kept = f"; the one of before is kept as {_set_aside(path)}" if path.exists() else ""
    _replace(target / name, path)
    return f"{name}: put back{kept}"


def _set_aside(path: Path) -> str:
    """Give a file, and what SQLite keeps beside it, another name; return it."""
    number = 1
    while (kept := path.with_name(f"{path.name}.before-{number}")).exists():
        number += 1
    for suffix in BESIDE:
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{kept}{suffix}")
    return kept.name


def _replace(source: Path, path: Path) -> None:
    arriving = path.with_name(f"{path.name}.arriving")
    shutil.copyfile(source, arriving)
    sync(arriving)
    for suffix in BESIDE[1:]:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    arriving.rename(path)
    sync(path.parent)
