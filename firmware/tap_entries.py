"""What a tap writes into the journal: the 96-byte payloads of INTENT, OUTCOME, BLOCK, REFUSAL.

Every field of R-21 and every input of re-rating (D14) is filled in here and nowhere else. Usage
fields stay 0: products that count use (file T) are not on this path yet.

Source: SPEC.md section 3; decisions.md D14, D15; rerate.py reads these fields back.
"""

from card_layouts.cards.card_layout import G_BYTES
from card_layouts.cards.zones import zone_bit
from card_layouts.records.entries import BODY_END, H_END
from card_layouts.records.entries import UID_END as PREFIX_END
from card_layouts.records.entries_tap import BLOCK, CALL_NONE, INTENT, OUTCOME, REFUSAL

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
    for name in ("line", "trip", "stop", "operator", "shift"):
        values[name] = profile.get(name, 0)
    return values


def intent(uid, record, newest, choice, tariff, profile, mode):
    """Return an INTENT: `newest` fields as found, `choice` as `tap_decide.Choice`."""
    charge = choice.charge
    values = announce(uid, record)
    for name in JOURNEY:
        values["was_" + name] = newest[name]
    for name in ("terminal", "operator", "trip", "stop", "shift"):
        values[name] = profile.get(name, 0)
    values["concession"] = charge.concession
    values["group"] = choice.rider.group
    values["full"] = charge.full
    values["reduction"] = charge.reduction
    values["call"] = CALL_NONE
    values["picked"] = zone_bit(choice.place.to_zone)
    values["product"] = choice.rider.product
    values["product_authority"] = choice.issuer
    values["product_zones"] = choice.rider.zones
    values["tariff"] = tariff.version
    values["semantics"] = tariff.semantics
    values["rule"] = charge.rule
    values["mode"] = mode
    return INTENT.pack(values)


def outcome(of, result, how, seen, gate, phases):
    """Return an OUTCOME of entry `of`.

    Shape: `seen` is a `Seen` of tap_card.py, `phases` milliseconds in the order of PHASES.
    """
    values = {
        "observed": seen.record,
        "of": of,
        "outcome": result,
        "how": how,
        "c": seen.counter,
        "time": seen.time,
        "clock": seen.clock,
        "status": seen.status,
        "attempts": seen.attempts,
        "gate": gate,
    }
    for i in range(len(PHASES)):
        values["ms_" + PHASES[i]] = min(max(phases[i], 0), PHASE_MS_MAX)
    return OUTCOME.pack(values)


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


def refusal(uid, reason, phase, seen, choice, listed, tariff, profile, mode):
    """Return a REFUSAL; `choice` None when nothing was priced, `tariff` None when there is none."""
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
    if choice is not None:
        values["asked"] = choice.charge.amount
        values["rule"] = choice.charge.rule
        values["to_zone"] = choice.place.to_zone
        values["product"] = choice.rider.product
        values["group"] = choice.rider.group
        values["companions"] = choice.rider.companions
    return REFUSAL.pack(values)
