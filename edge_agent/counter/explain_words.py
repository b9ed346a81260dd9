"""Settings bytes, access rights and other DESFire codes in words.

Source: desfire.md "Key settings", "Access rights"; card.md T1.
"""

from edge_agent.counter.card_contents import (
    CYCLIC,
    RECORD_KINDS,
    VALUE,
    CardFile,
)

FREE, NEVER = 0xE, 0xF
COMM_WORDS = ("plain", "MACed", "plain (code 2)", "enciphered")
KIND_WORDS = {
    "standard": "standard data file",
    "backup": "backup data file",
    "value": "value file",
    "linear": "linear record file",
    "cyclic": "cyclic record file",
    "unknown": "file of an unknown type",
}
NOT_KNOWN = "not known"

# Published application ids, as a hint only: anybody may create an application of any id.
# Source: requirements 3.2 (Metrodroid's public tables and HSL's published card description).
KNOWN_AIDS = {
    "1120ef": "HSL, Helsinki region, travel card version 1",
    "1420ef": "HSL, Helsinki region, travel card version 2",
    "0010ab": "Waltti, Finnish cities",
}


def number_of(aid: bytes) -> int:
    """Return the application id as the number people quote: last byte on the wire first."""
    return int.from_bytes(aid, "little")


def hint_of(aid: bytes) -> str:
    """Return what a public list says of this application id, or ""."""
    known = KNOWN_AIDS.get(aid.hex())
    if known:
        return f"public id of {known}; a hint, no proof"
    if aid[2] >> 4 == 0xF:
        cluster = number_of(aid) >> 4 & 0xFFFF
        return f"shape of a MIFARE directory id (AN10787): function cluster {cluster:04X}"
    return ""


def key_word(nibble: int) -> str:
    """Return who may do a thing, from a nibble of an access word."""
    return {FREE: "anybody", NEVER: "nobody"}.get(nibble, f"key {nibble}")


def rights_words(rights: int) -> str:
    """Return an access word: read, write, both, change."""
    names = ("read", "write", "read+write", "change")
    return ", ".join(
        f"{name}: {key_word(rights >> shift & 15)}"
        for name, shift in zip(names, (12, 8, 4, 0), strict=True)
    )


def application_settings_words(settings: int) -> list[str]:
    """Return the settings byte of an application, a sentence a rule."""
    changer = settings >> 4
    if changer == 0:
        keys = "the master key changes every key"
    elif changer == FREE:
        keys = "each key changes itself"
    elif changer == NEVER:
        keys = "all keys but the master key are frozen"
    else:
        keys = f"key {changer} changes keys"
    return [keys, *_low_settings(settings, "file")]


def card_settings_words(settings: int) -> list[str]:
    """Return the settings byte of the card, a sentence a rule."""
    return _low_settings(settings, "application")


def _low_settings(settings: int, what: str) -> list[str]:
    delete = "and deleting " if what == "file" else ""  # one needs an application's key to drop it
    return [
        f"the master key is {'changeable' if settings & 1 else 'frozen'}",
        f"listing {what}s: {'anybody' if settings & 2 else 'master key'}",
        f"creating {delete}{what}s: {'anybody' if settings & 4 else 'master key'}",
        f"these settings are {'changeable' if settings & 8 else 'frozen'}",
    ]


def contents_words(file: CardFile) -> str:
    """Return what kind of file it is and how much is in it, in a few words."""
    words = KIND_WORDS[file.kind]
    if file.kind == VALUE:
        return words
    size = "of unknown size" if file.size_bytes is None else f"{file.size_bytes} bytes"
    if file.kind not in RECORD_KINDS:
        return f"{words}, {size}"
    there = NOT_KNOWN if file.records is None else str(len(file.records))
    room = NOT_KNOWN
    if file.records_max is not None:
        # A cyclic file keeps one record as scratch.
        room = str(file.records_max - (file.kind == CYCLIC))
    return f"{words}, {there} of at most {room} records of {size}"
