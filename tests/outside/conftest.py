"""Programs nobody here wrote: all are marked, report their version, and are left out if absent."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests import outside_packages
from tests.outside.readers import PATIENCE_S, ServedVpcd

SESSIONS = Path(__file__).parent / "sessions"
PCSCD_LOOKS_S = 1


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.outside)
            item.add_marker(pytest.mark.system)


@pytest.fixture
def program(record_property):
    """Return a function that notes which outside program, in which version, this test is about."""

    noted = set()

    def note(name_and_version):
        if name_and_version not in noted:
            noted.add(name_and_version)
            record_property("outside", name_and_version)

    return note


def environment():
    """Return the environment in which scripts of sessions/ find the outside packages."""
    if not outside_packages.is_provided():
        pytest.skip(outside_packages.REASON_WITHOUT)
    paths = os.pathsep.join(map(str, (outside_packages.FOLDER, outside_packages.ROOT)))
    return dict(os.environ, PYTHONPATH=paths)


@pytest.fixture
def session():
    """Return a function: run a script of sessions/ beside the outside packages; its lines."""
    around = environment()

    def run(script, *arguments):
        done = subprocess.run(
            [sys.executable, SESSIONS / script, *map(str, arguments)],
            env=around,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout.splitlines()

    return run


@pytest.fixture
def started_session():
    """Return a function: start a script of sessions/, to be read line by line."""
    around = environment()
    processes = []

    def start(script, *arguments):
        process = subprocess.Popen(
            [sys.executable, SESSIONS / script, *map(str, arguments)],
            env=around,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait(PATIENCE_S)
        process.stdout.close()


def said_by(command, *arguments, **environment):
    """Return what a program said, both ways out, and that it ended well."""
    done = subprocess.run(
        [command, *arguments],
        env=dict(os.environ, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def say():
    """Return said_by."""
    return said_by


@pytest.fixture
def package_version(say):
    """Return a function: the version apt has of a package."""

    def version(package):
        code, said = say("dpkg-query", "-W", "-f", "${Version}", package)
        return said if code == 0 else "of unknown version"

    return version


@pytest.fixture(scope="module")
def pcscd():
    """Run pcscd, unless one runs already; a machine has one, and it has one virtual reader."""
    if shutil.which("vpcd-config") is None:
        pytest.skip("needs vpcd-config, the virtual reader: apt-get install vsmartcard-vpcd")
    command = shutil.which("pcscd")
    if command is None:
        pytest.skip("needs pcscd, the PC/SC service: apt-get install pcscd")
    said = subprocess.run([command, "--version"], capture_output=True, text=True)
    with (Path(tempfile.gettempdir()) / "tornello-pcscd.lock").open("w") as other_runs:
        fcntl.flock(other_runs, fcntl.LOCK_EX)
        service = subprocess.Popen(
            [command, "--foreground"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        yield re.search(r"version (\S+?)\.?\s", said.stdout + said.stderr).group(1)
        service.terminate()
        service.wait(PATIENCE_S)


@pytest.fixture
def in_reader(pcscd):
    """Return a function: put a card into the virtual reader once it listens."""

    def insert(made, slot=0):
        waiting = threading.Event()
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                laid = ServedVpcd(made, slot)
            except ConnectionRefusedError:
                waiting.wait(0.05)
                continue
            if laid.is_seen(PCSCD_LOOKS_S):
                return laid
            # pcscd looks at times only, and may have missed that a card went and another came.
            laid.lift()
            waiting.wait(PCSCD_LOOKS_S)
        pytest.fail("vpcd never listened: is its driver in pcscd's reader.conf.d?")

    return insert
