"""Programs nobody here wrote: all are marked, report their version, and are left out if absent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import outside_packages

SESSIONS = Path(__file__).parent / "sessions"


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


@pytest.fixture
def session():
    """Return a function: run a script of sessions/ beside the outside packages; its lines."""
    if not outside_packages.is_provided():
        pytest.skip(outside_packages.REASON_WITHOUT)
    paths = os.pathsep.join(map(str, (outside_packages.FOLDER, outside_packages.ROOT)))

    def run(script, *arguments):
        done = subprocess.run(
            [sys.executable, SESSIONS / script, *map(str, arguments)],
            env=dict(os.environ, PYTHONPATH=paths),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout.splitlines()

    return run


def said_by(command, *arguments, **environment):
    """Return what a program said, both ways out, and that it ended well."""
    done = subprocess.run(
        [command, *arguments],
        env=dict(os.environ, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
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
