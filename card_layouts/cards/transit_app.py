"""The transit application on a DESFire card: what is read, staged and committed in each flow.

Every function is a conversation over an open `Session`; none decides anything. All that one flow
changes is staged and committed once: the caller sends the commit itself (`prepare_commit`,
`commit`), because its journal must be durable in between. All files are enciphered.

Source: card.md T1 (files, rights, exchanges); decisions.md D4, D5; trust.md 4.5.
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
    G_RECORDS,
    J_BYTES,
    P_BYTES,
    S_BYTES,
    T_BYTES,
)

VALUE, BACKUP, CYCLIC = 0, 1, 2

# Access word: read, write, read+write, change, one nibble each; F is nobody. In creation order.
# Rows of four: file, type, access word, bytes.
# fmt: off
FILES = (
    FILE_V, VALUE, 0x1F2F, 0,
    FILE_C, VALUE, 0x12FF, 0,
    FILE_A, VALUE, 0x2FFF, 0,
    FILE_S, BACKUP, 0x1F2F, S_BYTES,
    FILE_P, BACKUP, 0x1F2F, P_BYTES,
    FILE_T, BACKUP, 0x321F, T_BYTES,
    FILE_J, BACKUP, 0x3F2F, J_BYTES,
    FILE_G, CYCLIC, 0x321F, G_BYTES,
)
# fmt: on
KEY_COUNT = 5
SETTINGS_WHILE_BUILDING = 0x0F
SETTINGS = 0x49  # K4 changes keys, listing needs K0, nothing is frozen
PICC_SETTINGS = 0x09  # listing and creating need the card's master key
NO_FORMAT = 0x01
RECORDS_SEEN = G_RECORDS - 1


def read_record(session, back):
    """Return the 44-byte record that is `back` places behind the newest, 0..9: 1 exchange."""
    return (yield from session.read_records(FILE_G, back, 1, G_BYTES))


def stage_debit(session, cents, record, usage=None):
    """Stage a tap under K1: 3 exchanges, 2 when nothing is charged, 1 more when T changes.

    Shape: `usage` the 44 bytes of T to be written, or None.

    Raises: CardStatusError BE when the card's purse does not hold `cents`; all is dropped then.
    """
    if cents:
        yield from session.debit(FILE_V, cents)
    yield from session.debit(FILE_C, 1)
    if usage is not None:
        yield from session.write_data(FILE_T, 0, usage)
    yield from session.write_record(FILE_G, record)


def block_steps(b, g):
    """Return by how much C falls to raise the block generation from `b` to `g` in one commit."""
    return (g - b) << 24 | 1


def stage_block(session, steps, record):
    """Stage a block (`block_steps`) or a kill (`steps` = the whole of C) under K1: 2 exchanges."""
    yield from session.debit(FILE_C, steps)
    yield from session.write_record(FILE_G, record)


def stage_load(session, cents, record):
    """Stage a load under K2: credit, action counter, transaction counter, record: 4 exchanges."""
    yield from session.credit(FILE_V, cents)
    yield from session.debit(FILE_A, 1)
    yield from session.debit(FILE_C, 1)
    yield from session.write_record(FILE_G, record)
