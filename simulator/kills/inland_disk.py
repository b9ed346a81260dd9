"""The disk of a real ledger or of its keyring: really full, read-only, damaged, no database at all.

Nothing of a group may be acknowledged that is not in the books, what is said must say what to do,
and when the disk is well again, or the last backup put back, the books are those of a ledger that
had no misfortune. One file at a time lies on a tmpfs of its own. Source: T12, T17, T24.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from backend_sync.keyring.local import REGISTER_FILE, LocalKeyring
from backend_sync.storage.disk import DiskRefused
from simulator.kills import ledger
from simulator.kills.disk import PAGE_BYTES, ROOMY_KIB, Case, tmpfs
from simulator.kills.ledger import DONE, ENTRIES, GROUP, LEDGER_FILE, LedgerDrill, LedgerState
from simulator.kills.tracing import run_free

FILES = {"ledger": LEDGER_FILE, "keyring": REGISTER_FILE}
# Beside what the file has: room for some commits. A keyring writes seldom: it is full at its start.
FULL_KIB = {"ledger": 700, "keyring": 16}
PAGES_MAX = 12  # damaged, of each file: they stand for its kinds of pages
REPAIR = "put back the last backup"
Found = tuple[str, list[str]]  # what was said, what is wrong


def inland_disk_cases(folder: Path, every: int = 1) -> Iterator[Case]:
    """Hold every case in `folder`; of damaged pages each `every`th only."""
    drill = LedgerDrill(folder)
    for program in FILES:
        for name, case in (("full", _full), ("read-only", _read_only)):
            if os.geteuid():
                yield Case(f"{program} {name}", skipped="needs root, to mount a tmpfs")
            else:
                yield _held(drill, folder, program, name, case)
        damaged = partial(_damaged, drill=drill, every=every)
        yield _held(drill, folder, program, "damaged page", damaged)
        yield _held(drill, folder, program, "not a database", _no_database)


def _held(
    drill: LedgerDrill,
    folder: Path,
    program: str,
    name: str,
    case: Callable[[LedgerState, str], Found],
) -> Case:
    state = drill.fresh(folder / f"{program}-{name.replace(' ', '-')}")
    try:
        said, found = case(state, program)
        return Case(f"{program} {name}", said, tuple(found))
    except subprocess.CalledProcessError as error:
        return Case(f"{program} {name}", skipped=f"mount is not allowed here: {error.stderr}")
    finally:
        state.close()


def _full(state: LedgerState, program: str) -> Found:
    path = state.folder / FILES[program]
    kib = path.stat().st_size // 1024 + FULL_KIB[program]
    with tmpfs(state.folder / "disk", kib) as resize:
        _move(path)
        status = run_free(state.child)
        said, found = _refused(state, status, "make room", "its room")
        if state.posted == ENTRIES // GROUP or (program == "ledger" and not state.posted):
            found.append(f"{state.posted} groups fitted: the disk was never full, or always")
        resize(f"size={ROOMY_KIB}k")
        return said, found + _finished(state)


def _read_only(state: LedgerState, program: str) -> Found:
    with tmpfs(state.folder / "disk", ROOMY_KIB) as remount:
        _move(state.folder / FILES[program])
        remount("ro")
        status = run_free(state.child)
        said, found = _refused(state, status, "may be written", "cannot be written")
        remount("rw")
        return said, found + _finished(state)


def _no_database(state: LedgerState, program: str) -> Found:
    path = state.folder / FILES[program]
    path.rename(path.with_name("backup"))
    path.write_bytes(b"no database at all" * 1000)
    said, found = _refused(state, run_free(state.child), REPAIR)
    path.with_name("backup").rename(path)
    return said, found + _finished(state)


def _damaged(state: LedgerState, program: str, drill: LedgerDrill, every: int) -> Found:
    """Pages of the file of a ledger that has half of the group, one after the other."""
    name = FILES[program]
    ledger.STOP_AFTER = ENTRIES // GROUP // 2
    try:
        assert run_free(state.child) == DONE
    finally:
        ledger.STOP_AFTER = 0
    state.hear()
    whole, told, posted = state.folder.with_name("half"), dict(state.told), state.posted
    shutil.copytree(state.folder, whole)
    pages = (whole / name).stat().st_size // PAGE_BYTES
    words, found = set(), []
    for page in range(0, pages, max(every, pages // PAGES_MAX)):
        shutil.rmtree(state.folder)
        shutil.copytree(whole, state.folder)
        state.told, state.posted = dict(told), posted
        _spoil(state.folder / name, page)
        said, wrong = _repaired(state, drill.template / name)
        words.add(said.split(": ", 1)[-1])
        found += [f"page {page}: {what}" for what in wrong]
    shutil.rmtree(whole)
    return "; ".join(sorted(filter(None, words))), found


def _repaired(state: LedgerState, backup: Path) -> Found:
    """Go on over a damaged file; where that is refused, do what the sentence says."""
    status, said = run_free(state.child), _said(state)
    try:
        if status == DONE:
            return "", state.at_end()
        found = [] if REPAIR in said else [f"ended with {status}, said {said!r}"]
    except DiskRefused as refused:  # nobody read that page before
        said, found = str(refused), []
    shutil.rmtree(state.folder.with_name(state.folder.name + "-copy"), ignore_errors=True)
    for path in state.folder.glob(f"{backup.name}*"):
        path.unlink()
    shutil.copy(backup, state.folder / backup.name)
    if backup.name == LEDGER_FILE:
        keyring = LocalKeyring(state.folder)
        keyring.restored()
        keyring.close()
        state.told.clear()
        state.posted = 0  # every edge sends again what the ledger has not
    return said, found + _finished(state)


def _refused(state: LedgerState, status: int, *words: str) -> Found:
    """It did not end well, said what to do, and what it had acknowledged is in the books."""
    said, found = _said(state), []
    if status != ledger.REFUSED:
        found.append(f"it ended with {status}")
    if not any(word in said for word in words):
        found.append(f"it said {said!r}, wanted {words!r}")
    return said, found


def _finished(state: LedgerState) -> list[str]:
    status = run_free(state.child)
    if status:
        return [f"when all was well again: ended with {status}, {_said(state)}"]
    return state.at_end()


def _said(state: LedgerState) -> str:
    state.hear()
    path = state.folder / "said"
    said = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return said


def _move(path: Path) -> None:
    """Let a file lie on the disk of its own; SQLite keeps its WAL beside the file itself."""
    shutil.move(path, path.parent / "disk" / path.name)
    path.symlink_to(Path("disk") / path.name)


def _spoil(path: Path, page: int) -> None:
    """Write something else over a whole page: a write that went astray."""
    with path.open("r+b") as file:
        file.seek(page * PAGE_BYTES)
        file.write(b"\x5a" * PAGE_BYTES)
