"""What a tap writes into the journal: the 96-byte payloads of INTENT, OUTCOME, BLOCK, REFUSAL.

Every field of R-21 and every input of re-rating (D14) is filled in here and nowhere else.

Source: SPEC.md section 3; decisions.md D14, D15; fares/repeat.py reads these fields back.
"""

from card_layouts.cards.card_layout import G_BYTES
from card_layouts.cards.zones import zones_first
from card_layouts.fares.inputs import (
    C_ISSUER,
    C_PURSE_PRODUCT,
    C_PURSE_ZONES,
    D_AMOUNT,
    D_CHILDREN,
    D_COMPANIONS,
    D_CONCESSION,
    D_DAY,
    D_DAY_BEFORE,
    D_FULL,
    D_GROUP,
    D_PAID_BY,
    D_PERIOD_BEFORE,
    D_PRODUCT,
    D_REDUCTION,
    D_RIDER,
    D_RULE,
    D_SLOT,
    D_YOUTHS,
    S_CENTS,
    S_DAY,
    S_LEFT,
    S_LENGTH,
    S_PRODUCT,
    S_START,
    S_TODAY,
    S_ZONES,
    SLOTS,
    T_CALL,
    T_PICKED,
    T_STOP,
    T_TRIP,
    slot_at,
)
from card_layouts.records.entries import BODY_END, H_END
from card_layouts.records.entries import UID_END as PREFIX_END
from card_layouts.records.entries_tap import (
    BLOCK,
    CALL_NONE,
    INTENT,
    OUTCOME,
    REFUSAL,
    STOP_NONE,
    TRIP_NONE,
)

PHASE_MS_MAX = 2047
NO_RECORD = bytes(G_BYTES)
# The journey as the newest record left it, kept beside the one this tap makes of it.
JOURNEY = (
    "time",
    "authority",
    "line",
    "start_zone",
    "zones",
    "start_minute",
    "charged",
    "transfers",
    "paid_by",
    "companions",
    "night",
)
# What the decision says, field by field.
DECIDED = (
    ("concession", D_CONCESSION),
    ("group", D_RIDER),
    ("full", D_FULL),
    ("reduction", D_REDUCTION),
    ("youths", D_YOUTHS),
    ("children", D_CHILDREN),
    ("rule", D_RULE),
    ("day_sum", D_DAY_BEFORE),
    ("period_sum", D_PERIOD_BEFORE),
)
# The T row of the right that was used, as it was before (D14).
USED = (
    ("use_start", S_START),
    ("use_length", S_LENGTH),
    ("use_left", S_LEFT),
    ("use_today", S_TODAY),
    ("use_cents", S_CENTS),
)
PHASES = ("activate", "auth", "read", "decide", "stage", "flash", "commit", "total")


def announce(uid, record):
    """Return the fields that every announcing entry has alike: uid, body and h of the record."""
    return {
        "uid": uid,
        "body": bytes(record[PREFIX_END:BODY_END]),
        "h": bytes(record[BODY_END:H_END]),
    }


def where(profile):
    """Return the fields that say where a BLOCK or REFUSAL happened."""
    values = {}
    for name in ("line", "operator", "shift"):
        values[name] = profile.get(name, 0)
    values["trip"] = profile.get("trip", -1) & TRIP_NONE
    values["stop"] = profile.get("stop", -1) & STOP_NONE
    return values


def intent_values():
    """Return a dict with every field of INTENT, to be filled by each tap.

    Made once: a table of some 750 bytes is the largest piece that a tap would ask of the heap.
    """
    return {name: 0 for _bit, _width, name in INTENT.rows() if name != "free"}


