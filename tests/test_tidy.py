"""What may lie in the repository: seven folders, sizes a reader can hold, no machine's paths."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {"card_layouts", "firmware", "edge_agent", "backend_sync", "auditor", "simulator"}
FOLDERS = PROGRAMS | {"tests", ".ci"}
DOCUMENTS = {"README", "ARCHITECTURE", "DECISIONS", "CHANGELOG", "CONTRIBUTING", "SECURITY"}
OTHERS = {"tornello", "pyproject.toml", "system-packages.txt", "LICENSE", "NOTICE", ".gitignore"}
LINES_OF_A_FILE = 400  # past this, a second subject has moved in
# Spelled in pieces, so that this file does not find itself.
MACHINE_PATHS = re.compile(r"(?<![\w.{}*-])/(?:" + "work|root|home|Users" + r")/\w")
REGISTRIES = re.compile("|".join(("pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npm")))
REGISTRY_OPTIONS = re.compile("--(?:extra-)?" + "index-url [h$]")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = listed.stdout.decode().split("\0")
    return [Path(name) for name in names if name and (ROOT / name).exists()]


def texts():
    for path in tracked():
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def stray(paths) -> list[str]:
    """Top-level names that are neither one of the seven folders nor a root document."""
    found = []
    for path in paths:
        top = path.parts[0]
        if len(path.parts) > 1 and top not in FOLDERS:
            found.append(f"{path}: a folder beside the seven")
        if len(path.parts) == 1 and top not in OTHERS and path.stem not in DOCUMENTS:
            if not re.fullmatch(r"requirements[a-z-]*\.(in|lock)", top):
                found.append(f"{path}: no root document")
    return found


def addresses(path, text) -> list[str]:
    return [
        f"{path}:{number} {what}: {line.strip()[:80]}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in (
            ("a path of one machine", MACHINE_PATHS),
            ("a registry's address", REGISTRIES),
            ("a registry's address", REGISTRY_OPTIONS),
        )
        if pattern.search(line)
    ]


@pytest.mark.requirement("D27")
def test_the_top_holds_the_seven_folders_and_the_root_documents():
    assert stray(tracked()) == []
    assert {path.parts[0] for path in tracked() if len(path.parts) > 1} == FOLDERS


def test_a_stray_folder_or_file_is_found():
    assert len(stray([Path("docs/a.md"), Path("helpers.py"), Path("tests/a.py")])) == 2


def test_no_file_names_a_machine_or_a_registry():
    assert [line for path, text in texts() for line in addresses(path, text)] == []


def test_a_planted_address_is_found():
    assert addresses("a", "cd /" + "work/main")
    assert addresses("a", "https://" + "pypi" + ".org/simple")
    assert addresses("a", "--" + "index-url https://x")
    assert not addresses("a", "ledger/work/main and {root}/home/x")


def test_files_are_short_enough_to_have_one_subject():
    long = {
        str(path): text.count("\n")
        for path, text in texts()
        if path.suffix == ".py" and text.count("\n") > LINES_OF_A_FILE
    }
    assert long == {}


def test_names_say_a_subject():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "stuff"}
    assert [str(path) for path in tracked() if vague & {*path.parts, path.stem}] == []


def test_locks_have_a_hash_for_every_package_and_no_address():
    locks = [path for path in tracked() if path.suffix == ".lock" or path.name == "stubs.txt"]
    assert len(locks) == 6
    for lock in locks:
        packages = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
        packages = [line for line in packages if line and not line.lstrip().startswith("#")]
        assert packages
        unpinned = [line for line in packages if not re.match(r"\S+==\S+ .*--hash=sha256:", line)]
        assert unpinned == [], lock
        assert "://" not in (ROOT / lock).read_text(), lock


def test_every_lock_says_the_same_version_of_a_package():
    runtime, office, test = (
        dict(re.findall(r"^(\S+)==(\S+)", (ROOT / name).read_text(), re.M))
        for name in ("requirements.lock", "requirements-office.lock", "requirements-test.lock")
    )
    assert {name: office.get(name) for name in runtime} == runtime
    assert {name: test.get(name) for name in office} == office


def test_tests_do_not_sleep_on_the_wall_clock():
    sleeping = [
        f"{path}:{number}"
        for path, text in texts()
        if path.parts[0] == "tests" and path.name.startswith("test_") and path.suffix == ".py"
        for number, line in enumerate(text.splitlines(), 1)
        if re.match(r"\s*time\." + r"sleep\(", line)
    ]
    assert sleeping == []
