"""Every text of the pages, in five languages; a page names a text by its key and holds none itself.

A subject is a module with `TEXTS`: {key: (English, Finnish, Swedish, Italian, Russian)}, here or
in the shop's folder of words. A text that lacks a language is shown in English, and `tornello ledger
translations` counts it.
Source: architecture.md section 5.
"""

import importlib
import pkgutil
from functools import cache

FOLDERS = (__name__, "backend_sync.shop.words")
LANGUAGES = {"en": "English", "fi": "Suomi", "sv": "Svenska", "it": "Italiano", "ru": "Русский"}
CODES = tuple(LANGUAGES)


@cache
def every_text() -> dict[str, tuple[str, ...]]:
    """Return all texts of all subjects. Raises: ValueError for a key that stands in two."""
    found: dict[str, tuple[str, ...]] = {}
    for folder in FOLDERS:
        for module in pkgutil.iter_modules(importlib.import_module(folder).__path__):
            texts = importlib.import_module(f"{folder}.{module.name}").TEXTS
            twice = sorted(found.keys() & texts.keys())
            if twice:
                names = ", ".join(twice)
                raise ValueError(f"words/{module.name}.py: {names} is another subject's too")
            found.update(texts)
    return found


@cache
def texts(language: str) -> dict[str, str]:
    """Return {key: text} of a language."""
    place = CODES.index(language)
    return {key: row[place] or row[0] for key, row in every_text().items()}


def missing() -> dict[str, list[str]]:
    """Return {language: keys that have no text in it}."""
    return {
        code: sorted(key for key, row in every_text().items() if not row[place])
        for place, code in enumerate(CODES)
    }


def language_of(chosen: str, accepted: str) -> str:
    """Return the language to show: the chosen one, else the first that a browser accepts."""
    if chosen in LANGUAGES:
        return chosen
    for part in accepted[:200].split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return CODES[0]