def intent(values, seen, record, pricing, tariff, profile, mode):
    """Return an INTENT of the card `seen`; `pricing` is the Pricing of this tap.

    Shape: `values` is the dict of `intent_values`, whatever an earlier tap left in it.
    """
    card, tap, d = pricing.card, pricing.tap, pricing.decision
    values.update(announce(seen.uid, record))
    for name in JOURNEY:
        values["was_" + name] = seen.newest[name]
    for name in ("terminal", "operator", "shift"):
        values[name] = profile.get(name, 0)
    values["trip"] = tap[T_TRIP] & TRIP_NONE
    values["call"] = tap[T_CALL] & CALL_NONE
    values["stop"] = tap[T_STOP] & STOP_NONE
    values["picked"] = tap[T_PICKED]
    for name, place in DECIDED:
        values[name] = d[place]
    # Beside a right that carries its holder another product may pay for his companions: `rule`
    # names the right, `product` what paid.
    paying = d[D_PAID_BY] if 1 <= d[D_PAID_BY] <= SLOTS else 0
    slot = paying or d[D_SLOT]
    values["product_authority"] = card[C_ISSUER]
    values["product"] = card[C_PURSE_PRODUCT]
    values["product_zones"] = card[C_PURSE_ZONES]
    if paying:
        values["product"] = card[slot_at(paying - 1) + S_PRODUCT]
        values["product_zones"] = card[slot_at(paying - 1) + S_ZONES]
    at = slot_at(slot - 1) if slot else 0
    for name, place in USED:
        values[name] = card[at + place] if slot else 0
    counted = slot and card[at + S_DAY] and card[at + S_DAY] == d[D_DAY]
    values["use_counted"] = 1 if counted else 0
    if not counted:
        values["use_today"] = 0
    values["tariff"] = tariff.version
    values["semantics"] = tariff.semantics
    values["mode"] = mode
    return INTENT.pack(values)


def outcome(of, result, how, seen, gate, phases):
    """Return an OUTCOME of entry `of`.

    Shape: `seen` is a `Seen` of tap_card.py, `phases` milliseconds in the order of PHASES.
    """
    # Field by field: a dict of them all would be the largest piece that a tap asks of the heap.
    entry = bytearray(OUTCOME.size)
    put = OUTCOME.put
    entry[: len(seen.record)] = seen.record
    put(entry, "of", of)
    put(entry, "outcome", result)
    put(entry, "how", how)
    put(entry, "c", seen.counter)
    put(entry, "gate", gate)
    put(entry, "time", seen.time)
    put(entry, "clock", seen.clock)
    put(entry, "status", seen.status)
    put(entry, "attempts", seen.attempts)
    for i in range(len(PHASES)):
        put(entry, "ms_" + PHASES[i], min(max(phases[i], 0), PHASE_MS_MAX))
    return entry


def block(uid, record, action, listed, was_b, hotlist, profile, mode):
    """Return a BLOCK: `action` and `listed` (g) as the hotlist has them."""
    values = announce(uid, record)
    values.update(where(profile))
    values["action"] = action
    values["listed"] = listed
    values["was_b"] = was_b
    values["base"] = hotlist.version
    values["overlay"] = hotlist.overlay_version
    values["width"] = 1 if hotlist.base.width == len(uid) else 0
    values["mode"] = mode
    return BLOCK.pack(values)


def refusal(uid, reason, phase, seen, pricing, listed, tariff, profile, mode):
    """Return a REFUSAL; `pricing` None when nothing was priced, `tariff` None without one."""
    values = where(profile)
    values["uid"] = uid
    values["observed"] = seen.record
    values["c"] = seen.counter
    values["time"] = seen.time
    values["clock"] = seen.clock
    values["reason"] = reason
    values["phase"] = phase
    values["status"] = seen.status
    values["authority"] = profile.get("authority", 0)
    values["zone"] = profile.get("zone", 0)
    values["listed"] = listed
    values["mode"] = mode
    if tariff is not None:
        values["tariff"] = tariff.version
        values["semantics"] = tariff.semantics
    if pricing is not None:
        d = pricing.decision
        values["asked"] = d[D_AMOUNT]
        values["rule"] = d[D_RULE]
        values["zone"] = zones_first(tariff.here)
        values["to_zone"] = zones_first(pricing.tap[T_PICKED])
        values["product"] = d[D_PRODUCT]
        values["group"] = d[D_GROUP]
        values["companions"] = d[D_COMPANIONS]
    return REFUSAL.pack(values)
