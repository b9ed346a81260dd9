"""`tornello card personalise --batch FILE`: one blank card after another becomes a transit card.

Ends when every number of the batch is on a card that is made or spoilt; started again it goes on.
"""

import argparse
import json
from pathlib import Path

from card_layouts.cards.card_number import parse_card_number
from card_layouts.cards.issue import STATE_NAMES, STATE_SPOILT, STATE_VERIFIED
from card_layouts.errors import LayoutError
from edge_agent.counter.card_read import add_wait_option
from edge_agent.counter.desk import CounterError, Desk, add_reader_option, positive
from edge_agent.counter.issue_batch import IssueBatch, read_batch
from edge_agent.counter.issue_register import IssueRegister
from edge_agent.counter.issue_station import IssueStation, read_station
from edge_agent.counter.issuing import (
    AGAIN,
    ERROR_GIVEN_UP,
    LOST,
    MADE,
    Issuing,
    Outcome,
    reason_of,
)
from edge_agent.ports import CardFound, CardReader, Clock, ManyCards

WAIT_S = 300
SWAPPED_MS = 500  # how soon a card is noticed that was laid down for another at once
CLERK_MAX = (1 << 24) - 1
REGISTER, ISSUES, BATCHES = ".register", ".issues", ".batches"  # beside the batch file
NO_UNDO = (
    "There is no undo: a card that was begun never becomes blank again, nor is its number given to "
    "another. Files beside FILE: .register (every step, durable before the card is touched), "
    ".issues (finished cards, for `tornello ledger import-issues`). Keep both: 0600, UIDs inside. "
    "And .batches: what all cards were given, for `tornello ledger import-batches`."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `card personalise`."""
    parser.epilog = f"{NO_UNDO} {parser.epilog or ''}"
    parser.add_argument("--batch", type=Path, required=True, metavar="FILE", help="TOML batch file")
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help="the station's keys, mode 600: what `keyring provision --kind issuer` prints",
    )
    add_reader_option(parser)
    add_wait_option(parser, WAIT_S)
    parser.add_argument("--count", type=positive, metavar="N", help="stop after N cards made")
    parser.add_argument("--clerk", type=int, default=0, metavar="N", help="who does it (register)")
    parser.add_argument("--status", action="store_true", help="say how far the batch is, no reader")
    parser.add_argument(
        "--give-up", metavar="NUMBER", help="count the unfinished card NUMBER as spoilt"
    )


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Work on the batch; 0 when it is complete, or the N cards are made."""
    if not 0 <= options.clerk <= CLERK_MAX:
        raise CounterError(f"--clerk {options.clerk}: wanted 0..{CLERK_MAX}")
    if options.batch.suffix in (REGISTER, ISSUES, BATCHES):
        raise CounterError(f"{options.batch}: a file of this name is written here; name it .toml")
    batch = read_batch(options.batch)
    if options.status and not _place(batch, REGISTER).exists():
        print(f"batch {batch.number}: nothing made yet of {batch.count}")
        return 1
    working = not options.status and options.give_up is None
    station = _station(options, batch) if working else None
    register = IssueRegister(_place(batch, REGISTER), batch)
    try:
        if register.cut_bytes:
            print(f"the last run was cut off: {register.cut_bytes} bytes of a row were left out")
        if station is not None:
            return _work(options, station, register, desk)
        if options.give_up is not None:
            _give_up(options.give_up, register)
        return _finish(register)
    finally:
        register.close()


def _station(options: argparse.Namespace, batch: IssueBatch) -> IssueStation:
    if options.keys is None:
        raise CounterError("--keys FILE is missing: the station's keys")
    station = read_station(options.keys)
    if station.authority not in (0, batch.authority):
        raise CounterError(
            f"{batch.path}: numbers of authority {batch.authority}, but the station's keys are "
            f"for authority {station.authority}"
        )
    return station


def _work(
    options: argparse.Namespace, station: IssueStation, register: IssueRegister, desk: Desk
) -> int:
    batch = register.batch
    _check(station, register)
    if register.complete:
        return _finish(register)
    reader = desk.open_reader(options.reader)
    issuing = Issuing(batch, station, register, reader, desk.clock, desk.entropy, options.clerk)
    print(f"batch {batch.number}, {batch.count} cards, on {reader.name}. {NO_UNDO.split('.')[0]}.")
    made = 0
    outcome = found = None
    try:
        while not register.complete and (options.count is None or made < options.count):
            if found is not None and outcome is not None and outcome.what not in (LOST, AGAIN):
                _until_gone(reader, found.uid, options.wait, desk.clock)
            found = _next_card(reader, options.wait)
            outcome = issuing.present(found)
            made += outcome.what == MADE
            _say(register, found, outcome)
            reader.release()
    except KeyboardInterrupt:
        print("\nstopped; start the same command again to go on")
    finally:
        reader.close()
        code = _finish(register)
    return 0 if options.count is not None and made >= options.count else code


def _check(station: IssueStation, register: IssueRegister) -> None:
    """Refuse to go on with cards that other keys have begun. Raises: CounterError."""
    batch = register.batch
    for row in register.unfinished():
        found = (row["device"], row["generation"], row["aid"])
        recipe = station.recipe(batch, row["uid"], row["serial"], row["time"])
        wanted = (station.device, station.generation, station.cluster)
        if found != wanted or row["h0"] != recipe.record[36:44]:
            raise CounterError(
                f"{register.path}: card {batch.printed(row['serial'])} was begun by station "
                f"{row['device']} with other keys; finish it there, or --give-up its number"
            )


def _next_card(reader: CardReader, wait_s: int) -> CardFound:
    told = False
    while True:
        try:
            found = reader.wait(wait_s * 1000)
        except ManyCards:
            if not told:
                print("two cards: one card, please")
            told = True
            reader.wait_empty(1000)
            continue
        if found is None:
            raise CounterError(f"no card for {wait_s} s; start the same command again to go on")
        return found


def _until_gone(reader: CardReader, uid: bytes, wait_s: int, clock: Clock) -> None:
    """Wait until this card is away, or another one lies in its place."""
    until_ms = clock.monotonic_ms() + wait_s * 1000
    while not reader.wait_empty(SWAPPED_MS):
        try:
            found = reader.wait(0)
        except ManyCards:
            continue
        if found is None or found.uid != uid:
            return
        if clock.monotonic_ms() >= until_ms:
            raise CounterError(f"the card lay there for {wait_s} s; start again to go on")


def _say(register: IssueRegister, found: CardFound, outcome: Outcome) -> None:
    batch = register.batch
    done = len(register.in_state(STATE_VERIFIED))
    width = len(str(batch.count))
    tail = found.uid[-2:].hex() or "----"
    number = outcome.number or "-"
    print(f"{done:{width}}/{batch.count}  {number:<14}  UID ..{tail}  {outcome.words}", flush=True)


def _give_up(text: str, register: IssueRegister) -> None:
    try:
        wanted = parse_card_number(text)
    except LayoutError as error:
        raise CounterError(f"--give-up: {error}") from None
    for row in register.unfinished():
        if (row["authority"], row["serial"]) == wanted:
            register.append({**row, "state": STATE_SPOILT, "error": ERROR_GIVEN_UP})
            return
    raise CounterError(f"--give-up {text}: no unfinished card of this batch has this number")


def _finish(register: IssueRegister) -> int:
    """Write the finished cards out, say how the batch stands; 0 when it is complete."""
    batch = register.batch
    issues = _place(batch, ISSUES)
    made = register.export(issues)
    if made:
        _write_shared(batch)
    spoilt, half = register.in_state(STATE_SPOILT), register.unfinished()
    left = batch.count - made - len(spoilt) - len(half)
    print(
        f"batch {batch.number}: {made} made, {len(spoilt)} spoilt, {len(half)} unfinished, "
        f"{left} numbers left; finished cards in {issues}"
    )
    for row in spoilt:
        print(f"  spoilt      {batch.printed(row['serial'])}  {reason_of(row)}")
    for row in half:
        state = STATE_NAMES[row["state"]]
        print(
            f"  unfinished  {batch.printed(row['serial'])}  UID ..{row['uid'][-2:].hex()}  {state}"
        )
    return 0 if register.complete else 1


def _write_shared(batch: IssueBatch) -> None:
    path = _place(batch, BATCHES)
    try:
        path.write_text(json.dumps([batch.shared()], indent=1) + "\n")
    except OSError as error:
        raise CounterError(
            f"{path}: {error.strerror}; make room, then `--status` writes it"
        ) from None


def _place(batch: IssueBatch, suffix: str) -> Path:
    return batch.path.with_suffix(suffix)
