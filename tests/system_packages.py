"""Programs that only apt has: which are missing, how to get them, installing them when we may."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "system-packages.txt"


class Package(NamedTuple):
    name: str
    command: str
    purpose: str


def listed() -> list[Package]:
    """Every line of system-packages.txt."""
    lines = LIST.read_text().splitlines()
    return [Package(*line.split(None, 2)) for line in lines if line and not line.startswith("#")]


def missing() -> list[Package]:
    return [package for package in listed() if shutil.which(package.command) is None]


def install_command(packages: list[Package]) -> str:
    return "apt-get install -y " + " ".join(sorted({package.name for package in packages}))


def install_missing() -> list[Package]:
    """Install what is missing if we are root on Debian or Ubuntu; return what is missing still."""
    wanted = missing()
    if not wanted or not may_install():
        return wanted
    print(f"installing {', '.join(package.name for package in wanted)} with apt", flush=True)
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in ("apt-get update -q", f"{install_command(wanted)} -q --no-install-recommends"):
        done = subprocess.run(
            command.split(), env=quiet, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            print(f"{command}: {done.stderr.strip().splitlines()[-1:]}", flush=True)
            break
    return missing()


def may_install() -> bool:
    return (
        os.geteuid() == 0 and Path("/etc/debian_version").exists() and bool(shutil.which("apt-get"))
    )


def reason_without(command: str) -> str:
    """Why a test that needs `command` is left out, and how to have it run."""
    package = next((row for row in listed() if row.command == command), None)
    if package is None:
        return f"needs {command}, which system-packages.txt does not name"
    return f"needs {command}, which {package.purpose}: {install_command([package])}"
