"""The DESFire card: files, keys, tables S, P, T, J and G, and the numbers in their enums.

Source: SPEC.md section 2, card.md T1, D3, D4. Zone sets are in `zones.py`, C in `counter.py`.
"""

from card_layouts.cards.counter import COUNTER_START, KILLED_B, counter_b_n, counter_value
from card_layouts.cards.zones import (
    ZONES_ALL,
    zone_bit,
    zones_bitmap,
    zones_count,
    zones_covers,
    zones_first,
    zones_hull,
    zones_last,
    zones_list,
    zones_run,
    zones_subset,
)
from card_layouts.codec.bits import Layout, table

# One name for whoever works with a card: the tables here, the two codes beside them.
__all__ = (
    "COUNTER_START",
    "KILLED_B",
    "ZONES_ALL",
    "counter_b_n",
    "counter_value",
    "zone_bit",
    "zones_bitmap",
    "zones_count",
    "zones_covers",
    "zones_first",
    "zones_hull",
    "zones_last",
    "zones_list",
    "zones_run",
    "zones_subset",
)

CARD_LAYOUT = 1  # of S, P, T and J together
RECORD_LAYOUT = 1  # of a G record

FILE_V, FILE_C, FILE_A, FILE_S, FILE_P, FILE_T, FILE_J, FILE_G = 1, 2, 3, 4, 5, 6, 7, 8
K0, K1, K2, K3, K4 = 0, 1, 2, 3, 4

# Bytes of the files that hold tables; V, C and A are value files.
S_BYTES, P_BYTES, T_BYTES, J_BYTES, G_BYTES = 44, 108, 44, 92, 44
G_RECORDS = 11  # created; the card shows ten
P_SLOTS, P_SLOT_AT, P_SLOT_BYTES = 4, 12, 24
T_ROW_BYTES = 9  # a usage row shares no byte with another; before row 0 stands T.layout

# A G record: 7 bytes that tell who wrote it, the body, 8 bytes of chain.
PREFIX_BYTES, BODY_BYTES, H_BYTES = 7, 29, 8
COMPANIONS_MAX = 31  # whom a record can name besides the holder: 5 bits of G and S

KIND_ISSUE = 1
KIND_DEBIT = 2
KIND_PASS = 3
KIND_ACTIVATION = 4
KIND_LOAD = 5
KIND_PRODUCT = 6
KIND_REFUND = 7
KIND_BLOCK = 8
KIND_UNBLOCK = 9
KIND_KILL = 10
KIND_REPAIR = 11
KIND_ADJUST = 12
KIND_PROFILE = 13
KIND_ACCESS = 14

M_EMPTY = 0
M_CALENDAR = 1
M_FIRST_USE = 2
M_FLEX = 3
M_BEST = 4
M_SCHOOL = 5
M_STUDENT = 6
M_EVENT = 7
M_RIDES = 8
M_GROUP = 9
M_ZERO = 10
M_TOURIST = 11
M_PAY_PER_USE = 12
M_TIMED = 13  # from first use, by the minute: t_cents holds its end

CARD_PERSONAL, CARD_HOLDER, CARD_GROUP, CARD_STAFF, CARD_TEST = 0, 1, 2, 3, 4

PAID_PURSE, PAID_SLOT_0, PAID_POST_BILLED, PAID_PER_USE = 0, 1, 5, 6

CHANNEL_COUNTER = 1
CHANNEL_WEB = 2
CHANNEL_VEHICLE = 3
CHANNEL_MACHINE = 4
CHANNEL_GRANT = 5
CHANNEL_MASS = 6

AID_BYTES = 3


def aid_bytes(cluster, generation):
    """Return the application id, 3 bytes as sent to the card (least significant byte first).

    Shape: cluster 16 bits (the function cluster of the scheme), generation 0..15 of the masters.
    """
    value = 0xF00000 | (cluster & 0xFFFF) << 4 | (generation & 15)
    return bytes((value & 255, value >> 8 & 255, value >> 16))


def p_slot_at(index):
    """Return the byte of file P where right `index`, 0..3, starts."""
    return P_SLOT_AT + P_SLOT_BYTES * index


