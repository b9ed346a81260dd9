"""The days of the web-shop story: what is bought when, who taps where, what is torn.

    day 0   purchases while the validators are out; one is cancelled before any list has it
    night   all validators dock: each gets the list with every purchase
    day 1   one purchase is cancelled, too late for the list; the others' cards tap at several
            validators, torn during the load at seeded positions
    day 2   everybody taps again, also the card of an expired purchase; one card stays at home

Nothing here looks into a journal: what came of it is asked of the cards and of the ledger.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple

from backend_sync.actions import desk
from backend_sync.actions.checks import check
from backend_sync.actions.desk import ActionRefused, Order
from backend_sync.ledger.ledger import Ledger
from card_layouts.records.entries_service import ACT_LOAD
from simulator.demo import passengers
from simulator.demo.files import DemoError
from simulator.demo.run import NIGHT_S, Demo
from simulator.demo.taps import ANSWER_LIMIT_MS, REPOLL_MS
from simulator.desfire_card import Cut
from simulator.field import Tear, answer_lost, commit_lost, commit_torn

DAY_S = passengers.DAY_S
SHOP_S, OUT_S = 6 * 3600, 5 * 3600
BETWEEN_TAPS_S = 45
AMOUNTS = tuple(range(2000, 8001, 500))  # what the shipped tariff lets the web shop load for all
OUT_OF_RANGE = (1500, 12_500, 2_250, -500)
LOAD_EXCHANGES = (6, 24)  # of a tap with a load: from its list to the fare's beginning
LISTED_WAIT_S = 150.0
UNLISTED = (
    "SELECT count(*) FROM action_lines l JOIN action_states s ON s.action = l.action"
    " WHERE s.ended = 0 AND l.id NOT IN (SELECT line FROM action_listed)"
)


class Bought(NamedTuple):
    """One purchase: for which card, and what its story is."""

    action: int
    card: int  # index of the rider
    cents: int
    fate: str


LOADED, CANCELLED_FIRST, CANCELLED, EXPIRED, HOME = (
    *("loaded", "cancelled before", "cancelled after"),
    *("expired", "stays at home"),
)


class WebShop:
    """Three days of one started demo."""

    def __init__(self, demo: Demo, tear: bool) -> None:
        self.demo = demo
        self.tear = tear
        self.prng = demo.prng.fork("web shop")
        riders = demo.plan.riders
        self.buyers = [i for i, rider in enumerate(riders) if rider.fate == passengers.PLAIN]
        self.places = _places(demo)
        self.bought: list[Bought] = []
        self.refused: list[str] = []
        self.answers: Counter[str] = Counter()
        self.torn = 0

    def play(self) -> None:
        """Play all three days; the validators are docked and drained at the end."""
        self._sell()
        self._night(0)
        self._cancel_late()
        self._taps(1, [b.card for b in self.bought if b.fate == LOADED], torn=self.tear)
        self._night(1)
        self._taps(2, [b.card for b in self.bought if b.fate != HOME], torn=False)
        self._night(2)
        self.demo.docks.drain()

    # Day 0

    def _sell(self) -> None:
        self._advance(0, SHOP_S)
        self.demo.show.step("web shop: purchases while the validators are out")
        with closing(self.demo.ledger()) as ledger:
            accounts = self._accounts(ledger)
            fates = [CANCELLED_FIRST, CANCELLED, EXPIRED, HOME]
            for place, card in enumerate(self.buyers):
                fate = fates[place] if place < len(fates) else LOADED
                for number in range(2 if place == len(fates) else 1):  # one buys twice
                    key = f"web-{card + 1}-{number + 1}"
                    cents = self.prng.choice(AMOUNTS)
                    days = 1 if fate == EXPIRED else 30
                    self._buy(ledger, fate, key, card, accounts[card], cents, days)
            account = accounts[self.buyers[0]]
            for cents in OUT_OF_RANGE:
                self._refuse(ledger, account, cents)
            self._refuse(ledger, max(accounts.values()) + 1_000_000, AMOUNTS[0])

    def _buy(
        self, ledger: Ledger, fate: str, key: str, card: int, account: int, cents: int, days: int
    ) -> None:
        now = ledger.clock.utc_seconds()
        order = Order(key, account, ACT_LOAD, cents, "web", now, now + days * DAY_S)
        check(ledger.database, ledger.rerater.tariffs, order, now)
        with ledger.books() as books:
            action, _ = desk.create(books, order)
            again, is_new = desk.create(books, order)  # the shop's line broke: it asks again
            assert (again, is_new) == (action, False)
            if fate == CANCELLED_FIRST:
                desk.cancel(books, action, "changed her mind")
        self.bought.append(Bought(action, card, cents, fate))

    def _refuse(self, ledger: Ledger, account: int, cents: int) -> None:
        now = ledger.clock.utc_seconds()
        order = Order(f"web-{cents}", account, ACT_LOAD, cents, "web", now, now + DAY_S)
        try:
            check(ledger.database, ledger.rerater.tariffs, order, now)
        except ActionRefused as error:
            self.refused.append(str(error))

    def _accounts(self, ledger: Ledger) -> dict[int, int]:
        """Return the account number of each buyer's card."""
        rows = (self.demo.files / "issues.bin").read_bytes()
        issues = [rows[64 * card : 64 * card + 64] for card in self.buyers]
        names = ledger.keyring.pseudonyms(issues)
        found = {bytes(p): n for n, p in ledger.database.rows("SELECT id, pseudonym FROM cards")}
        return {card: found[name] for card, name in zip(self.buyers, names, strict=True)}

    # Days 1 and 2

    def _cancel_late(self) -> None:
        """Cancel a purchase that is on every validator's list."""
        self._advance(1, OUT_S - 600)
        action = next(b.action for b in self.bought if b.fate == CANCELLED)
        with closing(self.demo.ledger()) as ledger, ledger.books() as books:
            state = desk.cancel(books, action, "changed his mind")
        self.demo.show.step(f"purchase {action} is cancelled after it was published: {state}")

    def _taps(self, day: int, cards: list[int], torn: bool) -> None:
        """Let these cards tap at two validators each, in a drawn order; torn ones once more."""
        show, count = self.demo.show, len(self.demo.world.boards) - 1
        taps = [(card, turn) for turn in range(2) for card in dict.fromkeys(cards)]
        show.step(f"day {day}: {len(taps)} taps at {count} validators")
        self._advance(day, OUT_S)
        for card, turn in taps:
            # Another validator each time and each day: whoever is offered the load again refuses.
            validator = (card + turn + 2 * day) % count
            tears = [self._draw()] if torn and turn == 0 and self.prng.below(4) else []
            self._tap(card, validator, *tears)

    def _draw(self) -> Tear:
        """Return where the card goes away: at the load's commit, or anywhere during the load."""
        back = self.prng.choice((-1, -1, 1))
        kind = self.prng.below(6)
        if kind == 0:
            return commit_lost(back)
        if kind == 1:
            return commit_torn(self.prng.below(9), back)
        if kind == 2:
            return answer_lost(back)
        first, last = LOAD_EXCHANGES
        cut = Cut(self.prng.choice(("in", "out")), self.prng.below(8))
        return Tear(exchange=first + self.prng.below(last - first), cut=cut, back_after_polls=back)

    def _tap(self, card: int, validator: int, *tears: Tear) -> None:
        demo, world = self.demo, self.demo.world
        board = world.boards[validator]
        world.advance_to(demo.clock.now_ms + BETWEEN_TAPS_S * 1000)
        board.press(self.places[validator][card % len(self.places[validator])])
        world.settle()
        board.field.plan(*tears)
        first, laid = len(board.signals), demo.taps.cards[card]
        board.lay(laid)

        def answers() -> list[str]:
            return [detail for name, detail in board.signals[first:] if name == "answer"]

        world.run(lambda: bool(answers()), f"{board.name} to answer", ANSWER_LIMIT_MS)
        board.check_alive()
        if tears:
            world.run_for(REPOLL_MS)
        self.torn += bool(board.field.tears_met)
        board.take(laid)
        world.settle()
        board.field.plan()
        self.answers[answers()[-1]] += 1

    # Nights

    def _night(self, day: int) -> None:
        """Dock everybody, once the publisher's newest list has every purchase."""
        self._advance(day, NIGHT_S)
        self.demo.set_clock()
        _until(self._is_listed, "the publisher to list every purchase")
        self.demo.docks.dock(self.demo.world.boards, day)

    def _is_listed(self) -> bool:
        """Say whether no line is left out, and every authority's list is the newest."""
        self.demo.services.mend()
        with closing(sqlite3.connect(self.demo.files / "ledger.db", timeout=150)) as database:
            if database.execute(UNLISTED).fetchone()[0]:
                return False
            newest = database.execute("SELECT max(id) FROM action_lists").fetchone()[0]
        manifests: dict[str, Any] = json.loads((self.demo.files / "versions.json").read_text())
        versions = [
            row["version"]
            for name, row in manifests["manifests"].items()
            if name.startswith("actions-")
        ]
        return bool(versions) and min(versions) == newest

    def _advance(self, day: int, second: int) -> None:
        world = self.demo.world
        world.advance_to(max((day * DAY_S + second) * 1000, self.demo.clock.now_ms + 1000))
        self.demo.set_clock()


def _places(demo: Demo) -> list[list[str]]:
    """Return, for each validator, messages that tell it where its vehicle is."""
    boards = range(demo.settings.validators)
    return [
        [demo.place(step) for step in demo.plan.steps if step.validator == board][:20]
        for board in boards
    ]


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LISTED_WAIT_S
    while not done():
        if time.monotonic() > deadline:
            raise DemoError(f"waited {LISTED_WAIT_S:.0f} s for {what}; see the logs folder")
        time.sleep(0.05)
