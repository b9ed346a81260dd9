"""`tornello demo --story refund`: cards are emptied and paid out, torn away in the middle of it.

Real cards at the real station's program, cut at drawn exchanges; some customers stay and try again,
some leave. The counter pays only what is evident, and ends with what cards and books say.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from card_layouts.answers import LOADED, LOADED_BEFORE
from card_layouts.cards.card_layout import CHANNEL_COUNTER
from firmware.station import Order
from firmware.station_services import Refund
from simulator.desfire_card import Cut
from simulator.field import Tear, answer_lost, commit_lost, commit_torn
from simulator.worlds.return_world import DAY_S, DEPOSIT, LEASE_S, Customer, ServicePoint

REFUND = 100_000  # refunds are numbered above loads
EXCHANGES = 14  # of a refund, about
PRESENT, LEAVES, ABSENT = "stays", "leaves", "absent"


class RefundStory:
    """Some customers who want their money back."""

    def __init__(self, folder: Path, seed: int, cards: int, url: str = "") -> None:
        self.point = ServicePoint(folder, seed, url)
        self.prng, self.cards = self.point.prng, cards
        self.wrong: list[str] = []
        self.torn = 0

    def play(self) -> dict[str, Any]:
        """Play all; return the figures."""
        cases = [self._bring(number) for number in range(self.cards)]
        before = {customer.number: customer.purse for customer, _ in cases}
        for customer, kind in cases:
            self._claim(customer, kind)
            early = self.point.desk.settle(f"claim-{customer.number}")
            self._expect(early.paid_cents, 0, customer, "paid before anything was evident")
        # What the refunds took, before anybody taps again: that is what may be paid.
        emptied = {customer.number: before[customer.number] - customer.purse
                   for customer, _ in cases}  # fmt: skip
        for customer, kind in cases:
            customer.hand_over()
            if kind == LEAVES:
                customer.tap()  # someone holds it to a gate: its record is the evidence
                customer.hand_over()
        self.point.clock.now += LEASE_S + DAY_S + 1
        found = [self.point.desk.settle(f"claim-{c.number}") for c, _ in cases]
        again = [self.point.desk.settle(f"claim-{c.number}") for c, _ in cases]
        if found != again:
            self.wrong.append("settling once more changed something")
        for (customer, kind), status in zip(cases, found, strict=True):
            gone = emptied[customer.number]
            value = before[customer.number] if kind == ABSENT else gone
            self._expect(status.paid_cents, value, customer, "paid")
            deposit = DEPOSIT if kind != ABSENT and gone else 0
            self._expect(status.deposit_cents, deposit, customer, "deposit")
        return self._figures(cases, found, before)

    def _bring(self, number: int) -> tuple[Customer, str]:
        customer = self.point.customer(1000 + 50 * self.prng.below(60))
        for _ in range(self.prng.below(3)):
            customer.tap()
        customer.hand_over()
        return customer, (PRESENT, LEAVES, ABSENT)[number % 3]

    def _claim(self, customer: Customer, kind: str) -> None:
        desk, key = self.point.desk, f"claim-{customer.number}"
        if kind == ABSENT:
            desk.absent(key, customer.account, "counter", "clerk")
            return
        order = Order(REFUND + customer.number, 2, 1, 0, CHANNEL_COUNTER)
        desk.returned(key, customer.account, order.action, "counter", "clerk")
        tears = [self._draw()] if self.prng.chance(3, 4) else []
        self.torn += len(tears)
        answer = customer.station.present(customer.card, *tears, order=order, service=Refund())
        tries = 0
        while kind == PRESENT and answer not in (LOADED, LOADED_BEFORE) and tries < 4:
            answer = customer.station.present(customer.card, order=order, service=Refund())
            tries += 1
        if kind == PRESENT and customer.purse:
            self.wrong.append(f"customer {customer.number}: stayed, and the card is not emptied")

    def _draw(self) -> Tear:
        """Return where the card goes away: at the commit or anywhere in the refund."""
        kind = self.prng.below(6)
        if kind < 3:
            return (commit_lost(-1), commit_torn(self.prng.below(8), -1), answer_lost(-1))[kind]
        cut = Cut(self.prng.choice(("in", "out")), self.prng.below(8))
        return Tear(exchange=self.prng.below(EXCHANGES), cut=cut, back_after_polls=-1)

    def _expect(self, found: int, wanted: int, customer: Customer, what: str) -> None:
        if found != wanted:
            self.wrong.append(f"customer {customer.number}: {what} {found}, wanted {wanted}")

    def _figures(
        self, cases: list[tuple[Customer, str]], found: list[Any], before: dict[int, int]
    ) -> dict[str, Any]:
        books = self.point.balances()
        # An absent card still has its money; it is blocked, and in the books it has none.
        on_cards = sum(c.purse for c, kind in cases if kind != ABSENT)
        paid = sum(status.paid_cents for status in found)
        deposits = sum(status.deposit_cents for status in found)
        total = int(self.point.ledger.database.value("SELECT sum(cents) FROM postings"))
        for words, one, other in (
            ("LIAB", books.get("LIAB", 0), on_cards),
            ("PLEDGE", books.get("PLEDGE", 0), DEPOSIT * len(cases) - deposits),
            ("PAYOUT", books.get("PAYOUT", 0), 0),
            ("CASH", -books.get("CASH", 0) - books.get("REV", 0), on_cards + books["PLEDGE"]),
        ):
            if one != other:
                self.wrong.append(f"{words} is {one}, wanted {other}")
        return {
            "cards": len(cases),
            "torn": self.torn,
            "value_before_cents": sum(before.values()),
            "paid_cents": paid,
            "deposits_back_cents": deposits,
            "on_cards_cents": on_cards,
            "liab_cents": books.get("LIAB", 0),
            "settled": sum(status.state == "settled" for status in found),
            "refused": sum(status.state == "refused" for status in found),
            "waits": sum(status.state == "waits" for status in found),
            "trial_balance_cents": total,
            "wrong": self.wrong,
            "ok": not self.wrong and not total,
        }


def main(arguments: Sequence[str]) -> int:
    """Tell the story; 0 = every equality holds, 1 = not, 2 = wrong use."""
    return tell(arguments, "refund", __doc__ or "", RefundStory)


def tell(arguments: Sequence[str], name: str, words: str, story: Any) -> int:
    """Parse a story's options, play it in a folder, print its figures."""
    parser = argparse.ArgumentParser(
        prog=f"tornello demo --story {name}",
        description=words.split("\n\n")[0],
        epilog="Exit codes: 0 every equality holds, 1 one does not, 2 wrong use.",
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same story (1)")
    parser.add_argument("--cards", type=int, default=30, help="customers (30)")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    options = parser.parse_args(list(arguments))
    if not 1 <= options.cards <= 900:
        parser.error(f"--cards {options.cards}: wanted 1 to 900")
    with tempfile.TemporaryDirectory(prefix=f"tornello-{name}-") as folder:
        played = story(Path(folder), options.seed, options.cards)
        try:
            found = played.play()
        finally:
            played.point.close()
    lines = [f"{key.replace('_', ' '):28} {value}" for key, value in found.items()
             if key not in ("wrong", "ok")]  # fmt: skip
    lines += [*found["wrong"], "every equality holds" if found["ok"] else "WRONG"]
    print(json.dumps(found, indent=1) if options.json else "\n".join(lines))
    return 0 if found["ok"] else 1
