"""A refusal is told in the reader's language, with the same parts; commands print it in English."""

import ast
import string
from pathlib import Path

import pytest

import backend_sync
from backend_sync.office.telling import key_of, told
from backend_sync.office.words import LANGUAGES, texts
from backend_sync.office.words.people import TEXTS as PEOPLE
from backend_sync.office.words.refusals import _SENTENCES
from backend_sync.refusal import Refusal
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import NAMES, ROLES
from tests.backend_sync.office_world import Office

ROOT = Path(backend_sync.__file__).parent


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("refusals"), lived=False)
    yield made
    made.close()


def said_by_services():
    """Return every text of the sources that refuse something: what a sentence can be."""
    found = set()
    for path in ROOT.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "words" not in path.parts and ("Refus" in source or "_CANNOT" in source):
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def parts(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.requirement("W-5")
def test_every_sentence_of_the_table_is_a_services_own_and_every_text_has_its_parts():
    assert sorted(_SENTENCES.keys() - said_by_services()) == []
    for sentence, others in _SENTENCES.items():
        assert len(others) == len(LANGUAGES) - 1 and all(others), sentence
        for text in others:
            assert parts(text) <= parts(sentence), text
    print(f"{len(_SENTENCES)} sentences of refusals in {len(LANGUAGES)} languages")


@pytest.mark.requirement("W-5", "W-8", "W-9")
def test_every_role_and_right_has_a_name_in_every_language():
    wanted = {f"role_{role.name}" for role in ROLES} | {f"right_{name}" for name in NAMES}
    assert PEOPLE.keys() == wanted
    for language in LANGUAGES:
        names = [texts(language)[key] for key in wanted]
        assert len(set(names)) >= len(names) - 1, language  # a right can be named as a role is


@pytest.mark.requirement("W-5")
def test_a_refusal_is_told_with_the_names_of_the_readers_language(office):
    sentence = "card {card} is {state} at {place}, not at {source}"
    error = Refused(sentence, card=7, state="at point", place="point:kamppi", source="stock")
    assert str(error) == "card 7 is at point at point:kamppi, not at stock"
    assert told(error, "en") == str(error) == told(Refused(str(error)), "fi")
    assert (
        told(error, "sv")
        == "kortet 7 (på försäljningsställe) finns på kamppi, inte på centrallager"
    )
    assert told(ValueError("7"), "fi") == "7"
    braces = Refusal("a {b} and no part")
    assert str(braces) == "a {b} and no part" == told(braces, "it")
    right = Refused("user {user} ({role}) does not have the right {right}", user="x",
                    role="sales point", right="cards.move")  # fmt: skip
    assert "punto vendita" in told(right, "it") and "spostare le carte" in told(right, "it")
    assert key_of(sentence) in texts("ru")


@pytest.mark.requirement("W-5", "W-108")
@pytest.mark.parametrize(
    ("language", "words"),
    [("fi", "kirjain"), ("sv", "bokstav"), ("it", "lettera"), ("ru", "буква"), ("en", "letter")],
)
def test_a_page_tells_it_in_the_language_that_was_chosen(office, language, words):
    client = office.client("alma")
    client.cookies.set("language", language)
    wrong = client.post("/names", data={"kind": "operator", "number": "11", "name": "11"})
    assert wrong.status_code == 409 and words in wrong.text
    carl = office.client("carl")
    carl.cookies.set("language", language)
    unsold = carl.post("/sell", data=office.form(carl, card="999999"))
    assert unsold.status_code == 409
    assert ("no card of yours" in unsold.text) == (language == "en")
    assert ("multiples" in carl.post("/sell", data=office.form(carl, euros="21")).text) == (
        language == "en"
    )
    missing = carl.get("/users")
    assert missing.status_code == 403 and "users.see" in missing.text
    assert ("see users" in missing.text) == (language == "en")
