"""`tornello sales deposit|return ...`: deposits, returned, absent and lost cards.

A card is named by its account number or the start of its pseudonym; the register of cards knows
which is which. After `absent` and `lost` the hotlist beside the ledger is made anew.
"""

import argparse
from typing import Any

from backend_sync.ledger.ledger import Ledger
from backend_sync.ledger.listing import publish
from backend_sync.ledger.place import Place
from backend_sync.ledger.show import table
from backend_sync.ledger.statement import find_card, no_card
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.registers.asking import number
from backend_sync.sales.claims import REFUSED, Status
from backend_sync.sales.returns import ReturnRefused, Returns
from backend_sync.sales.till_cash import Till

LEASE_HOURS = 72  # as `lease.hours` of the ledger service
COMMANDS = (
    ("deposit", "book the deposit of a card that was sold: --key --card --cents --channel"),
    ("returned", "a card at the counter, emptied by its station's refund: --action"),
    ("absent", "a card that is not here: block it; its value is paid after the longest lease"),
    ("lost", "freeze a card; season to --new-card at once, value after the longest lease"),
    ("settle", "do what is due now for --key, or for all"),
    ("list", "every claim and where it stands"),
)
RIGHTS = {
    "deposit": "sales.make",
    "returned": "cards.serve",
    "absent": "cards.block",
    "lost": "cards.block",
    "settle": "",  # what is due is paid; above the limit a proposal says who agreed
}
Answer = tuple[int, Any, list[str]]


def add_commands(groups: Any, clock: Clock) -> None:
    """Add `return` and its subcommands."""
    words = "deposits; returned, absent and lost cards"
    parser = groups.add_parser("return", help=words, description=words)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in COMMANDS:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(run=globals()[f"_{name}"], clock=clock, what=f"return {name}")
        sub.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
        sub.add_argument("--json", action="store_true", help="as JSON")
        sub.add_argument("--authority", type=number, default=0, help="whose books these are")
        sub.add_argument(
            "--lease-hours",
            type=number,
            default=LEASE_HOURS,
            help="the longest lease (%(default)s)",
        )
        if name == "list":
            continue
        sub.add_argument("--key", required=name != "settle", default="", help="number of the case")
        named = name in ("returned", "absent", "lost")
        asking.add_options(sub, proposal=name == "settle", named=named)
        sub.set_defaults(right=RIGHTS[name])
        if name in ("deposit", "settle"):
            words = "counter's till that takes or pays it, with --clerk and --shift; left out: cash"
            sub.add_argument(
                "--till", type=number, metavar="DEVICE", help=f"{words} of the channel"
            )
            sub.add_argument("--clerk", type=number, help="whose till it is")
            sub.add_argument("--shift", type=number, help="of that clerk")
        if name == "settle":
            continue
        sub.add_argument("--card", required=True, help="account number or pseudonym")
        if name == "deposit":
            sub.add_argument("--cents", type=number, required=True)
        if name != "lost":
            sub.add_argument("--channel", default="counter", help="whose cash (%(default)s)")
        if name == "returned":
            sub.add_argument("--action", type=number, required=True, help="number of the refund")
        if name == "lost":
            sub.add_argument("--new-card", required=True, help="account number or pseudonym")
            sub.add_argument(
                "--season", action="append", default=[], metavar="SLOT:HEX",
                help="a right of the old card: slot and 25 bytes (P slot, J copy)",
            )  # fmt: skip


def _deposit(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        card, till = _card(ledger, options, options.card), _till(options)
        new = _desk(ledger, options).take_deposit(
            options.key, card, options.cents, options.channel, till
        )
    return 0, {"new": new}, ["booked" if new else "was booked before"]


def _returned(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        desk = _desk(ledger, options)
        card = _card(ledger, options, options.card)
        desk.returned(options.key, card, options.action, options.channel, options.by)
        return _said({options.key: desk.settle(options.key)})


def _absent(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        desk = _desk(ledger, options)
        card = _card(ledger, options, options.card)
        desk.absent(options.key, card, options.channel, options.by)
        publish(ledger.database, Place(options.place).tariffs)
        return _said({options.key: desk.status(options.key)})


def _lost(options: argparse.Namespace) -> Answer:
    seasons = [_season(text) for text in options.season]
    with _ledger(options) as ledger:
        desk = _desk(ledger, options)
        old, new = (_card(ledger, options, text) for text in (options.card, options.new_card))
        desk.lost(options.key, old, new, options.by, seasons)
        publish(ledger.database, Place(options.place).tariffs)
        return _said({options.key: desk.status(options.key)})


def _settle(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        desk = _desk(ledger, options)
        till = _till(options)
        if options.key:
            return _said({options.key: desk.settle(options.key, options.proposal, till)})
        if options.proposal or till:
            raise ReturnRefused("--proposal and --till are about one claim: name it with --key")
        return _said(desk.settle_all())


def _list(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        desk = _desk(ledger, options)
        keys = [row[0] for row in ledger.database.rows("SELECT key FROM claims ORDER BY id")]
        return _said({key: desk.status(key) for key in keys})


def _said(found: dict[str, Status]) -> Answer:
    names = ("key", "state", "paid", "deposit", "loss")
    rows = [(key, s.state, s.paid_cents, s.deposit_cents, s.loss_cents) for key, s in found.items()]
    words = [f"{key}: {status.words}" for key, status in found.items()]
    code = int(any(status.state == REFUSED for status in found.values()))
    values = [{"key": key, **status._asdict()} for key, status in found.items()]
    return code, values, [*table(names, rows), *words] if found else ["no claim was made yet"]


def _season(text: str) -> tuple[int, bytes]:
    slot, _, what = text.partition(":")
    try:
        found = int(slot), bytes.fromhex(what)
    except ValueError:
        found = -1, b""
    if not 0 <= found[0] <= 3 or len(found[1]) != 25:
        raise ReturnRefused(f"--season {text[:20]!r}: wanted SLOT:HEX, slot 0 to 3 and 25 bytes")
    return found


def _till(options: argparse.Namespace) -> Till | None:
    given = (options.till, options.clerk, options.shift)
    if given == (None, None, None):
        return None
    if None in given:
        raise ReturnRefused("a clerk's till: wanted --till, --clerk and --shift, or none of them")
    return Till(*given)


def _ledger(options: argparse.Namespace) -> Any:
    if not 1 <= options.lease_hours <= 24 * 366:
        raise ReturnRefused(f"--lease-hours {options.lease_hours}: wanted 1 to {24 * 366}")
    return Place(options.place).ledger(options.clock, options.authority)


def _desk(ledger: Ledger, options: argparse.Namespace) -> Returns:
    return Returns(ledger, options.lease_hours * 3600, approvals=options.approvals)


def _card(ledger: Ledger, options: argparse.Namespace, wanted: str) -> int:
    """Return the card's account number, if who asks may do this to its issuer's cards."""
    found = find_card(ledger.database, wanted)
    if found is None:
        raise ReturnRefused(no_card(wanted))
    issuer = ledger.database.value("SELECT issuer FROM cards WHERE id = ?", (found,))
    options.demand(int(issuer))
    return found
