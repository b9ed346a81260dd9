"""Entries of counters, drivers, inspectors and ski gates: ACTION, CASH_SALE, INSPECTION, ACCESS,
TICKET, BARCODE, 96 bytes each.

Source: SPEC.md section 3, D9, X-6, X-8, X-15, O-1..O-9.
"""

from card_layouts.codec.bits import Layout, table

# Of ACTION.kind and ACTION_ENTRY.kind alike.
ACT_LOAD = 1
ACT_PRODUCT = 2
ACT_UNBLOCK = 3
ACT_KEY = 4
ACT_ADJUST = 5
ACT_PROFILE = 6
ACT_REFUND = 7
ACT_NOTHING = 8

PAID_CASH, PAID_CARD, PAID_VOUCHER = 1, 2, 3
ROUNDING_ZERO = 8  # CASH_SALE.rounding is cents + 8

# Of BARCODE.event.
BARCODE_USED = 1
BARCODE_REFUSED = 2
BARCODE_INSPECTED = 3

RESULT_VALID = 1
RESULT_NONE = 2
RESULT_EXPIRED = 3
RESULT_ZONE = 4
RESULT_GROUP = 5
RESULT_BLOCKED = 6
RESULT_FORGED = 7
MEDIUM_CARD, MEDIUM_TICKET, MEDIUM_BARCODE, MEDIUM_NONE = 1, 2, 3, 4

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
ACTION = Layout("ACTION", 96, table(
    "uid", 56,
    "body", 232,
    "h", 64,
    "slot_bytes", 192,
    "k", 24,
    "version", 8,
    "kind", 4,
    "slot", 2,
    "action", 30,
    "list", 30,
    "generation", 8,
    "u", 6,
    "key_no", 4,
    "key_version", 8,
    "channel", 4,
    "operator", 16,
    "shift", 12,
    "mode", 8,
    "use_reset", 4,
    "free", 56,
))

CASH_SALE = Layout("CASH_SALE", 96, table(
    "time", 30,
    "clock", 2,
    "ticket", 24,
    "void_of", 24,
    "product", 10,
    "authority", 8,
    "line", 10,
    "trip", 20,
    "stop", 16,
    "operator", 16,
    "shift", 12,
    "direction", 1,
    "zone", 6,
    "to_zone", 6,
    "zones", 16,
    "valid", 11,
    "night", 1,
    "l_group0", 4,
    "l_count0", 6,
    "l_unit0", 16,
    "l_vat0", 3,
    "l_group1", 4,
    "l_count1", 6,
    "l_unit1", 16,
    "l_vat1", 3,
    "l_group2", 4,
    "l_count2", 6,
    "l_unit2", 16,
    "l_vat2", 3,
    "l_group3", 4,
    "l_count3", 6,
    "l_unit3", 16,
    "l_vat3", 3,
    "full", 17,
    "reduction", 17,
    "concession", 6,
    "total", 17,
    "rounding", 4,
    "paid", 3,
    "clerk", 20,
    "tariff", 16,
    "semantics", 6,
    "rule", 14,
    "barcode", 30,
    "fiscal", 30,
    "terminal", 4,
    "mode", 8,
    "order", 24,
    "call", 8,
    "picked", 16,
    "from_minute", 25,
    "certificate", 16,
    "free", 158,
))

INSPECTION = Layout("INSPECTION", 96, table(
    "uid", 56,
    "observed", 352,
    "time", 30,
    "clock", 2,
    "inspector", 20,
    "result", 4,
    "penalty", 16,
    "notice", 24,
    "medium", 3,
    "authority", 8,
    "zone", 6,
    "vehicle", 16,
    "product", 10,
    "companions", 5,
    "line", 10,
    "trip", 20,
    "stop", 16,
    "operator", 16,
    "shift", 12,
    "free", 142,
))

ACCESS = Layout("ACCESS", 96, table(
    "uid", 56,
    "body", 232,
    "h", 64,
    "station", 16,
    "lift", 12,
    "lane", 4,
    "entry", 1,
    "card_type", 4,
    "product", 10,
    "product_zones", 16,
    "seasonal", 1,
    "today", 8,
    "photo", 24,
    "tariff", 16,
    "semantics", 6,
    "rule", 14,
    "shift", 12,
    "mode", 8,
    "free", 264,
))

TICKET = Layout("TICKET", 96, table(
    "uid", 56,
    "header", 96,
    "was_slot", 96,
    "new_slot", 96,
    "counter", 16,
    "writes", 4,
    "time", 30,
    "clock", 2,
    "authority", 8,
    "zone", 6,
    "to_zone", 6,
    "line", 10,
    "trip", 20,
    "stop", 16,
    "operator", 16,
    "shift", 12,
    "tariff", 16,
    "semantics", 6,
    "rule", 14,
    "terminal", 4,
    "group", 4,
    "mode", 8,
    "free", 226,
))

BARCODE = Layout("BARCODE", 96, table(
    "single", 240,
    "time", 30,
    "clock", 2,
    "event", 3,
    "again", 1,
    "answer", 6,
    "authority", 8,
    "zone", 6,
    "line", 10,
    "trip", 20,
    "stop", 16,
    "operator", 16,
    "shift", 12,
    "tariff", 16,
    "semantics", 6,
    "terminal", 4,
    "mode", 8,
    "free", 364,
))
# fmt: on
