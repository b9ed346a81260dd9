"""Why something was not done, in the reader's language: one table of sentences for every service.

A service refuses in English (`../refusal.py`); its sentence before its parts are put in is the key
of a text in `words/refusals.py`. One that is in no table is told in English, as commands print it.
"""

from backend_sync.office.words import texts
from backend_sync.refusal import Refusal

# What stands in a part of such a name is a word of a closed list: the text of that key.
WORDS = {"state": "card_", "becomes": "card_", "role": "role_", "right": "right_",
         "step": "step_", "bond": "", "what": ""}  # fmt: skip
PLACES = ("place", "source", "to")


def told(error: Exception, language: str) -> str:
    """Return the refusal as a sentence in `language`."""
    if not isinstance(error, Refusal):
        return str(error)
    if language == "en":  # as commands print it
        return str(error)
    known = texts(language)
    sentence = known.get(key_of(error.sentence))
    if sentence is None:
        return str(error)
    if not error.fields:
        return sentence
    return sentence.format_map({
        name: _word(known, name, value) for name, value in error.fields.items()
    })  # fmt: skip


def key_of(sentence: str) -> str:
    return f"refused: {sentence}"


def _word(known: dict[str, str], name: str, value: object) -> object:
    if name in PLACES:
        return known.get(f"place_{value}", str(value).removeprefix("point:"))
    key = f"{WORDS.get(name, '')}{value}"
    return known.get(key.replace(" ", "_"), known.get(key, value)) if name in WORDS else value
