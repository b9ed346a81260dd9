"""The launcher on machines that lack something: one clear sentence each time, and no traceback."""

import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTHING_LISTENS = "http://127.0.0.1:9/simple"


def load_launcher():
    loader = importlib.machinery.SourceFileLoader("tornello_launcher", str(ROOT / "tornello"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.fixture
def fresh_copy(tmp_path):
    """The launcher, its locks and a demo's folder: nothing installed yet, nothing to run."""
    for name in ("tornello", *(path.name for path in ROOT.glob("requirements*.lock"))):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("firmware", "simulator"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "firmware" / "stubs.txt", tmp_path / "firmware")
    return tmp_path


def say(folder, *arguments, **environment):
    return subprocess.run(
        [folder / "tornello", *arguments],
        env={**os.environ, "HOME": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
    )


@pytest.mark.requirement("D27")
def test_alone_it_lists_every_command_in_a_line_each(fresh_copy):
    commands = [row[0] for row in load_launcher().COMMANDS]
    for arguments in ((), ("--help",)):
        done = say(fresh_copy, *arguments)
        rows = [line[2:] for line in done.stdout.splitlines() if line.startswith("  ")]
        listed = [row[:19].rstrip() for row in rows]
        assert (done.returncode, listed) == (0, commands)
    assert not (fresh_copy / ".tools").exists()  # asking costs nothing


def test_every_command_leads_to_a_program_that_is_there():
    for name, _, target, _ in load_launcher().COMMANDS:
        first, *rest = target.split()
        place = ROOT / (rest[0].replace(".", "/") if first == "-m" else first)
        found = [place.with_suffix(".py"), place / "__main__.py"]
        assert any(path.exists() for path in found), f"{name}: neither of {found} exists"


def test_a_slip_of_the_fingers_gets_the_nearest_command(fresh_copy):
    done = say(fresh_copy, "dmeo")
    assert done.returncode == 2
    assert done.stderr == "tornello: there is no command 'dmeo'.  Did you mean: ./tornello demo\n"


def test_a_copy_without_what_a_command_needs_names_what_to_copy(fresh_copy):
    (fresh_copy / "requirements.lock").unlink()
    done = say(fresh_copy, "verify-settlement", "somewhere")
    assert done.returncode == 1
    assert done.stderr == (
        f"tornello: 'verify-settlement' needs auditor and requirements.lock, which {fresh_copy} "
        "does not hold.  Copy that from the whole project, beside this launcher.\n"
    )
    assert not (fresh_copy / ".tools").exists()  # nothing is installed for what cannot start


def test_without_python3_venv_it_says_what_to_install(fresh_copy):
    (fresh_copy / "ensurepip.py").write_text("raise ImportError\n")
    done = say(fresh_copy, "demo", PYTHONPATH=str(fresh_copy))
    assert done.returncode == 1
    assert "this Python has no venv" in done.stderr
    assert "apt install python3" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.system
def test_offline_it_says_that_the_network_is_needed_once(fresh_copy):
    done = say(fresh_copy, "demo", PIP_INDEX_URL=NOTHING_LISTENS, PIP_RETRIES="0")
    assert done.returncode == 1
    assert "check the network" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_where_it_may_not_write_it_says_so(fresh_copy):
    (fresh_copy / ".tools").write_text("in the way")  # root may write even where permissions say no
    done = say(fresh_copy, "demo")
    assert done.returncode == 1
    assert f"cannot write to {fresh_copy / '.tools'}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_python_is_told_from_a_new_one(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", ROOT / "tornello"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "needs python3 3.11 or newer" in done.stderr


@pytest.mark.system
@pytest.mark.parametrize("arguments", [["--help"], ["tariff", "--help"]])
def test_a_command_whose_reader_has_had_enough_ends_quietly(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([ROOT / "tornello", *arguments], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (load_launcher().PIPE_ENDED, b"")


@pytest.mark.system
def test_a_command_that_is_read_to_its_end_says_all_of_it_and_its_own_code():
    shown, wrong = (
        subprocess.run([ROOT / "tornello", "tariff", word], capture_output=True, text=True)
        for word in ("--help", "--hlep")
    )
    assert (shown.returncode, shown.stderr) == (0, "") and shown.stdout.endswith("\n")
    assert (wrong.returncode, wrong.stdout) == (2, "") and "usage: tornello tariff" in wrong.stderr


def test_a_lock_that_has_not_changed_costs_nothing():
    launcher = load_launcher()
    assert launcher.is_provided(launcher.TEST)
    assert launcher.is_provided(launcher.RUN)


def test_a_new_lock_takes_the_packages_of_the_tests_from_nobody(tmp_path):
    launcher = load_launcher()
    launcher.VENV = tmp_path
    assert launcher.kept(launcher.RUN) == launcher.RUN
    launcher.stamp_of(launcher.TEST).write_text("an older lock's digest")
    assert launcher.kept(launcher.RUN) == launcher.TEST
    launcher.ROOT = tmp_path  # a part of the tree copied with its .venv, without the tests' lock
    assert launcher.kept(launcher.RUN) == launcher.RUN


def test_the_whole_tree_lacks_nothing_that_a_command_needs():
    launcher = load_launcher()
    for row in launcher.COMMANDS:
        launcher.demand(row)
