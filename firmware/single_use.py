"""A code at the scanner, second half: is it genuine, was it used here, then journal it.

    GENUINE (in steps) -> accepted on this trip? -> row begun -> BARCODE durable -> row done

A cut between the row and its mark lets the same ticket pass once more, and the entry says so: the
passenger may not have seen green. Loaded for as long as signatures are checked.
Source: W-50, W-99, D9; trust.md T14; SPEC.md section 9.
"""

from card_layouts.answers import ACCEPTED, CODE_FORGED, CODE_USED
from card_layouts.codec.bits import Layout, table
from card_layouts.errors import SealError
from card_layouts.records.entries import BARCODE as BARCODE_TYPE
from card_layouts.records.entries_service import BARCODE, BARCODE_INSPECTED, BARCODE_REFUSED
from card_layouts.records.entries_tap import REASON_JOURNAL_FULL
from card_layouts.tickets.check import genuine_steps
from firmware.card_writer import FLAG_DEGRADED
from firmware.flash_rows import FlashRows, RowsWorn
from firmware.journal_errors import JournalFull
from firmware.partitions import USED_BLOCKS, USED_FIRST

ROW_BYTES = 16
KEY_BYTES = 9
# fmt: off
USED = Layout("USED", 13, table(
    "device", 20,
    "serial", 30,
    "trip", 20,
    "free", 2,
    "until", 25,
    "free", 7,
))
# fmt: on


def use_steps(singles, data, public, entry, row):
    """Check and use a code in steps; the generator's result is the answer, which it has shown.

    Shape: `data` its 200 bytes, `public` its authority's key, `entry` the BARCODE as it would be
    written, `row` (device, serial, last minute).
    """
    tap = singles.tap
    tap.mode = 0
    try:
        answer = yield from _judged(singles, data, public, entry, row)
    except JournalFull:
        answer = REASON_JOURNAL_FULL  # a dead block took the room
    return tap.end(answer)


def _judged(singles, data, public, entry, row):
    tap = singles.tap
    try:
        yield from genuine_steps(data, public, singles.known)
    except SealError:
        return CODE_FORGED
    if not tap.journal.admits_tap():
        return REASON_JOURNAL_FULL
    answer = BARCODE.get(entry, "answer")
    if BARCODE.get(entry, "event") == BARCODE_INSPECTED:
        return _journal(tap, entry, answer)
    if answer != ACCEPTED:
        return answer
    return (yield from _use(singles, entry, row))


def _use(singles, entry, row):
    """Accept the ticket unless it was accepted on this trip; journal either."""
    tap = singles.tap
    device, serial, until = row
    trip = BARCODE.get(entry, "trip")
    packed = USED.pack({"device": device, "serial": serial, "trip": trip, "until": until})
    used = FlashRows(singles.flash, USED_FIRST, USED_BLOCKS, ROW_BYTES)
    place = -1
    for at, found, done in used.rows():
        if found[:KEY_BYTES] == packed[:KEY_BYTES]:
            if done:
                BARCODE.put(entry, "event", BARCODE_REFUSED)
                return _journal(tap, entry, CODE_USED)
            place = at
            break
    yield
    if place >= 0:
        BARCODE.put(entry, "again", 1)
    else:
        try:
            place = used.append(packed)
        except RowsWorn:
            return REASON_JOURNAL_FULL
    answer = _journal(tap, entry, ACCEPTED)
    used.mark(place)
    if used.is_full():
        _make_room(tap, used)
    return answer


def _make_room(tap, used):
    """Begin a block before the next passenger comes; say if tickets still good are forgotten."""
    now = tap.clock.now()[0]
    for _place, found, _done in used.oldest():
        if USED.get(found, "until") * 60 >= now:
            tap.signals.signal("fault", "used tickets forgotten")
            break
    used.prepare()


def _journal(tap, entry, answer):
    """Make the entry durable; return the answer."""
    BARCODE.put(entry, "answer", answer)
    flags = FLAG_DEGRADED if BARCODE.get(entry, "mode") else 0
    tap.journal.append(BARCODE_TYPE, entry, flags)
    return answer
