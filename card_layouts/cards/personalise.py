"""Make a transit card out of a factory-fresh DESFire EV1: 39 exchanges, 9 more to verify.

The steps are those of the ISSUE row, so that a station can go on where a card was torn away:
`note(step)` is called after each; `resume` finds out what is done by asking the card. Order
matters: K0 is changed last and all contents are one commit, so every state in between is known.
No key is kept here; the recipe's owner forgets them.

Source: SPEC.md "Personalisation"; decisions.md D5, X-3.
"""

from collections import namedtuple

from card_layouts.cards.card_layout import (
    CARD_LAYOUT,
    COUNTER_START,
    FILE_C,
    FILE_G,
    FILE_J,
    FILE_P,
    FILE_S,
    FILE_T,
    FILE_V,
    G_BYTES,
    G_RECORDS,
    J_BYTES,
    K0,
    K1,
    K2,
    P_BYTES,
    P_HEADER,
    S_BYTES,
    T_BYTES,
    T,
)
from card_layouts.cards.conversation import CardStatusError
from card_layouts.cards.desfire_issuer import PICC_AID
from card_layouts.cards.transit_app import (
    BACKUP,
    FILES,
    KEY_COUNT,
    NO_FORMAT,
    PICC_SETTINGS,
    SETTINGS,
    SETTINGS_WHILE_BUILDING,
    VALUE,
)
from card_layouts.errors import LayoutError

# What to write. `keys`: K0..K4, 16 bytes each; `picc_key`: the card's own master key;
# `key_version`: 1..255, of all six; `limit`: V's upper limit in cents; `head`, `record`: 44 bytes
# of S and of the issue record.
Recipe = namedtuple(
    "Recipe",
    ("aid", "keys", "picc_key", "key_version", "limit", "head", "record", "factory_key"),
)
FACTORY_KEY = bytes(16)
ZERO_KEY = bytes(16)
EMPTY_FILE = 0xBE

STEP_VERSION = 1
STEP_PICC_KEY = 3
STEP_PICC_AUTHENTICATED = 4
STEP_PICC_SETTINGS = 5
STEP_APPLICATION = 6
STEP_BUILDING = 7
STEP_FILES = 8
STEP_KEYS = 9
STEP_LOADING = 10
STEP_CONTENTS = 11
STEP_VERIFIED = 12


def check_fresh(session, factory_key, random_bytes, triple_des):
    """Return the 28 bytes of GetVersion of a card as the factory delivers it; changes nothing.

    Raises: LayoutError if it holds an application or its key was changed, CardStatusError AE if
    its master key is another in spite of version 0 (X-3), SealError if it is no genuine card.
    """
    version = yield from session.get_version()
    found = yield from session.get_key_version(0)
    if found:
        raise LayoutError("card.key: found version %d, wanted a factory-fresh card" % found)
    aids = yield from session.application_ids()
    if aids:
        raise LayoutError("card.applications: found %d, wanted a factory-fresh card" % len(aids))
    yield from session.prove_factory_key(triple_des, factory_key, random_bytes(8))
    yield from session.select(PICC_AID)
    return version


def personalise(session, recipe, random_bytes, triple_des, note):
    """Turn a fresh card into a card of ours; return the 28 bytes of GetVersion.

    Shape: `random_bytes(n)`; `triple_des` as for `replace_factory_key`.
    Raises: CardStatusError AE if the card's default key is not the factory's (X-3), LayoutError
    when the card does not read back as written.
    """
    version = yield from session.get_version()
    note(STEP_VERSION)
    yield from session.replace_factory_key(
        triple_des, recipe.factory_key, recipe.picc_key, recipe.key_version, random_bytes(8)
    )
    note(STEP_PICC_KEY)
    yield from _settle_picc(session, recipe, random_bytes, note)
    yield from session.create_application(recipe.aid, SETTINGS_WHILE_BUILDING, KEY_COUNT)
    yield from session.select(recipe.aid)
    note(STEP_APPLICATION)
    yield from session.authenticate(K0, ZERO_KEY, random_bytes(16))
    note(STEP_BUILDING)
    yield from _create_files(session, recipe, ())
    note(STEP_FILES)
    for key_no in range(1, KEY_COUNT):
        yield from session.change_key(key_no, recipe.keys[key_no], recipe.key_version, ZERO_KEY)
    yield from _close_building(session, recipe, note)
    yield from _load(session, recipe, random_bytes, note)
    yield from verify(session, recipe, random_bytes)
    note(STEP_VERIFIED)
    return version


