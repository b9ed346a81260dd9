"""A disk that is really full, read-only, or holds a damaged page, under a real edge agent.

The agent must refuse to dock with a sentence that says what to do, the journal must keep what was
not stored, and when the disk is well again nothing is lost. Full and read-only need root: a tmpfs
of a few pages is mounted. `inland_disk.py` is the same for ledger and keyring. Source: T17.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from firmware.journal import Journal
from simulator.flash import BLOCK_BYTES, Flash
from simulator.kills import edge
from simulator.kills.edge import BLOCKS, ENTRIES, EdgeDrill, EdgeState
from simulator.kills.tracing import run_free

FULL_KIB = 300  # room for the tables and some hundred entries
ROOMY_KIB = 20_000
PAGE_BYTES = 4096


class Case(NamedTuple):
    """One misfortune: what the agent said, and what was wrong. `skipped` says why it was not."""

    name: str
    said: str = ""
    findings: tuple[str, ...] = ()
    skipped: str = ""


def disk_cases(folder: Path, every: int = 1) -> Iterator[Case]:
    """Hold every case in `folder`; of damaged pages each `every`th only."""
    drill = EdgeDrill(folder)
    for name, case in (("edge full", _full), ("edge read-only", _read_only)):
        if os.geteuid():
            yield Case(name, skipped="needs root, to mount a tmpfs")
        else:
            yield _held(name, case, drill, folder)
    yield _held("edge damaged page", partial(_damaged, every=every), drill, folder)
    yield _held("edge not a database", _no_database, drill, folder)


def _held(
    name: str, case: Callable[[EdgeState], tuple[str, list[str]]], drill: EdgeDrill, folder: Path
) -> Case:
    state = drill.fresh(folder / name.replace(" ", "-"))
    try:
        said, found = case(state)
        return Case(name, said, tuple(found))
    except subprocess.CalledProcessError as error:
        return Case(name, skipped=f"mount is not allowed here: {error.stderr.strip()}")
    finally:
        state.close()


def _full(state: EdgeState) -> tuple[str, list[str]]:
    with tmpfs(state.folder / "data", FULL_KIB) as resize:
        status, said = run_free(state.child), _said(state)
        found = _refused(state, status, said, "the disk is full: make room")
        if not 0 < _stored(state) < ENTRIES:
            found.append(f"{_stored(state)} entries fitted: the disk was never full")
        resize(f"size={ROOMY_KIB}k")
        return said, found + _finished(state)


def _read_only(state: EdgeState) -> tuple[str, list[str]]:
    with tmpfs(state.folder / "data", ROOMY_KIB) as remount:
        remount("ro")
        status, said = run_free(state.child), _said(state)
        found = _refused(state, status, said, "choose a folder that may be written")
        remount("rw")
        return said, found + _finished(state)


def _damaged(state: EdgeState, every: int) -> tuple[str, list[str]]:
    """Every page of the database of an interrupted session, one after the other."""
    edge.STOP_AT = ENTRIES // 2
    try:
        assert run_free(state.child) == edge.STOPPED
    finally:
        edge.STOP_AT = 0
    state.hear()
    data, found, words = state.folder / "data", [], set()
    whole, held = data.with_name("whole"), dict(state.held)
    shutil.copytree(data, whole)
    flash = (state.folder / "flash").read_bytes()
    pages = (whole / "edge.db").stat().st_size // PAGE_BYTES
    for page in range(0, pages, every):
        for at in (0, PAGE_BYTES // 2):
            shutil.rmtree(data)
            shutil.copytree(whole, data)
            (state.folder / "flash").write_bytes(flash)
            state.held = dict(held)
            _spoil(data / "edge.db", page * PAGE_BYTES + at)
            status, said = run_free(state.child), _said(state)
            words.add(said.split("edge.db: ")[-1].split(";")[0])
            where = f"page {page} byte {at}"
            if status != edge.DONE:
                found += [f"{where}: {w}" for w in _refused(state, status, said, "")]
                shutil.rmtree(data)  # what the sentence says: moved away, and begun anew
                status = run_free(state.child)
            if status != edge.DONE:
                found.append(f"{where}: ends with {status}, {_said(state)}")
            found += [f"{where}: {w}" for w in state.at_end(sound=False)]
    return "; ".join(sorted(filter(None, words))), found


def _no_database(state: EdgeState) -> tuple[str, list[str]]:
    data = state.folder / "data"
    data.mkdir()
    (data / "edge.db").write_bytes(b"no database at all" * 1000)
    status, said = run_free(state.child), _said(state)
    found = _refused(state, status, said, "move the file away")
    (data / "edge.db").rename(data / "moved-away")
    return said, found + _finished(state)


def _refused(state: EdgeState, status: int, said: str, words: str) -> list[str]:
    """The agent did not end well, said what to do, and the journal has all that is not stored."""
    found = []
    if status not in (edge.REFUSED, edge.ENDLESS):
        found.append(f"the agent ended with {status}")
    if words not in said or ": " not in said:
        found.append(f"it said {said!r}, wanted {words!r}")
    flash = Flash(BLOCK_BYTES * BLOCKS, state.folder / "flash").clone()
    journal = Journal(flash, 0, BLOCKS).mount()
    slot = bytearray(128)
    for seq in range(state.head() + 1, ENTRIES + 1):
        if not journal.read_slot(seq, slot):
            found.append(f"entry {seq} is neither inland nor on the validator")
    return found


def _finished(state: EdgeState) -> list[str]:
    status = run_free(state.child)
    if status:
        return [f"when all was well again: ended with {status}, {_said(state)}"]
    return state.at_end()


def _said(state: EdgeState) -> str:
    path = state.folder / "said"
    said = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return said


def _stored(state: EdgeState) -> int:
    rows = edge._rows(state.folder, "SELECT ifnull(max(last_seq), 0) FROM runs")
    return int(rows[0][0]) if rows else 0


def _spoil(path: Path, at: int) -> None:
    """Turn 64 bytes over: what a worn memory card does to a page."""
    content = bytearray(path.read_bytes())
    content[at : at + 64] = bytes(byte ^ 0xA5 for byte in content[at : at + 64])
    path.write_bytes(content)


@contextmanager
def tmpfs(folder: Path, kib: int) -> Iterator[Callable[[str], None]]:
    """Mount a tmpfs of that size; the value remounts it with other options."""
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={kib}k", "tornello-kills", str(folder))
    try:
        yield lambda options: _run("mount", "-o", f"remount,{options}", str(folder))
    finally:
        _run("umount", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
