"""Entries about the device itself: CONFIG, BOOT, TAMPER and SHIFT, 96 bytes each.

Source: SPEC.md section 3, T9, T15, T16, X-11, R-22, R-23.
"""

from card_layouts.codec.bits import Layout, table

CONFIG_SWITCHED, CONFIG_OLD, CONFIG_SEAL, CONFIG_SIZE, CONFIG_EXPIRED = 1, 2, 3, 4, 5

BOOT_BOOT, BOOT_CLOCK_SET, BOOT_CLOCK_JUMP, BOOT_MIDNIGHT = 1, 2, 3, 4
CAUSE_POWER, CAUSE_WATCHDOG, CAUSE_UPDATE, CAUSE_CRASH, CAUSE_BROWN_OUT = 1, 2, 3, 4, 5

TAMPER_LOGGED, TAMPER_OUT_OF_SERVICE, TAMPER_ZEROISED = 1, 2, 3

SHIFT_START, SHIFT_END, SHIFT_TRIP, SHIFT_RUN_RESET, SHIFT_PAUSE, SHIFT_BLIND_COUNT = range(1, 7)
LOGIN_PIN, LOGIN_CARD = 1, 2
COUNTED_NONE = (1 << 30) - 1  # SHIFT.counted: nobody counted

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
CONFIG = Layout("CONFIG", 96, table(
    "sha", 128,
    "signer", 64,
    "time", 30,
    "clock", 2,
    "role", 4,
    "result", 4,
    "old", 30,
    "new", 30,
    "floor", 30,
    "authority", 8,
    "semantics", 6,
    "valid_from", 30,
    "expires", 30,
    "free", 372,
))

BOOT = Layout("BOOT", 96, table(
    "firmware", 128,
    "time", 30,
    "clock", 2,
    "event", 3,
    "cause", 4,
    "version", 30,
    "before", 30,
    "floor", 30,
    "uptime", 30,
    "torn", 8,
    "open", 4,
    "free_slots", 16,
    "worst_wear", 24,
    "vbat", 12,
    "free", 417,
))

TAMPER = Layout("TAMPER", 96, table(
    "detail", 256,
    "time", 30,
    "clock", 2,
    "sensor", 6,
    "did", 4,
    "count", 16,
    "uptime", 30,
    "free", 424,
))

SHIFT = Layout("SHIFT", 96, table(
    "time", 30,
    "clock", 2,
    "event", 4,
    "login", 2,
    "shift", 12,
    "driver", 20,
    "operator", 16,
    "vehicle", 16,
    "duty", 16,
    "authority", 8,
    "line", 10,
    "trip", 20,
    "stop", 16,
    "direction", 1,
    "first_seq", 30,
    "first_ticket", 24,
    "next_ticket", 24,
    "charged", 16,
    "passed", 16,
    "refused", 16,
    "unknown", 16,
    "tickets", 16,
    "voids", 16,
    "value", 30,
    "loads", 30,
    "cash", 30,
    "void_cents", 30,
    "counted", 30,
    "ended_by", 20,
    "free", 251,
))
# fmt: on
