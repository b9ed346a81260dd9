"""`tornello sales cash-up ...`: count, show, pay in, decide, hand over the evidence."""

import argparse
import json
from contextlib import closing
from pathlib import Path
from typing import Any

from backend_sync.ledger.place import Place
from backend_sync.ledger.show import table
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.registers.asking import number
from backend_sync.sales.cash_up import LOSS, REPAID, SURPLUS, UNJUDGED, CashUp
from backend_sync.sales.evidence import check, check_with, digest, read_evidence
from backend_sync.sales.finding import DECIDED, Finding, judge, sentence
from backend_sync.sales.shift_journal import ShiftName
from backend_sync.sales.till import TILL, till_name

COMMANDS = (
    ("count", "enter the blind count; counting again takes --second"),
    ("show", "what can be said of a clerk's cash: nothing before the count and all evidence"),
    ("pay-in", "book what was counted from the clerk's cash to the office's"),
    ("decide", "book a difference, by two people who are not the clerk"),
    ("loads", "book the cash of what a driver loaded onto cards in the vehicle"),
    ("close", "enter what a counter's till says: the number of its last slip"),
    ("lost", "two people give up missing slots of a journal: no later shift waits for them"),
    ("evidence", "write all that makes up the figure to a file, for the clerk"),
    ("check", "check such a file: without a ledger, or again with PLACE and its keyring"),
    ("list", "every count and what became of it"),
)
RIGHTS = {
    "count": "cash.take",
    "pay-in": "cash.take",
    "decide": "cash.take",
    "loads": "cash.take",
    "close": "sales.settle",
    "lost": "cash.take",
}  # of commands that write


def add_commands(groups: Any, clock: Clock) -> None:
    """Add `cash-up` and its subcommands."""
    words = "a clerk's or driver's cash at the end of a shift"
    parser = groups.add_parser("cash-up", help=words, description=words)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in COMMANDS:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(
            run=globals()[f"_{name.replace('-', '_')}"], clock=clock, what=f"cash-up {name}"
        )
        sub.add_argument("--json", action="store_true", help="as JSON")
        if name == "check":
            sub.add_argument("file", type=Path)
            sub.add_argument("place", nargs="?", default="", help="folder, file or URL")
            continue
        sub.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
        if name == "list":
            continue
        sub.add_argument("--device", type=number, required=True, help="number of the device")
        sub.add_argument("--epoch", type=number, default=0, help="of its journal (0)")
        if name == "lost":
            sub.add_argument("--first", type=number, required=True, help="lowest missing seq")
            sub.add_argument("--last", type=number, required=True, help="highest missing seq")
            sub.add_argument("--words", required=True, help="why they are given up")
        else:
            sub.add_argument("--shift", type=number, required=True, help="its number on the slip")
            sub.add_argument("--clerk", type=number, required=True, help="clerk or driver")
            words = "a counter's till: judged by its slips, not by a journal"
            sub.add_argument("--till", action="store_true", help=words)
        if name == "close":
            sub.add_argument("--last-slip", type=number, required=True, help="0: it printed none")
        if name in RIGHTS:
            asking.add_options(sub, named=True, second=name in ("count", "decide", "lost"))
            sub.set_defaults(right=RIGHTS[name])
            sub.add_argument("--authority", type=number, default=0, help="whose books these are")
        if name == "count":
            sub.add_argument("--cents", type=number, required=True, help="what lies on the table")
        if name == "decide":
            sub.add_argument(
                "--as", dest="decision", required=True, choices=(LOSS, REPAID, SURPLUS, UNJUDGED)
            )
        if name == "evidence":
            sub.add_argument("--to", type=Path, required=True, help="file to write")


