"""The BOOT entry: what a device found when it was switched on.

Source: SPEC.md BOOT; trust.md T15, T16, T27.
"""

from card_layouts.records.entries_device import BOOT, BOOT_BOOT, CAUSE_POWER

TORN_MAX = 255
OPEN_MAX = 15
FREE_MAX = 65535
WEAR_MAX = (1 << 24) - 1


def boot_entry(journal, now, source, image_hash, version):
    """Return the 96 bytes of a BOOT.

    Shape: image_hash is the first 16 bytes of the image's SHA-256, version "1.2.3" or so.
    """
    return BOOT.pack(
        {
            "firmware": image_hash,
            "time": now,
            "clock": source,
            "event": BOOT_BOOT,
            "cause": CAUSE_POWER,
            "version": version_number(version),
            "floor": journal.counters.values["floor"],
            "torn": min(journal.torn, TORN_MAX),
            "open": min(len(journal.open_intents), OPEN_MAX),
            "free_slots": min(journal.free_slots(), FREE_MAX),
            "worst_wear": min(journal.wear, WEAR_MAX),
        }
    )


def version_number(version):
    """Return a version as the number entries hold: 1.2.3 is 10203."""
    number = 0
    for part in version.split("."):
        number = 100 * number + int(part)
    return number
