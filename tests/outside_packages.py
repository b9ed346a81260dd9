"""Outside programs that Python's registry has: in .outside, away from .venv.

One of them brings modules named like MicroPython's (`micropython`, `board`), so only processes of
tests/outside see that folder.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".outside"
LOCK = ROOT / "requirements-outside.lock"
STAMP = FOLDER / "lock.sha256"
UV = ROOT / ".tools" / "bin" / "uv"
REASON_WITHOUT = "needs .outside, which ./tornello test fills from requirements-outside.lock"


def digest() -> str:
    return hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()


def is_provided() -> bool:
    return STAMP.is_file() and STAMP.read_text() == digest()


def install() -> bool:
    """Install what the lock says if it is not there; say why not if it cannot be done."""
    if is_provided():
        return True
    if not UV.exists():
        print(f"{UV} is missing: start the tests with ./tornello test", flush=True)
        return False
    print("installing outside programs into .outside, once", flush=True)
    options = ("--target", FOLDER, "--python", sys.executable, "--reinstall")
    done = subprocess.run(
        [UV, "pip", "install", "--quiet", *options, "--require-hashes", "-r", LOCK],
        env=dict(os.environ, UV_PYTHON_DOWNLOADS="never", UV_LINK_MODE="copy"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print("\n".join(done.stderr.strip().splitlines()[-8:]), flush=True)
        return False
    STAMP.write_text(digest())
    return True
