"""One violation of every invariant, made by hand in a world that was sound: each must be noticed.

What is changed is what the invariant is about: a chip's EEPROM, a board's journal, the books.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from card_layouts.cards.card_layout import FILE_A, FILE_C, FILE_V
from card_layouts.settlement.lines import LINE_BYTES, RIDE, decode_line, encode_line
from simulator.desfire_card.image import ValueFile
from simulator.histories import agreement, heal, invariants, outsider, people, settled_days
from simulator.histories.chips import Chip
from simulator.histories.events import Event, draw
from simulator.histories.options import draw_options
from simulator.histories.places import DESK, gate_device
from simulator.histories.play import live
from simulator.histories.world import Violation, World

SEED, TAPS = 3, 12
SMALL: dict[str, Any] = {
    "edges": 1,
    "gates": 2,
    "days": 1,
}  # most of a history is time in which nothing happens
BLOCK = 1 << 24
GREEN = [("gate", "open"), ("lamp", "green"), ("answer", "ACCEPTED_GRACE")]


def fires(name: str) -> str:
    """Plant the violation; return what the check said, "" if it said nothing or something else.

    An invariant that can be broken in several ways has a name for each, which begins with its id.
    """
    options = draw_options(SEED, TAPS, ())._replace(**SMALL)
    world = World(options)
    try:
        live(world, draw(options))
        try:
            VIOLATIONS[name](world)
            world.check()
        except Violation as found:
            return str(found) if found.invariant == name.split()[0] else ""
        return ""
    finally:
        world.close()


def _chip(world: World) -> Chip:
    return world.chips[0]


def _change(world: World, **changes: int) -> None:
    """Add to value files of the first chip, past all keys."""
    files = _chip(world).image.applications[_chip(world).aid].files
    for number, name in ((FILE_V, "v"), (FILE_C, "c"), (FILE_A, "a")):
        file = files[number]
        assert isinstance(file, ValueFile)
        files[number] = replace(file, value=file.value + changes.get(name, 0))


def _look(world: World, device: int, name: str = "") -> None:
    """Have the model look at the first card at a device; raise what it finds of `name`."""
    people.look(world, people.Presentation(_chip(world), world.boards[device]))
    for invariant, sentence in world.model.wrong:
        if invariant == name:
            raise Violation(invariant, sentence)


def _write(world: World, sql: str) -> None:
    """Write into the books behind the ledger's back, and have the last commit checked."""
    connection = sqlite3.connect(world.inland.books)
    with connection:
        connection.execute(sql)
    connection.close()


def _i1(world: World) -> None:
    _change(world, v=100)
    _look(world, gate_device(0), "I1")


def _i2(world: World) -> None:
    _change(world, c=-2)
    _look(world, gate_device(0), "I2")


def _i3(world: World) -> None:
    _change(world, v=-100)
    invariants.i3_money_is_conserved(world)


def _i4(world: World) -> None:
    _write(
        world,
        "INSERT INTO postings SELECT max(id) + 1, max(transfer) + 1, account, 5, currency,"
        " authority, rule, NULL, NULL, NULL FROM postings",
    )
    world.books.after_commit()


def _i5(world: World) -> None:
    _write(world, "UPDATE cards SET d = d + 1")
    world.books.after_commit()


def _i5_posted(world: World) -> None:
    """Take five cents from a card that no entry tells of, in balance."""
    for kind, cents in (("LIAB", -5), ("REV", 5)):
        _write(
            world,
            f"INSERT INTO postings SELECT (SELECT max(id) + 1 FROM postings), 99999, a.id, {cents},"
            " a.currency, a.authority, 'P1', NULL, NULL, NULL FROM accounts a"
            f" WHERE a.kind = '{kind}' ORDER BY a.id LIMIT 1",
        )
    world.books.after_commit()
    invariants.i5_within_open_intents(world)


def _i6(world: World) -> None:
    world.boards[gate_device(0)]._before_commit(None)
    world.boards[gate_device(0)]._before_commit(None)


def _i7(world: World) -> None:
    _write(world, "INSERT INTO resolutions SELECT min(id), 'V1', NULL, 0 FROM pendings")
    world.books.after_commit()


def _i8(world: World) -> None:
    _open_again(world)
    agreement.i8_suspense_is_empty(world, {"outcomes_unmatched": 0}, set())


def _i9(world: World) -> None:
    _write(
        world,
        "INSERT INTO entries SELECT (SELECT max(id) + 1 FROM entries), device, epoch, 9999, type,"
        " layout, flags, card, of, hash, slot, received FROM entries WHERE id = 1",
    )
    world.books.after_commit()


def _i10(world: World) -> None:
    """Settle once more what a batch has settled."""
    fullest = "(SELECT batch FROM settlement_lines ORDER BY length(lines) DESC LIMIT 1)"
    _write(
        world,
        "INSERT INTO settlement_lines SELECT (SELECT max(id) + 1 FROM settlement_lines),"
        " (SELECT max(id) + 1 FROM settlement_batches), place, lines FROM settlement_lines"
        f" WHERE batch = {fullest}",
    )
    _write(
        world,
        "INSERT INTO settlement_batches SELECT id + 1, day + 1, closed_at, entries_last,"
        " ride_postings_last, postings_last, quarantine_last, lines, body, signature"
        " FROM settlement_batches ORDER BY id DESC LIMIT 1",
    )
    settled_days.i10_settled_once(world)


