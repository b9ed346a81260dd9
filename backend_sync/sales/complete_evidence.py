"""What is still missing before a shift's cash may be judged: the Horizon rule.

A difference is shown only when this list is empty. Each doubt is a sentence; doubts that pass by
themselves when journals arrive say what is waited for, the others are for a person, and none of
them is ever at the clerk's cost. Source: trust.md section 2 (Post Office Horizon), T18.
"""

from collections import Counter
from typing import NamedTuple

from backend_sync.ledger import ranges
from backend_sync.ledger.results import POSTED, VOIDED
from backend_sync.sales.shift_journal import Shift, ShiftName
from backend_sync.storage.database import Database

# A slot that was refused says nothing once the genuine one is held under its number.
VEHICLE = "CASH:vehicle"  # : clerk
ONLY_BYTES = ("BAD_SEAL", "BAD_FORMAT", "UNKNOWN_LAYOUT")


class Doubt(NamedTuple):
    """Why nothing is decided."""

    waits: bool  # True: it may pass when more of the journal comes; False: for a person
    words: str


def doubts(database: Database, shift: Shift | None, name: ShiftName) -> list[Doubt]:
    """Return every reason why the cash of this shift cannot be judged now."""
    if shift is None:
        return [Doubt(True, f"waiting for the start and end of {name}: {_held(database, name)}")]
    found = [
        *_holes(database, shift),
        *_quarantined(database, shift),
        *_suspended(database, shift),
    ]
    if shift.end is None:
        words = f"waiting for the end of {name}: {_held(database, name)}"
        return [Doubt(True, words), *found]
    if shift.refused:
        numbers = ranges.text([(seq, seq) for seq in shift.refused])
        found.append(Doubt(False, f"entries {numbers} of device {name.device} do not open"))
    # What the device itself says of its shift is compared only when all of it is here.
    return found or [
        *_doubled(shift), *_loaded(database, shift), *_totals(shift), *_booked(database, shift)
    ]  # fmt: skip


def _held(database: Database, name: ShiftName) -> str:
    rows = database.rows("SELECT seq FROM devices WHERE device = ? AND epoch = ?", name[:2])
    if not rows:
        return f"nothing of device {name.device} epoch {name.epoch} has come"
    return f"its journal is held up to seq {rows[0][0]}"


def _holes(database: Database, shift: Shift) -> list[Doubt]:
    device = shift.name.device
    rows = database.rows(
        "SELECT first_seq, seq, held FROM devices WHERE device = ? AND epoch = ?", shift.name[:2]
    )
    if not rows:
        return [Doubt(True, _held(database, shift.name))]
    first_seq, seq, held = rows[0]
    if seq >= shift.last_seq:
        return []
    # Until the journal's beginning has come, the watermark stands below its first number.
    low = max(seq + 1, first_seq or 1)
    missing = ranges.holes(ranges.parse(held), low, shift.last_seq)
    lost = lost_ranges(database, shift.name)
    inside = [row for row in lost if row[1] >= shift.first_seq and row[0] <= shift.last_seq]
    found = [
        _lost_for_ever(shift.name, row) for row in inside if ranges.less(missing, [row]) != missing
    ]
    # What two people gave up stands in no later shift's way.
    left = ranges.less(missing, lost)
    if left or not missing:
        words = _numbers(left) or "the beginning"
        found.append(Doubt(True, f"waiting for {words} of device {device}"))
    return found


def lost_ranges(database: Database, name: ShiftName) -> list[tuple[int, int]]:
    """Return what people have given up of a device's journal, as (first, last)."""
    sql = "SELECT first_seq, last_seq FROM lost_slots WHERE device = ? AND epoch = ? ORDER BY id"
    return [(int(first), int(last)) for first, last in database.rows(sql, name[:2])]


def damaged(database: Database, name: ShiftName, first: int, last: int) -> list[tuple[int, str]]:
    """Return (seq, reason) of slots of which nothing but bytes that do not open has come."""
    reasons = ", ".join(f"'{reason}'" for reason in ONLY_BYTES)
    rows = database.rows(
        "SELECT DISTINCT q.seq, q.reason FROM quarantine q LEFT JOIN held_entries e"
        " ON e.device = q.device AND e.epoch = q.epoch AND e.seq = q.seq"
        " WHERE q.device = ? AND q.epoch = ? AND q.seq BETWEEN ? AND ? AND e.id IS NULL"
        f" AND q.reason IN ({reasons}) ORDER BY q.seq, q.reason",
        (*name[:2], first, last),
    )
    return [(int(seq), reason) for seq, reason in rows]


def _lost_for_ever(name: ShiftName, row: tuple[int, int]) -> Doubt:
    words = f"{_numbers([row])} of device {name.device} are lost for ever, as two people have"
    return Doubt(False, f"{words} decided: nobody is charged with what they held")


def _numbers(rows: list[tuple[int, int]]) -> str:
    return ", ".join(f"seq {a}..{b}" if b > a else f"seq {a}" for a, b in rows)