def resume(session, recipe, random_bytes, triple_des, note):
    """Finish a card whose personalisation was torn anywhere; return its GetVersion bytes."""
    version = yield from session.get_version()
    note(STEP_VERSION)
    found = yield from session.get_key_version(0)
    if found != recipe.key_version:
        yield from session.replace_factory_key(
            triple_des, recipe.factory_key, recipe.picc_key, recipe.key_version, random_bytes(8)
        )
    note(STEP_PICC_KEY)
    yield from _settle_picc(session, recipe, random_bytes, note)
    aids = yield from session.application_ids()
    if recipe.aid not in aids:
        yield from session.create_application(recipe.aid, SETTINGS_WHILE_BUILDING, KEY_COUNT)
    yield from session.select(recipe.aid)
    note(STEP_APPLICATION)
    found = yield from session.get_key_version(K0)
    if found != recipe.key_version:
        yield from _finish_building(session, recipe, random_bytes, note)
    written = yield from _has_contents(session, recipe, random_bytes)
    if not written:
        yield from session.select(recipe.aid)
        yield from _load(session, recipe, random_bytes, note)
    yield from verify(session, recipe, random_bytes)
    note(STEP_VERIFIED)
    return version


def _settle_picc(session, recipe, random_bytes, note):
    yield from session.authenticate(0, recipe.picc_key, random_bytes(16))
    note(STEP_PICC_AUTHENTICATED)
    yield from session.set_configuration(0, bytes((NO_FORMAT,)))
    yield from session.change_key_settings(PICC_SETTINGS)
    note(STEP_PICC_SETTINGS)


def _finish_building(session, recipe, random_bytes, note):
    yield from session.authenticate(K0, ZERO_KEY, random_bytes(16))
    note(STEP_BUILDING)
    done = yield from session.file_ids()
    yield from _create_files(session, recipe, done)
    note(STEP_FILES)
    for key_no in range(1, KEY_COUNT):
        found = yield from session.get_key_version(key_no)
        if found != recipe.key_version:
            new = recipe.keys[key_no]
            yield from session.change_key(key_no, new, recipe.key_version, ZERO_KEY)
    yield from _close_building(session, recipe, note)


def _close_building(session, recipe, note):
    yield from session.change_key_settings(SETTINGS)
    yield from session.change_key(K0, recipe.keys[K0], recipe.key_version)
    note(STEP_KEYS)


def _create_files(session, recipe, done):
    for i in range(0, len(FILES), 4):
        file_no, kind, rights, size = FILES[i], FILES[i + 1], FILES[i + 2], FILES[i + 3]
        if file_no in done:
            continue
        if kind == VALUE:
            upper, value = COUNTER_START, COUNTER_START
            if file_no == FILE_V:
                upper, value = recipe.limit, 0
            yield from session.create_value_file(file_no, rights, 0, upper, value)
        elif kind == BACKUP:
            yield from session.create_backup_file(file_no, rights, size)
        else:
            yield from session.create_cyclic_file(file_no, rights, size, G_RECORDS)


def _load(session, recipe, random_bytes, note):
    yield from session.authenticate(K2, recipe.keys[K2], random_bytes(16))
    note(STEP_LOADING)
    yield from session.write_data(FILE_S, 0, recipe.head)
    yield from session.write_data(FILE_P, 0, empty_rights())
    yield from session.write_data(FILE_T, 0, empty_usage())
    yield from session.write_data(FILE_J, 0, recipe.head + bytes(J_BYTES - S_BYTES))
    yield from session.write_record(FILE_G, recipe.record)
    session.prepare_commit()
    committed = yield from session.commit()
    if not committed:
        raise LayoutError("card.commit: the card did not prove it, read the card again")
    note(STEP_CONTENTS)


def _has_contents(session, recipe, random_bytes):
    yield from session.authenticate(K1, recipe.keys[K1], random_bytes(16))
    try:
        yield from session.read_records(FILE_G, 0, 1, G_BYTES)
    except CardStatusError as error:
        if error.status != EMPTY_FILE:
            raise
        return False
    return True


def verify(session, recipe, random_bytes):
    """Read the selected card back under K1: 9 exchanges. Raises: LayoutError naming the file."""
    yield from session.authenticate(K1, recipe.keys[K1], random_bytes(16))
    value = yield from session.get_value(FILE_V)
    counter = yield from session.get_value(FILE_C)
    head = yield from session.read_data(FILE_S, 0, S_BYTES)
    rights = yield from session.read_data(FILE_P, 0, P_BYTES)
    usage = yield from session.read_data(FILE_T, 0, T_BYTES)
    newest = yield from session.read_records(FILE_G, 0, 1, G_BYTES)
    for name, found, wanted in (
        ("V", value, 0),
        ("C", counter, COUNTER_START),
        ("S", bytes(head), recipe.head),
        ("P", bytes(rights), empty_rights()),
        ("T", bytes(usage), empty_usage()),
        ("G", bytes(newest), recipe.record),
    ):
        if found != wanted:
            raise LayoutError("card.%s: does not read back as it was written" % name)


def empty_rights():
    """Return the 108 bytes of file P of a card without products."""
    return P_HEADER.pack({"layout": CARD_LAYOUT}) + bytes(P_BYTES - P_HEADER.size)


def empty_usage():
    """Return the 44 bytes of file T of a card that was never used."""
    return T.pack({"layout": CARD_LAYOUT})
