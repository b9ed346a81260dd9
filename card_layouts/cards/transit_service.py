"""The transit application at a service point: what is staged, read and changed besides a load.

Conversations over an open `Session`, like transit_app.py: none decides anything, and whoever stages
sends the commit itself. Exchanges beside each function are those of card.md section 3.

Source: card.md T1 (product load, refund + block, unblock, key change, inspection).
"""

from card_layouts.cards.card_layout import (
    FILE_A,
    FILE_C,
    FILE_G,
    FILE_J,
    FILE_P,
    FILE_S,
    FILE_T,
    FILE_V,
    G_BYTES,
    J_BYTES,
    P_SLOT_BYTES,
    S_BYTES,
    T_BYTES,
    T_ROW_BYTES,
    p_slot_at,
)
from card_layouts.errors import RangeError

COPIES = 2  # rights that fit the inspector's copy


def stage_product(session, head, slot, right, usage, copy, record):
    """Stage a product under K2: S, right, usage row, both copies in J, A, C, record: 8 exchanges.

    Shape: `head` 44 bytes of S with the right in its directory; `right` the 24 bytes of P slot
    0..3; `usage` its blank row of T; `copy` 0 or 1, where the inspector finds it.
    """
    if len(right) != P_SLOT_BYTES or not 0 <= copy < COPIES:
        raise RangeError("product: %d bytes, copy %d; 24 and 0..1 wanted" % (len(right), copy))
    yield from session.write_data(FILE_S, 0, head)
    yield from session.write_data(FILE_P, p_slot_at(slot), right)
    yield from session.write_data(FILE_T, T_ROW_BYTES * slot, usage)
    yield from session.write_data(FILE_J, 0, head)
    yield from session.write_data(FILE_J, S_BYTES + P_SLOT_BYTES * copy, right)
    yield from stage_action(session, 1, record)


def stage_refund(session, cents, steps, record):
    """Stage the end of a purse under K2: `cents` out of V, A, C by `steps`, record: 4 exchanges.

    `steps` from transit_app.block_steps: what was paid back must not be spent as well.
    """
    yield from session.debit(FILE_V, cents)
    yield from stage_action(session, steps, record)


def stage_unblock(session, head, record):
    """Stage a forgiven block under K2: S with its new u, the copy of it, A, C, record: 5."""
    yield from session.write_data(FILE_S, 0, head)
    yield from session.write_data(FILE_J, 0, head)
    yield from stage_action(session, 1, record)


def stage_action(session, steps, record):
    """Stage what every action moves under K2: A by one, C by `steps`, record: 3 exchanges."""
    yield from session.debit(FILE_A, 1)
    yield from session.debit(FILE_C, steps)
    yield from session.write_record(FILE_G, record)


def change_key(session, key_no, new_key, version, old_key):
    """Bring key `key_no` to `version`, 1..255, in a session of K4: 3 exchanges, 1 if it is there.

    Shape: an `IssuerSession`; returns whether anything was changed. A torn change is done or not,
    and the version tells: call it again. Raises: CardStatusError 1E if `old_key` is wrong.
    """
    found = yield from session.get_key_version(key_no)
    if found == version:
        return False
    yield from session.change_key(key_no, new_key, version, old_key)
    found = yield from session.get_key_version(key_no)
    if found != version:
        raise RangeError(
            "card.key %d: version %d after the change to %d" % (key_no, found, version)
        )
    return True


def read_inspection(session):
    """Return (T, J, newest G record) under K3, 44, 92 and 44 bytes: 4 exchanges."""
    usage = yield from session.read_data(FILE_T, 0, T_BYTES)
    copy = yield from session.read_data(FILE_J, 0, J_BYTES)
    newest = yield from session.read_records(FILE_G, 0, 1, G_BYTES)
    return usage, copy, newest
