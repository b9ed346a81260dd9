"""`tornello sales dormant ...`: value that nobody uses: policy, report, notice, booking, return."""

import argparse
from datetime import UTC, datetime
from typing import Any

from backend_sync.ledger.place import Place
from backend_sync.ledger.show import table
from backend_sync.ledger.statement import find_card, no_card
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.registers.asking import number
from backend_sync.sales.dormancy import Dormancy, DormancyRefused, Row
from card_layouts.codec.timestamps import to_unix

COMMANDS = (
    ("policy", "state an issuer's policy, by two people: without one nothing becomes dormant"),
    ("report", "every dormant card, with its value and what becomes of it; changes nothing"),
    ("announce", "announce what became dormant; lists whom to tell"),
    ("book", "book what is due as breakage, and give back to cards that were used since"),
    ("return", "give a card's holder, who asks, what was booked as breakage"),
)
Answer = tuple[int, Any, list[str]]


def add_commands(groups: Any, clock: Clock) -> None:
    """Add `dormant` and its subcommands."""
    words = "dormant value: policy, report, announcement, breakage and back again"
    parser = groups.add_parser("dormant", help=words, description=words)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in COMMANDS:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(run=globals()[f"_{name}"], clock=clock, what=f"dormant {name}")
        sub.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
        sub.add_argument("--json", action="store_true", help="as JSON")
        sub.add_argument("--authority", type=number, default=0, help="whose books these are")
        if name in ("policy", "announce"):
            asking.add_options(sub, named=True, second=name == "policy")
            sub.set_defaults(right="settlement.close")
        if name == "policy":
            sub.add_argument("--issuer", type=number, required=True, help="authority of the cards")
            sub.add_argument("--months", type=number, required=True, help="without use, 12 or more")
            sub.add_argument("--notice-days", type=number, required=True,
                             help="from announcement to booking, 30 or more")  # fmt: skip
            sub.add_argument("--words", required=True, help="where holders can read it")
        if name == "return":
            sub.add_argument("--card", required=True, help="account number or pseudonym")


def _policy(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        new = Dormancy(ledger).state_policy(
            options.issuer, options.months, options.notice_days, options.words, options.by,
            options.second,
        )  # fmt: skip
    return 0, {"new": new}, ["stated" if new else "is in force already"]


def _report(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        desk = Dormancy(ledger)
        rows, breakage = desk.report(), desk.figures()
    cents = sum(row.cents for row in rows)
    words = [
        f"{len(rows)} cards, {cents} cents are dormant;"
        f" {sum(breakage.values())} cents of {len(breakage)} cards are breakage"
    ]
    found = {"dormant": [row._asdict() for row in rows], "dormant_cents": cents,
             "breakage_cents": sum(breakage.values()), "breakage_cards": len(breakage)}  # fmt: skip
    return 0, found, [*words, *_rows(rows)]


def _announce(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        rows = Dormancy(ledger).announce(options.by)
    return 0, [row._asdict() for row in rows], [f"{len(rows)} cards announced", *_rows(rows)]


def _book(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        rows, back = Dormancy(ledger).book()
    cents = sum(row.cents for row in rows)
    words = f"{cents} cents of {len(rows)} cards are breakage; {len(back)} cards came back"
    return 0, {"booked": [row._asdict() for row in rows], "back": back}, [words, *_rows(rows)]


def _return(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        card = find_card(ledger.database, options.card)
        if card is None:
            raise DormancyRefused(no_card(options.card))
        cents = Dormancy(ledger).give_back(card)
    return 0, {"card": card, "cents": cents}, [f"card {card}: {cents} cents are its own again"]


def _rows(rows: list[Row]) -> list[str]:
    names = ("card", "issuer", "cents", "last used", "state", "due", "why")
    cells = [(r.card, r.issuer, r.cents, _day(r.used), r.state, _day(r.due), r.why) for r in rows]
    return table(names, cells) if rows else []


def _day(second: int) -> str:
    return datetime.fromtimestamp(to_unix(second), UTC).date().isoformat() if second else "-"


def _ledger(options: argparse.Namespace) -> Any:
    return Place(options.place).ledger(options.clock, options.authority)
