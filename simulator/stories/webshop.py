"""`tornello demo --story webshop`: loads bought in the web shop reach cards exactly once.

Broker, keyring, ledger and edge as processes, validators on MicroPython. Purchases are made while
the validators are out; their lists come at the docks; cards are torn away during the load; some
purchases are cancelled or expire. It ends with what was bought, executed, credited and paid back.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from backend_sync.actions import desk, words
from backend_sync.actions.states import EXECUTED, EXPIRED, SUPERSEDED, UNSURE, WAITING
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.ledger import Ledger
from backend_sync.ports import KeyringError
from edge_agent.counter.card_image import TransitCard, read_image
from simulator.boards.board_process import BoardFailed
from simulator.boards.world import WorldStuck
from simulator.demo import passengers
from simulator.demo.faults import Asked, Faults
from simulator.demo.files import DemoError, DemoFiles, Settings
from simulator.demo.run import Demo
from simulator.demo.services import ServiceError
from simulator.demo.show import Show
from simulator.stories.web_shop import WebShop

TEARS = ("none", "load")
PLAN_TAPS = 200  # drawn for where vehicles are; the story makes its own taps
FAILURES = (DemoError, passengers.PlanError, KeyFileError, KeyringError, ServiceError, BoardFailed,
            WorldStuck)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Tell the story; return 0 when its equalities hold, 1 when not, 2 for wrong use."""
    options = _parser().parse_args(list(arguments))
    show = Show(json_only=options.json, quiet=True)
    try:
        if options.keep is not None:
            return _tell(options, options.keep, show)
        with tempfile.TemporaryDirectory(prefix="tornello-webshop-") as folder:
            return _tell(options, Path(folder), show)
    except FAILURES as error:
        show.failed(str(error))
        return 1


def _tell(options: argparse.Namespace, folder: Path, show: Show) -> int:
    files = DemoFiles(folder.resolve())
    settings = Settings(options.seed, PLAN_TAPS, options.cards, options.validators)
    files.create(settings)
    settings, progress = files.load()
    files.lock()
    demo = Demo(files, settings, progress, show, Faults(Asked()))
    try:
        demo.start()
        shop = WebShop(demo, options.tear == "load")
        shop.play()
        result = reconcile(demo, shop)
    finally:
        demo.stop()
    for label, value in _lines(result):
        show.say(f"{label:<34}{value}")
    show.say("")
    show.say(result["sentence"])
    if options.json:
        print(json.dumps(result, indent=1, sort_keys=True))
    return 0 if result["ok"] else 1


def reconcile(demo: Demo, shop: WebShop) -> dict[str, Any]:
    """Stop the programs, compare cards and books; return all as plain values."""
    demo.show.step("all docked and drained; reconciling")
    for name in ("edge", "ledger"):
        demo.services.named(name).stop()
    with closing(demo.ledger()) as ledger:
        with ledger.books() as books:
            cards = desk.unreviewed(books)
            desk.review(books, cards)
            desk.review(books, cards)
        return _result(demo, shop, ledger)


def _result(demo: Demo, shop: WebShop, ledger: Ledger) -> dict[str, Any]:
    report = ledger.report(with_cards=True)
    found = [words.status(ledger.database, bought.action) or {} for bought in shop.bought]
    cents = {row["action"]: row["cents"] for row in found}
    by_state = {
        name: [row for row in found if row["state"] in states]
        for name, states in (
            ("executed", (EXECUTED,)),
            ("cancelled", (SUPERSEDED,)),
            ("expired", (EXPIRED,)),
            ("waiting", WAITING),
            ("unsure", UNSURE),
        )
    }
    images = [read_image(demo.files.card(n)) for n in range(1, demo.settings.cards + 1)]
    credited, doubled = _credited(demo, shop, images, {r["action"] for r in by_state["executed"]})
    balances = dict(ledger.database.rows("SELECT name, cents FROM balances"))
    ours = [balances.get(f"PREPAID:{action}", 0) for action in cents]
    result: dict[str, Any] = {
        "bought": len(found),
        **{name: len(rows) for name, rows in by_state.items()},
        **{f"{name}_cents": sum(r["cents"] for r in rows) for name, rows in by_state.items()},
        "bought_cents": sum(cents.values()),
        "credited": credited,
        "doubled": doubled,
        "refused_as_done": sum(
            (name, detail) == ("action", "done")
            for board in demo.world.boards
            for name, detail in board.signals
        ),
        "money_back": sum(row["money_back"] for row in found),
        "prepaid_cents": sum(ours),
        "payout_cents": sum(v for name, v in balances.items() if name.startswith("PAYOUT:")),
        "cards_cents": sum(image.balance_cents for image in images),
        "ledger_cards_cents": report["ledger_cards_cents"],
        "trial_balance_cents": report["trial_balance_cents"],
        "open_intents": report["open_intents"],
        "lost": report["lost"],
        "entries_doubled": report["doubled"],
        "refused": shop.refused,
        "torn": shop.torn,
        "answers": dict(shop.answers),
        "validators": demo.settings.validators,
        "seed": demo.settings.seed,
        "statuses": [row["status"] for row in found],
    }
    result["wrong"] = wrong(result)
    result["ok"] = not result["wrong"]
    result["sentence"] = _sentence(result)
    return result


