"""`tornello sales slip ...`: sales of counters come in; voids, refunds; slips are checked."""

import argparse
import json
from pathlib import Path
from typing import Any

from backend_sync.ledger.place import Place
from backend_sync.ledger.show import table
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.registers.asking import NUMBER_MOST
from backend_sync.sales.counter import Counter, Sale, SaleRefused
from backend_sync.sales.fiscal import COLUMNS, FiscalChain, Slip, check_slips
from backend_sync.sales.product_refunds import REFUSED, ProductRefunds, Status

COMMANDS = (
    (
        "sell",
        "enter sales from a JSON list; each once by its key, the rest stand if one is refused",
    ),
    ("void", "undo a sale within its minutes"),
    ("refund", "ask for a product's refund, pro rata: taken off its card first, then paid"),
    ("pay", "give a refund's money back once its card has lost the product"),
    ("refunds", "every refund that was asked for, and where it stands"),
    ("list", "every slip"),
    ("check", "exit 1 unless each device's slips are without gaps and as they were marked"),
)
WRITES = ("sell", "void", "refund", "pay", "refunds")
SHOWN = ("device", "place", "kind", "of", "product", "cents", "rounding", "paid", "channel",
         "clerk", "shift")  # fmt: skip
Answer = tuple[int, Any, list[str]]


def add_commands(groups: Any, clock: Clock) -> None:
    """Add `slip` and its subcommands."""
    words = "sales of counters and their numbered slips"
    parser = groups.add_parser("slip", help=words, description=words)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in COMMANDS:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(run=globals()[f"_{name}"], clock=clock, what=f"slip {name}")
        sub.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
        sub.add_argument("--json", action="store_true", help="as JSON")
        if name in WRITES:
            sub.add_argument(
                "--authority", type=asking.number, default=0, help="whose books these are"
            )
            sub.add_argument(
                "--cash-step", type=asking.number, default=5, help="smallest coin (%(default)s)"
            )
        if name == "sell":
            sub.add_argument("--file", type=Path, required=True,
                             help=f"JSON list of objects: {', '.join(Sale._fields)}")  # fmt: skip
        if name in ("void", "refund", "pay"):
            sub.add_argument("--key", required=True, help="the counter's own number of this")
            sub.add_argument("--clerk", type=asking.number, required=True)
        if name in ("void", "refund"):
            sub.add_argument("--device", type=asking.number, required=True, help="that sold it")
            sub.add_argument(
                "--slip", type=asking.number, required=True, help="number of the sale's slip"
            )
        if name == "refund":
            sub.add_argument(
                "--used", type=asking.number, required=True, help="days or rides that are used"
            )
            sub.add_argument("--total", type=asking.number, required=True, help="of so many")
            words = "number under which the station takes it off; 0: at the card's next tap (0)"
            sub.add_argument("--action", type=asking.number, default=0, help=words)
            asking.add_options(sub, proposal=True)
            sub.set_defaults(right="")
        if name == "pay":
            sub.add_argument(
                "--shift", type=asking.number, required=True, help="of the clerk who pays"
            )


def read_sales(path: Path) -> list[Sale]:
    """Return the sales of a file. Raises: SaleRefused naming the row that does not fit."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SaleRefused(f"{path}: no JSON: {error}") from None
    if not isinstance(rows, list):
        raise SaleRefused(f"{path}: wanted a list of sales")
    found = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or set(row) != set(Sale._fields):
            raise SaleRefused(f"{path}: sale {number}: wanted exactly {', '.join(Sale._fields)}")
        sale = Sale(**row)
        for name, kind in Sale.__annotations__.items():
            too_large = kind is int and type(row[name]) is int and abs(row[name]) > NUMBER_MOST
            if type(row[name]) is not kind or too_large:
                raise SaleRefused(
                    f"{path}: sale {number}: {name} {row[name]!r}, wanted {kind.__name__}"
                )
        found.append(sale)
    return found


def _sell(options: argparse.Namespace) -> Answer:
    rows = read_sales(options.file)
    found, refused = [], []
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        counter = _counter(ledger, options)
        for sale in rows:
            try:
                slip, new = counter.sell(sale)
                found.append({"key": sale.key, "device": slip.device, "slip": slip.place,
                              "new": new})  # fmt: skip
            except SaleRefused as error:
                refused.append({"key": sale.key, "why": str(error)})
    fresh = sum(row["new"] is True for row in found)
    lines = [f"{fresh} sales are new, {len(found) - fresh} were known, {len(refused)} refused"]
    lines += [f"{row['key']}: {row['why']}" for row in refused]
    return int(bool(refused)), {"sold": found, "refused": refused}, lines


def _void(options: argparse.Namespace) -> Answer:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        slip, new = _counter(ledger, options).void(
            options.key, options.device, options.slip, options.clerk
        )
    return _said(slip, new)


def _refund(options: argparse.Namespace) -> Answer:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        found = ProductRefunds(_counter(ledger, options), options.approvals).ask(
            options.key, options.device, options.slip, options.clerk, options.used, options.total,
            options.action, options.proposal,
        )  # fmt: skip
    return _standing({options.key: found})


def _pay(options: argparse.Namespace) -> Answer:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        slip, new = ProductRefunds(_counter(ledger, options)).pay(
            options.key, options.clerk, options.shift
        )
    return _said(slip, new)


def _refunds(options: argparse.Namespace) -> Answer:
    with Place(options.place).ledger(options.clock, options.authority) as ledger:
        return _standing(ProductRefunds(_counter(ledger, options)).every())


def _standing(found: dict[str, Status]) -> Answer:
    values = [{"key": key, **status._asdict()} for key, status in found.items()]
    rows = [(key, s.state, s.cents, s.action) for key, s in found.items()]
    words = [f"{key}: {status.words}" for key, status in found.items()]
    code = int(any(status.state == REFUSED for status in found.values()))
    lines = [*table(("key", "state", "cents", "action"), rows), *words]
    return code, values, lines if found else ["no refund was asked for yet"]


def _list(options: argparse.Namespace) -> Answer:
    with Place(options.place).books() as database:
        rows = [Slip(*row) for row in database.rows(
            f"SELECT {COLUMNS} FROM slips ORDER BY device, place")]  # fmt: skip
    found = [{name: value for name, value in slip._asdict().items() if name in SHOWN}
             for slip in rows]  # fmt: skip
    lines = table(SHOWN, [[row[name] for name in SHOWN] for row in found])
    return 0, found, lines if found else ["nothing was sold at a counter yet"]


def _check(options: argparse.Namespace) -> Answer:
    with Place(options.place).books() as database:
        found = check_slips(database, FiscalChain())
        count = database.value("SELECT count(*) FROM slips")
    return int(bool(found)), found, found or [f"{count} slips: no gap, every mark fits"]


def _said(slip: Slip, new: bool) -> Answer:
    words = f"slip {slip.place} of device {slip.device}: {-slip.cents - slip.rounding} cents back"
    return 0, {**slip._asdict(), "new": new}, [words + ("" if new else " (was entered before)")]


def _counter(ledger: Any, options: argparse.Namespace) -> Counter:
    if not 1 <= options.cash_step <= 100:
        raise SaleRefused(f"--cash-step {options.cash_step}: wanted 1 to 100 cents")
    return Counter(ledger, cash_step=options.cash_step)