def figures(finding: Finding, name: ShiftName, clerk: int) -> dict[str, Any]:
    """Return a finding as plain values."""
    return {
        **name._asdict(),
        "clerk": clerk,
        "state": finding.state,
        "counted": finding.counted,
        "expected": finding.expected,
        "difference": finding.difference,
        "voids": finding.voids,
        "void_cents": finding.void_cents,
        "doubts": [doubt.words for doubt in finding.doubts],
        "sentence": sentence(finding, name, clerk),
    }


def _count(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        new = CashUp(ledger).count(
            _name(options), options.clerk, options.cents, options.by, options.second
        )
    words = "entered" if new else "was entered before"
    return 0, {"new": new}, [f"count of {options.cents} cents {words}"]


def _show(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    place, name = Place(options.place), _name(options)
    with place.books() as database, closing(place.keyring()) as keyring:
        finding = judge(database, keyring, name, options.clerk)
    found = figures(finding, name, options.clerk)
    lines = [found["sentence"]]
    if finding.voids:
        lines.append(f"{finding.voids} voids of {finding.void_cents} cents")
    return int(finding.state != DECIDED or bool(finding.difference)), found, lines


def _pay_in(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        cents = CashUp(ledger).pay_in(_name(options), options.clerk, options.by)
    return 0, {"cents": cents}, [f"{cents} cents paid in to the office"]


def _loads(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        cents = CashUp(ledger).book_loads(_name(options), options.clerk)
    return 0, {"cents": cents}, [f"{cents} cents of loads are booked to clerk {options.clerk}"]


def _close(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    name = till_name(options.device, options.shift)
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        new = CashUp(ledger).close_till(name, options.clerk, options.last_slip, options.by)
    return 0, {"new": new}, ["closed" if new else "was closed before"]


def _lost(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        new = CashUp(ledger).give_up(options.device, options.epoch, options.first, options.last,
                                     options.words, options.by, options.second)  # fmt: skip
    words = f"seq {options.first}..{options.last} of device {options.device} are given up"
    return 0, {"new": new}, [words if new else f"{words} (was decided before)"]


def _decide(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        cents = CashUp(ledger).decide(
            _name(options), options.clerk, options.decision, options.by, options.second
        )
    words = f"{cents} cents booked as {options.decision}" if cents else "was decided so before"
    return 0, {"cents": cents}, [words]


def _evidence(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    with Place(options.place).ledger(options.clock) as ledger:
        found = CashUp(ledger).evidence(_name(options), options.clerk)
    options.to.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0, {"sha256": digest(found).hex()}, [
        f"{options.to}: {len(found['slots'])} slots, {len(found['entries'])} entries in clear;"
        f" SHA-256 of it {digest(found).hex()}"
    ]  # fmt: skip


def _check(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    found = read_evidence(options.file)
    wrong = check(found)
    if options.place and not wrong:
        place = Place(options.place)
        with place.books() as database, closing(place.keyring()) as keyring:
            wrong = check_with(found, database, keyring)
    if wrong:
        return 1, wrong, wrong
    said = f"difference {found['difference']} cents" if found["state"] == DECIDED else "not decided"
    return 0, [], [f"holds: {len(found['slots'])} slots, {said}; SHA-256 {digest(found).hex()}"]


def _list(options: argparse.Namespace) -> tuple[int, Any, list[str]]:
    with Place(options.place).books() as database:
        rows = database.rows(
            "SELECT c.device, c.epoch, c.shift, c.clerk, c.turn, c.cents, c.by,"
            " coalesce(d.decision, 'counted'), coalesce(d.cents, 0)"
            " FROM cash_counts c LEFT JOIN cash_decisions d ON d.count = c.id ORDER BY c.id, d.id"
        )
    names = ("device", "epoch", "shift", "clerk", "turn", "counted", "by", "state", "cents")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    lines = table(names, [list(row.values()) for row in found])
    return 0, found, lines if found else ["no cash was counted yet"]


def _name(options: argparse.Namespace) -> ShiftName:
    epoch = TILL if options.till else options.epoch
    return ShiftName(options.device, epoch, options.shift)