def _quarantined(database: Database, shift: Shift) -> list[Doubt]:
    name, device = shift.name, shift.name.device
    lost = lost_ranges(database, name)
    bad = damaged(database, name, shift.first_seq, shift.last_seq)
    # What came damaged may come once more, until two people give it up.
    given_up = [row for row in lost if any(row[0] <= seq <= row[1] for seq, _ in bad)]
    found = [_lost_for_ever(name, row) for row in given_up]
    found += [
        Doubt(True, f"seq {seq} of device {device} is quarantined: {reason}")
        for seq, reason in bad if not ranges.contains(given_up, seq)
    ]  # fmt: skip
    rows = database.rows(
        "SELECT DISTINCT q.seq, q.reason, coalesce(c.issued, 0) FROM quarantine q"
        " LEFT JOIN held_entries e ON e.device = q.device AND e.epoch = q.epoch AND e.seq = q.seq"
        " LEFT JOIN cards c ON c.id = e.card"
        " WHERE q.device = ? AND q.epoch = ? AND q.seq BETWEEN ? AND ? ORDER BY q.seq, q.reason",
        (*name[:2], shift.first_seq, shift.last_seq),
    )
    return found + [
        Doubt(reason == "UNKNOWN_CARD", f"seq {seq} of device {device} is quarantined: {reason}")
        for seq, reason, issued in rows
        if reason not in ONLY_BYTES and not (issued and reason == "UNKNOWN_CARD")
    ]


def _suspended(database: Database, shift: Shift) -> list[Doubt]:
    rows = database.rows(
        "SELECT seq FROM open_intents WHERE device = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        " AND bits = 0 ORDER BY seq",
        (*shift.name[:2], shift.first_seq, shift.last_seq),
    )
    return [
        Doubt(True, f"waiting for what became of seq {row[0]} of device {shift.name.device}"
                    " (in suspense)")
        for row in rows
    ]  # fmt: skip


def _doubled(shift: Shift) -> list[Doubt]:
    """A sale journalled twice was paid once: the software's fault, never the clerk's."""
    found = []
    for what, numbers in (
        ("ticket", [sale.ticket for sale in shift.sales]),
        ("order", [sale.order for sale in shift.sales if sale.order and not sale.void_of]),
        ("void of ticket", [sale.void_of for sale in shift.sales if sale.void_of]),
    ):
        for number, times in Counter(numbers).items():
            if times > 1:
                found.append(Doubt(False, f"{what} {number} stands in {times} entries"))
    sold = {sale.ticket: sale for sale in shift.sales if not sale.void_of}
    for sale in shift.sales:
        of = sold.get(sale.void_of)
        if sale.void_of and (of is None or of.cents != -sale.cents or of.in_cash != sale.in_cash):
            words = f"seq {sale.seq} takes back ticket {sale.void_of}, which is not of this shift"
            found.append(Doubt(False, words if of is None else f"{words} as it was sold"))
    return found


def _loaded(database: Database, shift: Shift) -> list[Doubt]:
    """A load for cash is one sale of its own, and known to be on its card or not."""
    found = [
        Doubt(False, f"evidence for and against the load of seq {load.seq}")
        for load in shift.loads
        if load.state not in (POSTED, VOIDED)
    ]
    actions = {load.action: load for load in shift.loads}
    rows = database.rows_in("SELECT action, sale FROM sales WHERE action IN {}", sorted(actions))
    return found + [
        Doubt(False, f"the load of seq {actions[action].seq} is sold as {sale}, too")
        for action, sale in rows
        if sale != sale_of(shift.name, actions[action].seq)
    ]


def sale_of(name: ShiftName, seq: int) -> str:
    """Return the id under which a load for cash is a sale of the ledger."""
    return f"vehicle:{name.device}:{name.epoch}:{seq}"


def _totals(shift: Shift) -> list[Doubt]:
    """Compare the entries with what the device counted itself, entry by entry, as it went."""
    end = shift.end or {}
    voids = [sale for sale in shift.sales if sale.void_of]
    said = {
        "tickets": len(shift.sales) - len(voids),
        "voids": len(voids),
        "void_cents": -sum(sale.cents for sale in voids),
        "cash": sum(sale.cents for sale in shift.sales if sale.in_cash),
        "loads": sum(load.cents for load in shift.loads if load.state == POSTED),
    }
    found = [
        Doubt(False, f"the device's own end of shift says {name} {end[name]}, its entries {value}")
        for name, value in said.items()
        if end[name] != value
    ]
    first, after = end["first_ticket"], end["next_ticket"]
    numbers = sorted(sale.ticket for sale in shift.sales)
    if numbers != list(range(first, first + len(numbers))) or first + len(numbers) != after:
        have = ranges.text(ranges.joined([], [(n, n) for n in numbers])) or "none"
        words = f"tickets {first}..{after - 1} were numbered, entries have {have}"
        found.append(Doubt(False, words))
    if shift.start and end["first_seq"] not in (0, shift.first_seq):
        found.append(Doubt(False, f"the end says the shift began at seq {end['first_seq']},"
                                  f" its start is seq {shift.first_seq}"))  # fmt: skip
    return found


def _booked(database: Database, shift: Shift) -> list[Doubt]:
    """Compare with what the ledger booked to the clerks' cash for these very entries."""
    wanted: Counter[str] = Counter()
    for sale in shift.sales:
        if sale.in_cash:
            wanted[f"{VEHICLE}:{sale.clerk}"] += sale.cents
    booked: Counter[str] = Counter()
    for name, cents in database.rows_in(
        "SELECT a.name, p.cents FROM postings p JOIN accounts a ON a.id = p.account"
        " WHERE a.kind = 'CASH' AND p.pending IS NULL AND p.entry IS NOT NULL AND p.entry IN {}",
        sorted({sale.entry for sale in shift.sales}),
    ):
        if name.startswith(f"{VEHICLE}:"):
            booked[name] -= cents
    return [
        Doubt(False, f"the books have {booked[name]} cents of these sales in {name},"
                     f" the journal {wanted[name]}")
        for name in sorted({*wanted, *booked})
        if wanted[name] != booked[name]
    ]  # fmt: skip
