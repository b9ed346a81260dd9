"""A driver's shift: signed on by number and PIN, its start and its end in the journal.

The journal's counters are the shift: whoever is signed on in them is signed on after a power cut,
too. Signing on again takes up what is open and journals nothing. Another driver who signs on ends
the shift before, which says so: both owe what they sold themselves, to the cent. Loaded for the
length of one message. Source: W-14, W-17, R-22, R-23, T18; SHIFT of card_layouts/SPEC.md.
"""

from card_layouts.answers import name_of
from card_layouts.crypto.pin import DRIVER_MAX, PIN_LEAST, PIN_MOST, is_known, pin_row
from card_layouts.records.entries import SHIFT as SHIFT_TYPE
from card_layouts.records.entries_device import (
    COUNTED_NONE,
    LOGIN_PIN,
    SHIFT,
    SHIFT_END,
    SHIFT_RUN_RESET,
    SHIFT_START,
)
from card_layouts.records.entries_tap import (
    REASON_JOURNAL_FULL,
    REASON_NO_SHIFT,
    STOP_NONE,
    TRIP_NONE,
)
from card_layouts.records.slot import FLAG_LAST_OF_SHIFT
from firmware.journal_errors import JournalFull

SHIFT_MAX = (1 << 12) - 1
COUNT_MAX = (1 << 16) - 1
WRONG_MAX, LOCKED_MS = 5, 300_000  # then no PIN is looked at for a while: four digits are few
DIGITS_MAX = 10
PROFILE = ("operator", "vehicle", "authority", "line")
# Fields of SHIFT that say what the counters counted.
COUNTED = (
    ("first_seq", "shift_seq"),
    ("first_ticket", "first_ticket"),
    ("charged", "shift_taps"),
    ("passed", "shift_passed"),
    ("refused", "shift_refused"),
    ("value", "shift_value"),
    ("voids", "voids"),
    ("void_cents", "void_cents"),
    ("cash", "cash"),
)


class Unsigned(Exception):
    """Nobody is signed on or off by this message; `why` is a word for the driver's screen."""

    def __init__(self, why):
        super().__init__(why)
        self.why = why


def shift_steps(singles, word, rest):
    """Carry out signon, signoff or run; signals shift or unsigned. The generator's result is 0."""
    yield
    values = singles.tap.journal.counters.values
    driver = values["driver"]
    words = rest.split()
    try:
        if word == "signon":
            driver = _number(words, 0)
            _sign_on(singles, driver, words)
        elif word == "signoff":
            _sign_off(singles, driver, words)
        else:
            _append(singles, SHIFT_RUN_RESET, driver)
            _say(singles, "run", driver)
    except Unsigned as unsigned:
        singles.tap.signals.signal("unsigned", "%d %s" % (driver, unsigned.why))
    except JournalFull:  # a dead block took the room: what is not durable has not happened
        singles.tap.signals.signal("unsigned", "%d %s" % (driver, name_of(REASON_JOURNAL_FULL)))
    return 0


def _sign_on(singles, driver, words):
    journal = singles.tap.journal
    values = journal.counters.values
    if len(words) != 2 or not 1 <= driver <= DRIVER_MAX:
        raise Unsigned("BAD_MESSAGE")
    _check_pin(singles, driver, words[1])
    if values["driver"] != driver:
        if not journal.admits_tap():
            raise Unsigned(name_of(REASON_JOURNAL_FULL))
        if values["driver"]:
            _end(singles, COUNTED_NONE, driver)
        _append(singles, SHIFT_START, driver, {"shift": values["shift"] % SHIFT_MAX + 1})
    _say(singles, "open", driver)


def _sign_off(singles, driver, words):
    if not driver:
        raise Unsigned(name_of(REASON_NO_SHIFT))
    if not 1 <= len(words) <= 2:
        raise Unsigned("BAD_MESSAGE")
    counted = _number(words, 1) if len(words) == 2 else COUNTED_NONE
    if len(words) == 2 and counted >= COUNTED_NONE:
        raise Unsigned("BAD_MESSAGE")
    _check_pin(singles, driver, words[0])
    _end(singles, counted, 0)


def _check_pin(singles, driver, pin):
    """Raise Unsigned unless it is this driver's; after some wrong ones none is looked at."""
    now = singles.tap.clock.ticks_ms()
    if now < singles.locked_until:
        raise Unsigned("LOCKED")
    keys = singles.tap.keys
    digits = _is_number(pin) and PIN_LEAST <= len(pin) <= PIN_MOST
    if digits and is_known(keys.pins, pin_row(keys.cfg, driver, pin)):
        singles.wrong_pins = 0
        return
    singles.wrong_pins += 1
    if singles.wrong_pins >= WRONG_MAX:
        singles.wrong_pins = 0
        singles.locked_until = now + LOCKED_MS
    raise Unsigned("WRONG_PIN")


def _end(singles, counted, ended_by):
    """End the open shift with the device's own totals."""
    journal = singles.tap.journal
    values = journal.counters.values
    driver = values["driver"]
    said = {field: values[name] for field, name in COUNTED}
    tickets = journal.counters.next_ticket() - values["first_ticket"] - values["voids"]
    said["tickets"] = min(tickets, COUNT_MAX)
    open_rows = [row for row in journal.open_intents if row[2] >= values["shift_seq"]]
    said["unknown"] = len(open_rows)
    said["counted"] = counted
    said["ended_by"] = ended_by
    _append(singles, SHIFT_END, driver, said)
    _say(singles, "closed", driver)


def _append(singles, event, driver, more=None):
    """Journal an event; what is durable then counts at once. Raises: Unsigned if nothing fits."""
    tap = singles.tap
    journal = tap.journal
    if not journal.free_slots():
        raise Unsigned(name_of(REASON_JOURNAL_FULL))
    profile = tap.profile
    tap.mode = 0
    now, clock = tap.clock.now()
    entry = bytearray(SHIFT.size)
    fields = {"time": now, "clock": clock, "event": event, "driver": driver}
    fields["login"] = LOGIN_PIN if driver else 0
    fields["shift"] = journal.counters.values["shift"]
    fields["trip"] = profile.get("trip", -1) & TRIP_NONE
    fields["stop"] = profile.get("stop", -1) & STOP_NONE
    fields["first_seq"] = journal.head_seq + 1
    fields["first_ticket"] = fields["next_ticket"] = journal.counters.next_ticket()
    fields["counted"] = COUNTED_NONE
    fields.update(more or {})
    for name in PROFILE:
        fields[name] = profile.get(name, 0)
    for name in fields:
        SHIFT.put(entry, name, fields[name])
    last = FLAG_LAST_OF_SHIFT if event == SHIFT_END else 0
    journal.append(SHIFT_TYPE, entry, tap.flags() | last)
    singles.take_up()


def _say(singles, what, driver):
    shift = singles.tap.journal.counters.values["shift"]
    singles.tap.signals.signal("shift", "%s %d %d" % (what, shift, driver))


def _is_number(word):
    """Return whether a word is plain digits: what int() takes differs by runtime."""
    return 1 <= len(word) <= DIGITS_MAX and not [c for c in word if not "0" <= c <= "9"]


def _number(words, at):
    """Return the number in word `at`. Raises: Unsigned."""
    if at >= len(words) or not _is_number(words[at]):
        raise Unsigned("BAD_MESSAGE")
    return int(words[at])