def _i10_changed(world: World) -> None:
    """Change what a closed batch says of a tap, as somebody may who drops the triggers."""
    _write(world, "DROP TRIGGER settlement_lines_no_update")
    _write(
        world,
        "UPDATE settlement_lines SET lines = CAST(substr(lines, 1, 119) ||"
        " CASE substr(lines, 120, 1) WHEN x'00' THEN x'01' ELSE x'00' END ||"
        " substr(lines, 121) AS BLOB) WHERE id = 1",
    )
    settled_days.i10_settled_once(world)


def _i10_invented(world: World) -> None:
    """Let a batch have been closed over an entry that no books hold."""
    _write(world, "DROP TRIGGER settlement_lines_no_update")
    number, lines = next(
        (number, lines)
        for number, lines in world.books.rows("SELECT batch, lines FROM settlement_lines")
        if lines
    )
    line = encode_line(decode_line(lines[:LINE_BYTES])._replace(kind=RIDE, seq=999_999))
    whole = (line + lines[LINE_BYTES:]).hex()
    _write(world, f"UPDATE settlement_lines SET lines = x'{whole}' WHERE batch = {number}")
    world.books.batches.clear()  # nobody saw it before
    settled_days.i10_settled_once(world)


def _i10_outside(world: World) -> None:
    """Give out the lines of a batch without the last one."""
    path = min((world.inland.folder / "exported").glob("lines-*.bin"))
    path.write_bytes(path.read_bytes()[:-LINE_BYTES])
    outsider.outsider_agrees(world)


def _i10_left_out(world: World) -> None:
    """Post taps and close no day after them."""
    for card in range(world.options.cards):
        people.tap(world, Event(world.now_s, "tap", card, gate_device(0), salt=1))
    heal.drain(world)
    settled_days.i10_all_settled(world)


def _i10_posted_twice(world: World) -> None:
    for sign in ("", "-"):
        _write(
            world,
            f"INSERT INTO postings SELECT (SELECT max(id) + 1 FROM postings), 99999, account,"
            f" {sign}5, currency, authority, 'P1', pending, NULL, NULL FROM postings"
            " WHERE pending IS NOT NULL LIMIT 1",
        )
    world.books.after_commit()


def _i11(world: World) -> None:
    _change(world, v=1000, c=-1, a=-1)
    _look(world, DESK, "I11")


def _i12(world: World) -> None:
    """Have a board erase what it has not yet told anybody."""
    _untold(world)._first_kept += 2
    invariants.i12_nothing_is_lost(world)


def _i12_gone(world: World) -> None:
    """Have a board erase what the ledger has held and holds no more, nor anybody else."""
    journal = _untold(world)
    world.books.ever |= {(journal.device, seq) for seq in range(journal.head_seq + 1)}
    journal._first_kept = journal.head_seq + 1
    invariants.i12_nothing_is_lost(world)


def _i12_believed(world: World) -> None:
    """Have a board believe an acknowledgement of what it has not yet told anybody."""
    journal = _untold(world)
    journal.acked_seq = journal.head_seq
    invariants.i12_nothing_is_lost(world)


def _untold(world: World) -> Any:
    """Return a journal whose newest entries nobody else has yet."""
    people.tap(world, Event(world.now_s, "tap", 0, gate_device(0), salt=1))
    board = world.boards[gate_device(0)]
    board.witness()
    board.journal._first_kept = board.journal.acked_seq
    return board.journal


def _i13(world: World) -> None:
    _change(world, v=-777, c=-1)
    _look(world, gate_device(0), "I13")


def _i14(world: World) -> None:
    world.boards[gate_device(0)].shown.rows = list(GREEN)
    _look(world, gate_device(0), "I14")


def _i15(world: World) -> None:
    _change(world, c=-BLOCK - 1)
    world.boards[gate_device(0)].shown.rows = list(GREEN)
    _look(world, gate_device(0), "I15")


def _i16(world: World) -> None:
    _open_again(world)
    invariants.i16_suspense_is_told(world)


def _i16_written_off(world: World) -> None:
    """Write an intent off at once, as rule X does."""
    _write(world, "INSERT INTO resolutions SELECT id, 'X', NULL, received FROM entries e"
           " WHERE id = (SELECT min(id) FROM pendings)")  # fmt: skip
    invariants.i16_suspense_is_told(world)


def _open_again(world: World) -> None:
    """Put an intent that is settled back among the open ones."""
    _write(
        world,
        "INSERT INTO open_intents SELECT p.id, p.card, e.device, e.epoch, e.seq, 0, 1, x'00', 0"
        " FROM pendings p JOIN entries e ON e.id = p.id LIMIT 1",
    )


VIOLATIONS: dict[str, Callable[[World], None]] = {
    "I1": _i1, "I2": _i2, "I3": _i3, "I4": _i4, "I5": _i5, "I5 posted": _i5_posted, "I6": _i6,
    "I7": _i7, "I8": _i8, "I9": _i9, "I10": _i10, "I10 changed": _i10_changed,
    "I10 invented": _i10_invented, "I10 left out": _i10_left_out,
    "I10 posted twice": _i10_posted_twice, "I10 outside": _i10_outside, "I11": _i11,
    "I12": _i12, "I12 gone": _i12_gone, "I12 believed": _i12_believed, "I13": _i13, "I14": _i14,
    "I15": _i15, "I16": _i16, "I16 written off": _i16_written_off,
}  # fmt: skip
