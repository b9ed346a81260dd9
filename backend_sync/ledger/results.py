"""The closed lists: what may become of a slot, of an announced commit, and what raises an alarm.

Every member stands in SPEC.md with its id and has a test. Pure: it knows no database.
Source: trust.md 4.3 (P1..P3, V1..V3, X), decisions.md D16, D22.
"""

# Evidence about one announced commit (INTENT, ACTION, BLOCK, ACCESS), one bit each.
P1 = 1  # the device's own OUTCOME: committed
P2 = 2  # the record was read from the card by any device
P3 = 4  # a later h was computed from this record's h
V1 = 8  # the device's own OUTCOME: aborted
V3 = 16  # the same device saw the card later and this record was not on it
V2 = 32  # another commit holds the same (card, n)
EQ = 64  # the device wrote two different entries under one number
X = 128  # nothing was heard for 90 days

POST_BITS = P1 | P2 | P3
VOID_BITS = V1 | V2 | V3
RULES = {P1: "P1", P2: "P2", P3: "P3", V1: "V1", V3: "V3", V2: "V2", EQ: "EQ", X: "X"}
BITS = {name: bit for bit, name in RULES.items()}
COUNTED = ("P1", "P2", "P3", "V1", "V2", "V3", "X")

OPEN, POSTED, VOIDED, FORK, LAPSED = 0, 1, 2, 3, 4
STATE_NAMES = ("open", "posted", "voided", "fork", "lapsed")

# What became of one slot of a batch. The words are stored in `quarantine.reason`.
STORED = "STORED"
REPEATED = "REPEATED"  # held already, byte for byte: acknowledged again, nothing posted
EQUIVOCATION = "EQUIVOCATION"  # authentic, same number and block, other bytes: none is posted
LATE_SEAL = "LATE_SEAL"  # authentic, but an earlier block's key sealed another one of its number
BAD_SEAL = "BAD_SEAL"
UNKNOWN_DEVICE = "UNKNOWN_DEVICE"
BAD_FORMAT = "BAD_FORMAT"
UNKNOWN_LAYOUT = "UNKNOWN_LAYOUT"  # authentic, but this ledger knows no such payload table
BAD_VALUE = "BAD_VALUE"  # authentic, but its numbers cannot be: n = 0, no card, no such outcome
UNKNOWN_CARD = "UNKNOWN_CARD"  # authentic, the card was never issued: money to UNALLOCATED
RESULTS = (
    STORED,
    REPEATED,
    EQUIVOCATION,
    LATE_SEAL,
    BAD_SEAL,
    UNKNOWN_DEVICE,
    BAD_FORMAT,
    UNKNOWN_LAYOUT,
    BAD_VALUE,
    UNKNOWN_CARD,
)

# Alarms are rows for people; none of them moves money by itself.
ALARM_EQUIVOCATION = "EQUIVOCATION"
ALARM_LATE_SEAL = "LATE_SEAL"  # the device's key is in other hands
ALARM_FORK = "FORK"
ALARM_RECORD_DIFFERS = "RECORD_DIFFERS"  # a card's record names an entry that says otherwise
ALARM_UNKNOWN_CARD = "UNKNOWN_CARD"
ALARM_SALE_DIFFERS = "SALE_DIFFERS"
ALARM_BATCH_DIFFERS = "BATCH_DIFFERS"  # a batch came again with another head; the first stands
ALARM_SINGLE_TWICE = "SINGLE_TWICE"  # a single was accepted more than once on one trip
ALARM_SINGLE_OFTEN = "SINGLE_OFTEN"  # on more trips than its tariff allows
ALARM_SINGLE_DIFFERS = "SINGLE_DIFFERS"  # two different tickets have one number
ALARM_TICKET_TWICE = "TICKET_TWICE"  # several devices had a ticket's ACK for one count
ALARMS = (
    ALARM_EQUIVOCATION,
    ALARM_LATE_SEAL,
    ALARM_FORK,
    ALARM_RECORD_DIFFERS,
    ALARM_UNKNOWN_CARD,
    ALARM_SALE_DIFFERS,
    ALARM_BATCH_DIFFERS,
    ALARM_TICKET_TWICE,
    ALARM_SINGLE_TWICE,
    ALARM_SINGLE_OFTEN,
    ALARM_SINGLE_DIFFERS,
)


# Of cards.unaudited: entries or evidence came; and what was audited must be read again.
AUDITED, UNAUDITED, BEGIN_AGAIN = 0, 1, 2


def state_of(bits: int) -> int:
    """Return what all evidence together says. Adding evidence never turns a FORK back."""
    posts, voids = bits & POST_BITS, bits & VOID_BITS
    if bits & EQ or (posts and voids):
        return FORK
    if posts:
        return POSTED
    if voids:
        return VOIDED
    return LAPSED if bits & X else OPEN


def rule_of(bits: int) -> str:
    """Return the rule that resolved it: the strongest evidence, so that order does not matter."""
    state = state_of(bits)
    if state == FORK:
        return "FORK"
    for bit in (P1, P2, P3, V1, V3, V2, X):
        if bits & bit:
            return RULES[bit]
    return ""
