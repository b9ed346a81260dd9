"""Units of systemd, examples and rules of devices, read by the programs that they are for."""

import contextlib
import importlib
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import backend_sync.deploy
from backend_sync.config import read_config
from edge_agent.config import read_config as read_edge_config
from tests.test_docs import load_launcher

ROOT = Path(__file__).resolve().parents[2]
INLAND = Path(backend_sync.deploy.__file__).parent
EDGE = ROOT / "edge_agent" / "deploy"
EXPOSURE_MOST = 20  # of 100: `systemd-analyze security` calls that OK
ON_MACHINES = "/opt/tornello/"
COMMANDS = {"backend_sync": "backend_sync.cli", "edge_agent": "edge_agent.__main__"}


def units():
    return sorted([*(INLAND / "systemd").glob("*.*"), *EDGE.glob("*.service"),
                   *EDGE.glob("*.timer")])  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The units as they lie on a machine, with this project's folder."""
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(INLAND / "systemd", folder, dirs_exist_ok=True)
    for path in units():
        if path.is_file():
            text = path.read_text().replace(ON_MACHINES, f"{ROOT}/")
            (folder / path.name).write_text(text)
    return folder


@pytest.mark.system
@pytest.mark.requirement("T20", "D11")
def test_systemd_takes_every_unit_and_finds_it_hardened(installed, system_command):
    analyze = system_command("systemd-analyze")
    names = sorted(path.name for path in installed.iterdir() if path.is_file())
    services = [name for name in names if name.endswith(".service")]
    assert len(services) == 8 and len(names) == 12, names
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{installed}:"}
    checks = [[analyze, "verify", *names]]
    checks += [[analyze, "security", "--offline=true", f"--threshold={EXPOSURE_MOST}",
                str(installed / name)] for name in services]  # fmt: skip
    for command in checks:
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        said = [line for line in done.stderr.splitlines() if "tornello" in line]
        assert (done.returncode, said) == (0, []), (command, done.stdout[-600:], done.stderr)


def test_every_command_of_a_unit_has_the_options_that_it_names(capsys):
    launcher = load_launcher()
    found = 0
    for path in units():
        for words in re.findall(r"/opt/tornello/tornello ([^>'\n]+)", path.read_text()
                                if path.is_file() else ""):  # fmt: skip
            words = shlex.split(words.split(" && ")[0].replace("$$(", "").replace("${", ""))
            row = next(row for row in launcher.COMMANDS
                       if row[0] in (words[0], " ".join(words[:2])))  # fmt: skip
            module, *rest = row[2].removeprefix("-m ").split()
            words = [*rest, *words[len(row[0].split()) :]]
            place = [word for word in words if re.fullmatch("[a-z-]+", word)]
            with contextlib.suppress(SystemExit):
                importlib.import_module(COMMANDS[module]).main([*_before(words), "--help"])
            shown = capsys.readouterr().out
            options = [word for word in words if word.startswith("--")]
            assert place and all(option in shown for option in options), (path.name, words)
            found += 1
    assert found == 8


def _before(words):
    """Return the words of a command before its first option or path."""
    return words[: next((n for n, word in enumerate(words) if word[0] in "-/"), len(words))]


def test_the_examples_are_configurations_that_say_where_tls_lies():
    ledger, edge = read_config(INLAND / "ledger.toml"), read_edge_config(EDGE / "edge.toml")
    assert ledger.tls and [path.name for path in ledger.tls] == [
        "ca.crt",
        "ledger.crt",
        "ledger.key",
    ]
    assert edge.broker.tls and [path.name for path in edge.broker.tls][1:] == [
        "edge.crt",
        "edge.key",
    ]
    assert (ledger.port, edge.broker.port) == (8883, 8883)


def test_rules_of_devices_are_as_udev_reads_them():
    lines = (EDGE / "70-tornello-dock.rules").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    piece = re.compile(r'[A-Z]+(?:\{[A-Za-z_/]+\})?(?:==|!=|\+=|=)"[^"]*"')
    assert len(rules) > 4 and all(piece.fullmatch(p) for r in rules for p in r.split(", "))
    named = [rule for rule in rules if "SYMLINK+=" in rule]
    assert all('GROUP="dialout"' in rule and 'MODE="0660"' in rule for rule in named)


def test_the_readmes_name_every_file_that_is_shipped():
    for folder in (INLAND, EDGE):
        text = (folder / "README.md").read_text()
        shipped = [path for path in folder.rglob("*") if path.is_file()
                   and path.suffix not in (".py", ".pyc", ".md")]  # fmt: skip
        assert [path.name for path in shipped if path.name not in text] == []
