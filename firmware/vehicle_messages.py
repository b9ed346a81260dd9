"""What the vehicle's computer, the driver and the passenger's keys tell a validator.

A message is a word and whole numbers: "place LINE TRIP CALL STOP" says where we are (W-36), "zones
MASK" which zones the next passenger picked (W-34, W-64), "party ADULTS YOUTHS CHILDREN" whom he
pays for besides himself (W-62). A number that no journal entry could hold is refused here, for a
tap must never stumble over it. Knows no ports.
"""

from card_layouts.cards.card_layout import COMPANIONS_MAX
from card_layouts.records.entries_tap import CALL_NONE, STOP_NONE, TRIP_NONE

# A number's name, and the smallest and largest it may be; -1 = not known.
PLACE = (
    ("line", 0, 1023),
    ("trip", -1, TRIP_NONE - 1),
    ("call", -1, CALL_NONE - 1),
    ("stop", -1, STOP_NONE - 1),
)
ZONES = (("picked", 0, 0x7FFF),)
PARTY = (
    ("adults", 0, COMPANIONS_MAX),
    ("youths", 0, COMPANIONS_MAX),
    ("children", 0, COMPANIONS_MAX),
)
DIGITS_MAX = 7
MESSAGES = {"place": PLACE, "zones": ZONES, "party": PARTY}


def read_message(text):
    """Return what a message changes in the profile as {name: number}, or None if it is none."""
    words = text.strip(" \r\n").split(" ")
    fields = MESSAGES.get(words[0]) if words else None
    if fields is None or len(words) != len(fields) + 1:
        return None
    values = {}
    for i in range(len(fields)):
        name, least, most = fields[i]
        value = _number(words[i + 1])
        if value is None or not least <= value <= most:
            return None
        values[name] = value
    if fields is PARTY and sum(values.values()) > COMPANIONS_MAX:
        return None
    return values


def _number(word):
    """Return a whole number in plain digits, or None: what int() takes differs by runtime."""
    digits = word[1:] if word[:1] == "-" else word
    if not 1 <= len(digits) <= DIGITS_MAX:
        return None
    for digit in digits:
        if not "0" <= digit <= "9":
            return None
    return int(word)


def forget_choices(profile):
    """What was chosen for one passenger is not for the next one."""
    for name, _least, _most in ZONES + PARTY:
        profile.pop(name, None)
