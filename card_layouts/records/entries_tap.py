"""Entries of a tap: INTENT, OUTCOME, OBS, BLOCK and REFUSAL, 96 bytes each.

Source: SPEC.md section 3, D14, D15. Type numbers are in `entries.py`.
"""

from card_layouts.codec.bits import Layout, table

OUTCOME_COMMITTED, OUTCOME_ABORTED, OUTCOME_ORPHAN = 1, 2, 3

HOW_ANSWER = 1  # the card's answer to the commit
HOW_REPEAT = 2  # the answer to a repeated frame
HOW_REPOLL = 3  # read again in the same tap
HOW_LATER = 4  # read at a later tap
HOW_NOT_SENT = 5  # the commit was never handed to the reader
HOW_ABANDONED = 6  # given up by decision, never by time

GATE_SHUT, GATE_OPENED, GATE_OVERRIDE, GATE_NONE = 0, 1, 2, 3
SOURCE_TAP, SOURCE_HARVEST, SOURCE_COUNTER, SOURCE_INSPECTION = 0, 1, 2, 3

TERMINAL_GATE, TERMINAL_BUS, TERMINAL_HAND_HELD, TERMINAL_COUNTER, TERMINAL_LIFT = 1, 2, 3, 4, 5

# Why no commit was tried; 0 is never written and no number is used twice.
REASON_FUNDS = 1
REASON_BLOCKED = 2
REASON_LISTED = 3
REASON_KILLED = 4
REASON_LEASE = 5
REASON_NEVER_SEEN = 6
REASON_TARIFF = 7
REASON_NO_PRODUCT = 8
REASON_CARD_EXPIRED = 9
REASON_AUTHORITY = 10
REASON_UNKNOWN_LAYOUT = 11
REASON_TWO_CARDS = 12
REASON_CARD_LOST = 13
REASON_CARD_ERROR = 14
REASON_NOT_GENUINE = 15
REASON_JOURNAL_FULL = 16
REASON_CLOCK_UNSET = 17
REASON_PASS_BACK = 18
REASON_NO_PRICE = 19
REASON_OPEN_INTENTS = 20
REASON_COUNTER_END = 21
REASON_NO_SHIFT = 22
REASON_TIME = 23
REASON_LIMIT = 24
REASON_NO_PLACE = 25

CALL_NONE = 255  # INTENT.call: the tap was on no trip
TRIP_NONE = 0xFFFFF  # INTENT.trip: likewise
STOP_NONE = 0xFFFF  # INTENT.stop: not known; the trip and call say it, or `picked` does

PHASE_SELECT, PHASE_AUTH, PHASE_READ, PHASE_DECIDE, PHASE_STAGE, PHASE_COMMIT = 1, 2, 3, 4, 5, 6

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
INTENT = Layout("INTENT", 96, table(
    "uid", 56,
    "body", 232,
    "h", 64,
    "was_time", 30,
    "was_authority", 8,
    "was_line", 10,
    "was_start_zone", 6,
    "was_zones", 16,
    "was_start_minute", 11,
    "was_charged", 16,
    "was_transfers", 4,
    "was_paid_by", 3,
    "was_companions", 5,
    "was_night", 1,
    "use_start", 14,
    "use_length", 9,
    "use_counted", 1,
    "use_left", 7,
    "use_today", 4,
    "use_cents", 17,
    "day_sum", 16,
    "period_sum", 16,
    "concession", 6,
    "group", 4,
    "terminal", 4,
    "full", 16,
    "reduction", 16,
    "operator", 16,
    "trip", 20,
    "stop", 16,
    "call", 8,
    "picked", 16,
    "youths", 5,
    "children", 5,
    "product", 10,
    "product_authority", 8,
    "product_zones", 16,
    "tariff", 16,
    "semantics", 6,
    "rule", 14,
    "shift", 12,
    "mode", 8,
))

OUTCOME = Layout("OUTCOME", 96, table(
    "observed", 352,
    "of", 30,
    "outcome", 3,
    "how", 4,
    "c", 30,
    "time", 30,
    "clock", 2,
    "status", 8,
    "attempts", 4,
    "gate", 2,
    "ms_activate", 11,
    "ms_auth", 11,
    "ms_read", 11,
    "ms_decide", 11,
    "ms_stage", 11,
    "ms_flash", 11,
    "ms_commit", 11,
    "ms_total", 11,
    "override_by", 20,
    "free", 195,
))

OBS = Layout("OBS", 96, table(
    "uid", 56,
    "newer", 352,
    "older", 352,
    "count", 2,
    "source", 3,
    "linked", 1,
    "free", 2,
))

BLOCK = Layout("BLOCK", 96, table(
    "uid", 56,
    "body", 232,
    "h", 64,
    "action", 2,
    "listed", 6,
    "was_b", 6,
    "base", 30,
    "overlay", 30,
    "width", 1,
    "mode", 8,
    "line", 10,
    "trip", 20,
    "stop", 16,
    "operator", 16,
    "shift", 12,
    "free", 259,
))

REFUSAL = Layout("REFUSAL", 96, table(
    "uid", 56,
    "observed", 352,
    "c", 30,
    "time", 30,
    "clock", 2,
    "reason", 6,
    "phase", 4,
    "status", 8,
    "asked", 16,
    "authority", 8,
    "zone", 6,
    "to_zone", 6,
    "product", 10,
    "group", 4,
    "companions", 5,
    "listed", 6,
    "line", 10,
    "trip", 20,
    "stop", 16,
    "operator", 16,
    "shift", 12,
    "tariff", 16,
    "semantics", 6,
    "rule", 14,
    "mode", 8,
    "free", 101,
))
# fmt: on
