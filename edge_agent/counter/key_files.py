"""Files that hold keys: read only when nobody else can, written once for their owner alone.

One rule for every key file of the counter; what stands in them is their readers' matter. No key
ever gets into an error. Source: SECURITY.md.
"""

import os
import stat
from pathlib import Path

from edge_agent.counter.desk import CounterError


def read_key_file(path: Path, remedy: str = "") -> str:
    """Return the text of a key file.

    Raises: CounterError naming the file, with `remedy`, when it cannot be read or others may.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        more = f"; {remedy}" if remedy else ""
        raise CounterError(f"{path}: cannot be read: {error}{more}") from None
    if mode & 0o077:
        raise CounterError(f"{path}: mode {mode:04o} lets others read the keys; chmod 600 {path}")
    return text


def write_key_file(path: Path, text: str) -> None:
    """Write a new file, durable, that only its owner reads; never over another."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CounterError(f"{path}: exists already; keys are never overwritten") from None
    except OSError as error:
        raise CounterError(f"{path}: cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
