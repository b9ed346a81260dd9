"""`tornello settlement bank-statement`, `bank-cases`, `bank-decide`: what banks say, and what of it
a person decides. Exit code 0 = done, 1 = lines wait for a person, or it is refused.
"""

import argparse
from pathlib import Path
from typing import Any

from backend_sync.ledger.place import Place
from backend_sync.ledger.show import money, table
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.settlement.camt import read_camt
from backend_sync.settlement.parties import read_parties
from backend_sync.settlement.received import Case, cases, decide, receive
from backend_sync.settlement.words import date_of

NOT_OURS = "none"
RIGHT = "settlement.close"
Answer = tuple[int, Any, list[str]]


def add_commands(commands: Any, clock: Clock) -> None:
    """Add the three to the subcommands of `tornello settlement`."""
    words = "enter a bank's camt.053 or camt.054, each line once; exit 1 while some are cases"
    told = _add(commands, clock, "bank-statement", _statement, words)
    told.add_argument("file", type=Path, help="the bank's file")
    told.add_argument("--parties", type=Path, required=True, metavar="FILE",
                      help="whose account is which, as of `pay`")  # fmt: skip
    listed = _add(
        commands, clock, "bank-cases", _cases, "bank's lines nobody understood; exit 1 if any"
    )
    listed.add_argument("--all", action="store_true", help="those that are decided, too")
    decided = _add(
        commands, clock, "bank-decide", _decide, "say what such a line is, once and for good"
    )
    decided.add_argument("--line", type=asking.number, required=True, help="of `bank-cases`")
    words = f"operator-1-10, payer-1-town, account-1-7; {NOT_OURS!r}: not ours"
    decided.add_argument("--party", required=True, metavar="PARTY", help=words)
    decided.add_argument("--words", required=True, help="why")
    asking.add_options(decided, named=True)


def _add(commands: Any, clock: Clock, name: str, run: Any, words: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run, clock=clock)
    parser.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
    parser.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _statement(options: argparse.Namespace) -> Answer:
    parties = read_parties(options.parties)
    with Place(options.place).ledger(options.clock) as ledger:
        digest, found = read_camt(options.file, ledger.currency)
        made = receive(ledger, digest, found, parties)
        left = cases(ledger.database)
    lines = [f"{made.new} lines are new ({made.matched} paid, {made.cases} cases), {made.known}"
             f" were known, {made.waiting} are not booked yet"]  # fmt: skip
    return _with_cases(left, lines, made._asdict())


def _cases(options: argparse.Namespace) -> Answer:
    with Place(options.place).books() as database:
        found = cases(database, options.all)
    code, values, lines = _with_cases(found, [], {})
    return code, values["cases"], lines or ["no line waits for anybody"]


def _with_cases(found: list[Case], lines: list[str], values: dict[str, Any]) -> Answer:
    open_ones = [case for case in found if case.state == "open"]
    rows = [(c.line, c.authority, money(c.cents), date_of(c.day), c.reference, c.state, c.party,
             c.words) for c in found]  # fmt: skip
    names = ("line", "authority", "amount", "booked", "reference", "state", "party", "words")
    lines += table(names, rows) if rows else []
    lines += [f"{len(open_ones)} wait for `settlement bank-decide`"] if open_ones else []
    return int(bool(open_ones)), {**values, "cases": [case._asdict() for case in found]}, lines


def _decide(options: argparse.Namespace) -> Answer:
    place, clock = Place(options.place), options.clock
    party = "" if options.party == NOT_OURS else options.party
    with asking.asker(options, place.folder, clock) as who, place.ledger(clock) as ledger:
        if who is not None:
            for case in cases(ledger.database, every=True):
                if case.line == options.line:
                    who.demand(RIGHT, case.authority)
        new = decide(ledger, options.line, party, options.words, options.by)
    said = f"line {options.line}: {options.party}"
    return 0, {"new": new}, [said if new else f"{said} (was decided before)"]
