"""Fills the CARD list of `rate` from what was read of a card, and turns a decision into file T.

The validator fills it from the files it read, the ledger from the entry and what was sold. Values
are the unpacked fields of S, T, P_SLOT and G. Source: SPEC.md tables S, T, G; tariff-model.md
section 8.
"""

from card_layouts.cards.card_layout import CARD_LAYOUT, T
from card_layouts.cards.transit_record import start_minute
from card_layouts.fares.inputs import (
    C_CAP_DAY,
    C_CAP_START,
    C_CONCESSION,
    C_CONCESSION_UNTIL,
    C_DAY_SUM,
    C_GROUP,
    C_GROUP_UNTIL,
    C_ISSUER,
    C_J_AUTHORITY,
    C_J_CHARGED,
    C_J_COMPANIONS,
    C_J_LINE,
    C_J_NIGHT,
    C_J_PAID_BY,
    C_J_START_MINUTE,
    C_J_START_ZONE,
    C_J_TIME,
    C_J_TRANSFERS,
    C_J_ZONES,
    C_KIND,
    C_PERIOD_SUM,
    C_PURSE_COMPANIONS,
    C_PURSE_PRODUCT,
    C_PURSE_ZONES,
    D_CAP_DAY,
    D_CAP_START,
    D_DAY_SUM,
    D_PERIOD_SUM,
    D_T_CENTS,
    D_T_DAY,
    D_T_LEFT,
    D_T_LENGTH,
    D_T_SLOT,
    D_T_START,
    D_T_TODAY,
    S_CENTS,
    S_DAY,
    S_LAST,
    S_LEFT,
    S_LENGTH,
    S_MECHANISM,
    S_PRODUCT,
    S_START,
    S_TODAY,
    S_USAGE,
    S_ZONES,
    SLOTS,
    slot_at,
)

# Fields in the order of their places in the lists.
HEAD = (
    (C_ISSUER, "authority"),
    (C_KIND, "kind"),
    (C_GROUP, "group"),
    (C_GROUP_UNTIL, "group_until"),
    (C_CONCESSION, "concession"),
    (C_CONCESSION_UNTIL, "concession_until"),
    (C_PURSE_PRODUCT, "purse_product"),
    (C_PURSE_ZONES, "purse_zones"),
    (C_PURSE_COMPANIONS, "purse_companions"),
)
DIRECTORY = (
    (S_MECHANISM, "d_mechanism"),
    (S_PRODUCT, "d_product"),
    (S_ZONES, "d_zones"),
    (S_LAST, "d_last"),
    (S_USAGE, "d_usage"),
)
USAGE = (
    (S_START, "t_start"),
    (S_LENGTH, "t_length"),
    (S_DAY, "t_day"),
    (S_LEFT, "t_left"),
    (S_TODAY, "t_today"),
    (S_CENTS, "t_cents"),
)
COUNTERS = (
    (C_CAP_DAY, "cap_day"),
    (C_DAY_SUM, "day_sum"),
    (C_CAP_START, "cap_start"),
    (C_PERIOD_SUM, "period_sum"),
)
JOURNEY = (
    (C_J_START_ZONE, "start_zone"),
    (C_J_ZONES, "zones"),
    (C_J_CHARGED, "charged"),
    (C_J_TRANSFERS, "transfers"),
    (C_J_PAID_BY, "paid_by"),
    (C_J_COMPANIONS, "companions"),
    (C_J_NIGHT, "night"),
    (C_J_TIME, "time"),
    (C_J_LINE, "line"),
)
ROW_AFTER = (
    (D_T_START, "t_start"),
    (D_T_LENGTH, "t_length"),
    (D_T_DAY, "t_day"),
    (D_T_LEFT, "t_left"),
    (D_T_TODAY, "t_today"),
    (D_T_CENTS, "t_cents"),
)
COUNTERS_AFTER = (
    (D_CAP_DAY, "cap_day"),
    (D_DAY_SUM, "day_sum"),
    (D_CAP_START, "cap_start"),
    (D_PERIOD_SUM, "period_sum"),
)


def load_head(card, head):
    """Fill in who the card is for and what it holds; usage counts as none until it is loaded."""
    for place, name in HEAD:
        card[place] = head[name]
    for i in range(SLOTS):
        at = slot_at(i)
        for place, name in DIRECTORY:
            card[at + place] = head[name + str(i)]
        for place, _name in USAGE:
            card[at + place] = 0
    for place, _name in COUNTERS:
        card[place] = 0


def load_usage(card, head, usage):
    """Fill in file T; a row of an earlier sale (another instance) counts as blank (D32)."""
    for i in range(SLOTS):
        if usage["t_k" + str(i)] == head["d_k" + str(i)]:
            at = slot_at(i)
            for place, name in USAGE:
                card[at + place] = usage[name + str(i)]
    for place, name in COUNTERS:
        card[place] = usage[name]


def load_journey(card, newest):
    """Fill in the journey that the newest record leaves open, if it leaves one."""
    for place, name in JOURNEY:
        card[place] = newest[name]
    card[C_J_AUTHORITY] = newest["authority"] if newest["start_zone"] else 0
    card[C_J_START_MINUTE] = max(start_minute(newest), 0)


def has_usage(card):
    """Return whether a right on the card cannot be judged without file T."""
    for i in range(SLOTS):
        at = slot_at(i)
        if card[at + S_MECHANISM] and card[at + S_USAGE]:
            return True
    return False


def usage_after(d, head, usage44):
    """Return the 44 bytes of T after the decision `d`; other rows and free bits are carried over.

    Shape: `head` the fields of S, `usage44` T as read.
    """
    after = bytearray(usage44)
    T.put(after, "layout", CARD_LAYOUT)
    slot = d[D_T_SLOT]
    if slot:
        i = str(slot - 1)
        T.put(after, "t_k" + i, head["d_k" + i])
        for place, name in ROW_AFTER:
            T.put(after, name + i, d[place])
    for place, name in COUNTERS_AFTER:
        T.put(after, name, d[place])
    return bytes(after)
