"""`tornello sales dispute ...`: cases about rides, charges and loads; evidence; goodwill."""

import argparse
import json
from contextlib import closing
from pathlib import Path
from typing import Any

from backend_sync.catalogue import every_tariff
from backend_sync.ledger.place import Place
from backend_sync.ledger.show import table
from backend_sync.ledger.statement import find_card, no_card
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.registers.asking import number
from backend_sync.sales.dispute_evidence import check, check_with, digest
from backend_sync.sales.disputes import ABOUT, DisputeRefused, Disputes, Status
from backend_sync.sales.evidence import EvidenceFault

COMMANDS = (
    ("open", "open a case about an entry of a card: --about --card --entry --words"),
    ("answer", "tell the passenger something; the case stays open"),
    ("refuse", "end a case without goodwill; --words say why"),
    ("accept", "give --cents of goodwill at the card's next tap, once"),
    ("list", "every case and where it stands"),
    ("evidence", "write all sealed evidence about a case to a file, without card numbers"),
    ("check", "check such a file: without a ledger, or again with PLACE and its keyring"),
)
SPOKEN = ("open", "answer", "refuse", "accept")
Answer = tuple[int, Any, list[str]]


def add_commands(groups: Any, clock: Clock) -> None:
    """Add `dispute` and its subcommands."""
    words = "disputes about rides, charges and loads; goodwill"
    parser = groups.add_parser("dispute", help=words, description=words)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in COMMANDS:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(run=globals()[f"_{name}"], clock=clock, what=f"dispute {name}")
        sub.add_argument("--json", action="store_true", help="as JSON")
        if name == "check":
            sub.add_argument("file", type=Path)
            sub.add_argument("place", nargs="?", default="", help="folder, file or URL")
            continue
        sub.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
        sub.add_argument("--authority", type=number, default=0, help="whose books these are")
        if name != "list":
            sub.add_argument("--key", required=True, help="number of the case")
        if name in SPOKEN:
            sub.add_argument("--words", required=True, help="what is said, at most 200 characters")
            asking.add_options(sub, proposal=name == "accept", named=True)
            sub.set_defaults(right="")
        if name == "open":
            sub.add_argument("--about", required=True, choices=ABOUT)
            sub.add_argument("--card", required=True, help="account number or pseudonym")
            words = "the disputed entry; left out only --about other"
            sub.add_argument("--entry", default="", metavar="DEVICE:EPOCH:SEQ", help=words)
        if name == "accept":
            sub.add_argument("--cents", type=number, required=True)
        if name == "evidence":
            sub.add_argument("--to", type=Path, required=True, help="file to write")


def _open(options: argparse.Namespace) -> Answer:
    entry = _entry(options.entry) if options.entry else None
    with _ledger(options) as ledger:
        card = find_card(ledger.database, options.card)
        if card is None:
            raise DisputeRefused(no_card(options.card))
        new = Disputes(ledger).open(options.key, options.about, card, entry, options.words,
                                    options.by)  # fmt: skip
    return 0, {"new": new}, ["opened" if new else "was opened before"]


def _answer(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        return _said({options.key: Disputes(ledger).answer(options.key, options.words, options.by)})


def _refuse(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        return _said({options.key: Disputes(ledger).refuse(options.key, options.words, options.by)})


def _accept(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        found = Disputes(ledger, options.approvals).accept(
            options.key, options.cents, options.words, options.by, options.proposal
        )
    return _said({options.key: found})


def _list(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        return _said(Disputes(ledger).every())


def _evidence(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        found = Disputes(ledger).evidence(options.key)
    options.to.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    mark = digest(found).hex()
    words = f"{options.to}: {len(found['entries'])} sealed entries, SHA-256 {mark}"
    return 0, {"file": str(options.to), "sha256": mark}, [words]


def _check(options: argparse.Namespace) -> Answer:
    try:
        found = json.loads(options.file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise EvidenceFault(f"{options.file}: no JSON: {error}") from None
    wrong = check(found)
    if options.place and not wrong:
        place = Place(options.place)
        with place.books() as database, closing(place.keyring()) as keyring:
            wrong = check_with(found, database, keyring, every_tariff(place.tariffs))
    if wrong:
        return 1, wrong, wrong
    words = f"holds: {len(found['entries'])} sealed entries; SHA-256 {digest(found).hex()}"
    return 0, [], [words]


def _said(found: dict[str, Status]) -> Answer:
    names = ("key", "state", "waiting", "given")
    rows = [(key, s.state, s.waiting_cents, s.given_cents) for key, s in found.items()]
    words = [f"{key}: {status.words}" for key, status in found.items()]
    values = [{"key": key, **status._asdict()} for key, status in found.items()]
    return 0, values, [*table(names, rows), *words] if found else ["no case was opened yet"]


def _entry(text: str) -> tuple[int, int, int]:
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 12 for part in parts):
        raise DisputeRefused(f"--entry {text!r}: wanted DEVICE:EPOCH:SEQ, three numbers")
    return int(parts[0]), int(parts[1]), int(parts[2])


def _ledger(options: argparse.Namespace) -> Any:
    return Place(options.place).ledger(options.clock, options.authority)
