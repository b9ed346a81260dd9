"""The next G record of a card, from the newest one: who wrote, what happened, what is carried.

The journey, the sums D and L and the hint of a travel from record to record, so that a tap writes
one record and nothing else. Pure; values are dictionaries of the fields of G.

Source: SPEC.md table G; decisions.md D5; trust.md I1, I5, P3.
"""

from card_layouts.cards.card_layout import H_BYTES, KIND_ISSUE, RECORD_LAYOUT, G
from card_layouts.records.chain import RECORD_FIRST_BYTES, record_h

SUM_MASK = (1 << 26) - 1
SEQ_MASK = (1 << 26) - 1
ACTION_MASK = (1 << 12) - 1
START_MINUTE_MASK = (1 << 11) - 1
ISSUE_SEQ = 0  # an issue record has no journal entry: entries count from 1


def next_record(newest, n, b, kind, now, writer):
    """Return the fields of record `n` that follows the fields `newest`; the caller adds money.

    Shape: `now` in seconds since 2020; `writer` is (device, epoch, seq of the entry).
    """
    values = dict(newest)
    values["layout"] = RECORD_LAYOUT
    values["device"], values["epoch"], seq = writer
    values["seq"] = seq & SEQ_MASK
    values["kind"] = kind
    values["n"] = n
    values["b"] = b
    values["time"] = now
    values["clock"] = 1
    values["amount"] = 0
    if now // 60 - start_minute(newest) > START_MINUTE_MASK:
        # 11 bits of the start are read relative to the record's own time: once the journey is
        # older than they reach, carrying it on would make it young again.
        values["start_zone"] = 0
    return values


def start_minute(values):
    """Return the absolute minute (since 2020) at which the journey of this record began."""
    written = values["time"] // 60
    return written - ((written - values["start_minute"]) & START_MINUTE_MASK)


def add_debit(values, cents):
    """Count a debit of `cents` into the fields of the next record."""
    values["amount"] = cents
    values["D"] = (values["D"] + cents) & SUM_MASK


def add_load(values, cents):
    """Count a load of `cents`, which is also one action, into the fields of the next record."""
    values["amount"] = cents
    values["L"] = (values["L"] + cents) & SUM_MASK
    add_action(values)


def add_action(values):
    """Count one action into the fields of the next record, as A counts it."""
    values["a"] = (values["a"] + 1) & ACTION_MASK


def balance(values):
    """Return the cents in the purse after this record: L - D, as the card counts them."""
    return (values["L"] - values["D"]) & SUM_MASK


def chain_record(values, h_before, k_chain):
    """Return the 44 bytes of the record `values`, linked by h to the record before it.

    Shape: `h_before` 8 bytes, UID | 00 for the first record of a card.
    """
    values["h"] = bytes(H_BYTES)
    record = bytearray(G.pack(values))
    record[RECORD_FIRST_BYTES:] = record_h(k_chain, h_before, bytes(record[:RECORD_FIRST_BYTES]))
    return bytes(record)


def issue_record(uid, device, epoch, authority, now, k_chain):
    """Return the record n = 0 that an issuing station writes: no money, no journey."""
    values = {
        "layout": RECORD_LAYOUT,
        "device": device,
        "epoch": epoch,
        "seq": ISSUE_SEQ,
        "kind": KIND_ISSUE,
        "clock": 1,
        "time": now,
        "authority": authority,
    }
    return chain_record(values, bytes(uid) + b"\x00", k_chain)


def wrote(values, device, epoch, seq):
    """Return whether the record `values` is the one announced by entry `seq` of this device."""
    return (
        values["device"] == device and values["epoch"] == epoch and values["seq"] == seq & SEQ_MASK
    )
