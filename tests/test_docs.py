"""Documents say what is there: commands that run, options that exist, links that lead somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.test_launcher import load_launcher

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(path for path in ROOT.glob("*.md"))
FOLDERS = (
    *("card_layouts", "firmware", "edge_agent", "backend_sync", "auditor", "simulator"),
    "tests",
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
FIRST_SENTENCES = ("Context.", "Choice.", "Otherwise.", "Good.", "Bad.")


def blocks(path, *languages):
    return [text for kind, text in FENCED.findall(path.read_text()) if kind in languages]


def commands(path):
    """Every `./tornello ...` line of a document's shell and console blocks, without its comment."""
    lines = "\n".join(blocks(path, "sh", "console")).splitlines()
    lines = [line.removeprefix("$ ").split("#")[0].strip() for line in lines]
    return [line for line in lines if line.startswith("./tornello")]


def run(*arguments):
    return subprocess.run(
        [ROOT / "tornello", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_every_command_in_a_document_is_in_the_launcher():
    known = {row[0] for row in load_launcher().COMMANDS}
    for path in [*DOCUMENTS, *(ROOT / folder / "README.md" for folder in FOLDERS)]:
        for line in commands(path):
            name = (line.split() + ["--help"])[1]
            assert name in known or name == "--help", f"{path.name}: {line}"


@pytest.mark.parametrize("command", ["demo", "test", "bench"])
def test_options_that_documents_name_are_in_the_help(command):
    said = run(command, "--help")
    assert said.returncode == 0, said.stderr
    for path in DOCUMENTS:
        for line in commands(path):
            words = line.split()
            if words[1:2] == [command]:
                options = {word.split("=")[0] for word in words if word.startswith("--")}
                missing = {option for option in options if option not in said.stdout}
                assert not missing, f"{path.name}: {line}"


def test_the_output_shown_for_the_launcher_is_what_it_prints():
    shown = [text for text in blocks(ROOT / "README.md", "console") if "$ ./tornello\n" in text]
    assert shown, "README shows what ./tornello prints"
    for text in shown:
        assert run().stdout.strip() in text


def test_links_inside_the_project_lead_to_files():
    for path in [*DOCUMENTS, *(ROOT / folder / "README.md" for folder in FOLDERS)]:
        for target in LINK.findall(path.read_text()):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name} -> {target}"


def test_readme_names_every_folder_and_every_root_document():
    text = (ROOT / "README.md").read_text()
    for folder in FOLDERS:
        assert f"`{folder}/`" in text
        assert (ROOT / folder / "README.md").exists(), folder
    for path in DOCUMENTS:
        assert path.name in text or path.name == "README.md", path.name


def test_changelog_starts_with_what_is_unreleased():
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## \[([^\]]+)\]", text, re.M)
    assert heads[0] == "Unreleased"
    assert "### Money" in text
    assert "### Security" in text


def test_decisions_are_numbered_and_say_what_they_cost():
    text = (ROOT / "DECISIONS.md").read_text()
    records = re.split(r"^## ", text, flags=re.M)[1:]
    assert [int(record.split(".")[0]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        for part in FIRST_SENTENCES:
            assert f"**{part}**" in record, record.splitlines()[0]


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()
