"""The directory of rights in S: what selling one changes on a card besides its row of file P.

One rule for the station that writes it and the ledger that repeats it from the ACTION entry.
Source: SPEC.md tables S, P_SLOT, T; decisions.md D32.
"""

from card_layouts.cards.card_layout import M_EMPTY, P_SLOT, blank_row

INSTANCES = 4  # d_k and t_k count sales modulo this
# Fields of a right that file T counts: one of them not 0, and no tap can judge it without T.
COUNTED = ("length", "travel_days", "trips_day")
# Field of the directory in S, field of the right: the directory says in short what is in P.
DIRECTORY = ("mechanism", "mechanism", "product", "product", "zones", "zones", "last", "last_day")


def free_place(head, wanted, day, usage=None):
    """Return the slot 0..3 that a right sold on `day` may take, `wanted` if it can; -1 if none.

    Nobody loses what was paid for: a slot is free if it is empty or its right's last service day is
    over by every clock, two days after it in UTC. `usage`: the fields of T, if they were read; a
    right from its first use on ends there, and without them one that has no last day runs on.
    """
    for slot in (wanted, 0, 1, 2, 3):
        if head["d_mechanism%d" % slot] == M_EMPTY:
            return slot
        last = head["d_last%d" % slot]
        if usage is not None and usage["t_k%d" % slot] == head["d_k%d" % slot]:
            first = usage["t_start%d" % slot]
            if first and usage["t_length%d" % slot]:
                last = first + usage["t_length%d" % slot] - 1
        if 0 < last < day - 1:
            return slot
    return -1


def enter_right(head, slot, right):
    """Enter a right that was sold into slot 0..3 of `head`; return its blank row of file T.

    Shape: `head` the fields of S, changed in place; `right` the 24 bytes of P; the row is 9 bytes.
    What an earlier sale used is no longer the slot's: the row is numbered as that sale was.
    """
    bought = P_SLOT.unpack(right)
    for i in range(0, len(DIRECTORY), 2):
        head["d_%s%d" % (DIRECTORY[i], slot)] = bought[DIRECTORY[i + 1]]
    head["d_usage%d" % slot] = 1 if any(bought[name] for name in COUNTED) else 0
    sold_before = head["d_k%d" % slot]
    head["d_k%d" % slot] = (sold_before + 1) % INSTANCES
    return blank_row(slot, sold_before)