def _credited(
    demo: Demo, shop: WebShop, images: list[TransitCard], executed: set[int]
) -> tuple[int, int]:
    """Return (purchases whose money is on their card, cards with more or less than was executed).

    The card's own sum of loads is compared with what the office loaded and what was executed.
    """
    credited = differing = 0
    for card, (rider, image) in enumerate(zip(demo.plan.riders, images, strict=True)):
        loads = image.records[-1]["L"] - rider.load_cents
        mine = [b for b in shop.bought if b.card == card and b.action in executed]
        if loads == sum(b.cents for b in mine):
            credited += len(mine)
        else:
            differing += 1
    return credited, differing


def wrong(result: dict[str, Any]) -> list[str]:
    """Return the equalities that do not hold, in words."""
    r = result
    equal = (
        ("bought", r["bought"], "executed + waiting + expired + cancelled",
         r["executed"] + r["waiting"] + r["expired"] + r["cancelled"]),
        ("executed", r["executed"], "credited", r["credited"]),
        ("doubled", r["doubled"], "0", 0),
        ("money back", r["money_back"], "expired + cancelled", r["expired"] + r["cancelled"]),
        ("PREPAID", r["prepaid_cents"], "waiting", r["waiting_cents"]),
        ("PAYOUT", r["payout_cents"], "expired + cancelled",
         r["expired_cents"] + r["cancelled_cents"]),
        ("money on cards", r["cards_cents"], "in the ledger", r["ledger_cards_cents"]),
        ("sum of all accounts", r["trial_balance_cents"], "0", 0),
        ("open intents", r["open_intents"], "0", 0),
        ("entries lost", r["lost"], "0", 0),
        ("entries posted twice", r["entries_doubled"], "0", 0),
    )  # fmt: skip
    found = [f"{left} {a}, but {right} {b}" for left, a, right, b in equal if a != b]
    # A story in which one of these never happened would prove nothing about it.
    shown = ("executed", "waiting", "expired", "cancelled", "refused", "refused_as_done")
    return found + [f"{name}: none" for name in shown if not r[name]]


def _lines(r: dict[str, Any]) -> list[tuple[str, str]]:
    taps = ", ".join(f"{count} {name}" for name, count in sorted(r["answers"].items()))
    return [
        ("", ""),
        ("bought in the web shop", f"{r['bought']} for {_money(r['bought_cents'])}"),
        ("refused at the shop", "; ".join(r["refused"])),
        ("taps", f"{sum(r['answers'].values())} ({taps}), {r['torn']} torn"),
        ("at the taps", f"executed {r['executed']}, credited {r['credited']}, refused as done"
         f" {r['refused_as_done']}, doubled {r['doubled']}"),
        ("executed", f"{r['executed']} for {_money(r['executed_cents'])}"),
        ("waiting", f"{r['waiting']} for {_money(r['waiting_cents'])}"
         f" = PREPAID {_money(r['prepaid_cents'])}"),
        ("expired, money back", f"{r['expired']} for {_money(r['expired_cents'])}"),
        ("cancelled, money back", f"{r['cancelled']} for {_money(r['cancelled_cents'])}"),
        ("paid out", _money(r["payout_cents"])),
        ("money on the cards", _money(r["cards_cents"])),
        ("money the ledger says is on them", _money(r["ledger_cards_cents"])),
        ("one of them", next((s for s in r["statuses"] if "loaded" in s), "none")),
    ]  # fmt: skip


def _sentence(r: dict[str, Any]) -> str:
    if r["wrong"]:
        return "NOT RECONCILED: " + "; ".join(r["wrong"]) + "."
    return (
        f"Reconciled: {r['bought']} bought = {r['executed']} executed + {r['waiting']} waiting"
        f" + {r['expired']} expired + {r['cancelled']} cancelled; each executed once, every cent"
        " of the others is waiting or back."
    )


def _money(cents: int) -> str:
    return f"{cents / 100:,.2f} EUR"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello demo --story webshop",
        description=(__doc__ or "").split("\n\n")[0],
        epilog="Exit codes: 0 reconciled, 1 not reconciled or cannot run, 2 wrong use.",
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed tells the same (1)")
    parser.add_argument("--cards", type=int, default=24, help="cards issued (24)")
    parser.add_argument("--validators", type=int, default=5, help="MicroPython processes (5)")
    parser.add_argument("--tear", choices=TEARS, default="load", help="tear cards away (load)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave everything in DIR")
    parser.add_argument("--json", action="store_true", help="end with the result as JSON")
    parser.add_argument("--headless", action="store_true", help="taps are not printed anyway")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