def blank_row(index, k):
    """Return the bytes of file T from T_ROW_BYTES * `index` on: a row unused since sale `k`, 0..3.

    The station's key may write T and not read it: the row is put as a whole.
    """
    usage = T.pack({"layout": CARD_LAYOUT, "t_k%d" % index: k})
    return usage[T_ROW_BYTES * index : T_ROW_BYTES * (index + 1)]


# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
S = Layout("S", 44, table(
    "layout", 4,
    "authority", 8,
    "serial", 27,
    "kind", 3,
    "issued", 14,
    "expires", 9,
    "group", 4,
    "group_until", 14,
    "concession", 6,
    "concession_until", 14,
    "municipality", 10,
    "language", 3,
    "assist", 2,
    "deposit", 8,
    "u", 6,
    "purse_product", 10,
    "purse_zones", 16,
    "purse_companions", 5,
    "d_mechanism0", 4,
    "d_product0", 10,
    "d_zones0", 16,
    "d_last0", 14,
    "d_usage0", 1,
    "d_k0", 2,
    "d_mechanism1", 4,
    "d_product1", 10,
    "d_zones1", 16,
    "d_last1", 14,
    "d_usage1", 1,
    "d_k1", 2,
    "d_mechanism2", 4,
    "d_product2", 10,
    "d_zones2", 16,
    "d_last2", 14,
    "d_usage2", 1,
    "d_k2", 2,
    "d_mechanism3", 4,
    "d_product3", 10,
    "d_zones3", 16,
    "d_last3", 14,
    "d_usage3", 1,
    "d_k3", 2,
    "free", 1,
))

P_HEADER = Layout("P_HEADER", 12, table(
    "layout", 4,
    "written", 30,
    "writer", 20,
    "k", 16,
    "free", 26,
))

P_SLOT = Layout("P_SLOT", 24, table(
    "mechanism", 4,
    "slot", 2,
    "product", 10,
    "authority_use", 8,
    "authority_sale", 8,
    "scope", 1,
    "group", 4,
    "concession", 6,
    "zones", 16,
    "first_day", 14,
    "last_day", 14,
    "length", 9,
    "travel_days", 7,
    "trips_day", 4,
    "weekdays", 7,
    "window_from", 9,
    "window_to", 9,
    "calendar", 12,
    "price", 18,
    "channel", 4,
    "k", 16,
    "post_billed", 1,
    "companions", 5,
    "free", 4,
))

T = Layout("T", 44, table(
    "layout", 4,
    "t_k0", 2,
    "t_start0", 14,
    "t_length0", 9,
    "t_day0", 14,
    "t_left0", 7,
    "t_today0", 4,
    "t_cents0", 17,
    "free", 4,
    "t_k1", 2,
    "t_start1", 14,
    "t_length1", 9,
    "t_day1", 14,
    "t_left1", 7,
    "t_today1", 4,
    "t_cents1", 17,
    "free", 4,
    "t_k2", 2,
    "t_start2", 14,
    "t_length2", 9,
    "t_day2", 14,
    "t_left2", 7,
    "t_today2", 4,
    "t_cents2", 17,
    "free", 4,
    "t_k3", 2,
    "t_start3", 14,
    "t_length3", 9,
    "t_day3", 14,
    "t_left3", 7,
    "t_today3", 4,
    "t_cents3", 17,
    "free", 4,
    "cap_day", 14,
    "day_sum", 16,
    "cap_start", 14,
    "period_sum", 16,
    "free", 4,
))

J = Layout("J", 92, table(
    "S", 352,
    "slot_a", 192,
    "slot_b", 192,
))

G = Layout("G", 44, table(
    "layout", 3,
    "free", 1,
    "epoch", 6,
    "device", 20,
    "seq", 26,
    "kind", 5,
    "clock", 1,
    "night", 1,
    "n", 24,
    "b", 6,
    "a", 12,
    "time", 30,
    "amount", 16,
    "D", 26,
    "L", 26,
    "authority", 8,
    "line", 10,
    "zone", 6,
    "start_zone", 6,
    "zones", 16,
    "start_minute", 11,
    "charged", 16,
    "transfers", 4,
    "paid_by", 3,
    "companions", 5,
    "h", 64,
))
# fmt: on
