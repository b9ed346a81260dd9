"""Keeps joined sources, so that the next image of the same firmware need not join them again.

Joining takes seconds, compiling what was joined takes none. What is kept is found by a digest of
everything it follows from: the sources, what stands apart, these tools and this Python.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

KEPT_MAX = 8  # firmwares: the one of today, and those with a planted mistake
Texts = dict[str, str]


def kept(folder: Path, follows_from: object, join: Callable[[], Texts]) -> Texts:
    """Return what `join` returns, from `folder` if it was asked there before.

    `follows_from` is all that `join` reads, as JSON can write it.
    """
    path = folder / f"{_digest(follows_from)}.json"
    try:
        found: Texts = json.loads(path.read_text("utf-8"))
        return found
    except (OSError, ValueError):
        joined = join()
    try:
        _keep(path, joined)
    except OSError:
        pass  # a folder that may not be written costs seconds, and nothing else
    return joined


def _digest(follows_from: object) -> str:
    tools = {path.name: path.read_text("utf-8") for path in Path(__file__).parent.glob("*.py")}
    everything = [sys.version, tools, follows_from]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def _keep(path: Path, texts: Texts) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")  # others may keep the same just now
    beside.write_text(json.dumps(texts), "utf-8")
    beside.replace(path)
    by_age = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for old in by_age[:-KEPT_MAX]:
        old.unlink(missing_ok=True)
