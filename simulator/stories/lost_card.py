"""`tornello demo --story lost-card`: frozen at once, season at once, value after the longest lease.

Real cards, gates and stations. A finder rides on with some of the cards: at gates that have the
hotlist he is refused, at one that was off line he is not, and its journal may come after the owner
got his value. It ends with what is on the new cards and with LOSS.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from card_layouts.answers import LOADED
from card_layouts.cards.card_layout import (
    CHANNEL_COUNTER,
    FILE_P,
    M_CALENDAR,
    P_SLOT,
    ZONES_ALL,
)
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from card_layouts.records.entries_service import ACT_PRODUCT
from firmware.station import Order
from firmware.station_services import Load, Product
from simulator.stories.refund import tell
from simulator.worlds.return_world import DAY_S, LEASE_S, Customer, ServicePoint
from simulator.worlds.tap_world import AUTHORITY, OnCard

SLOT, SEASON_PRODUCT = 0, 41
HONEST, OFFLINE, LATE = "found by nobody", "gate off line", "journal comes after the payout"
FATES = (HONEST, OFFLINE, LATE)


class LostCardStory:
    """Some people who lost their cards."""

    def __init__(self, folder: Path, seed: int, cards: int, url: str = "") -> None:
        self.point = ServicePoint(folder, seed, url)
        self.prng, self.cards = self.point.prng, cards
        self.wrong: list[str] = []
        self.stolen_late = self.refused = 0

    def play(self) -> dict[str, Any]:
        """Play all; return the figures."""
        cases = [self._lose(FATES[number % 3]) for number in range(self.cards)]
        self._seasons(cases)
        early = [self.point.desk.settle(_key(old)) for old, _, _, _ in cases]
        if any(status.paid_cents for status in early):
            self.wrong.append("value was moved before the longest lease was over")
        self.point.clock.now += LEASE_S + DAY_S + 1
        for old, new, _, owed in cases:
            self._move_value(old, new, owed)
        for old, _, fate, _ in cases:
            if fate == LATE:
                old.hand_over()
        found = self.point.desk.settle_all()
        if found != self.point.desk.settle_all():
            self.wrong.append("settling once more changed something")
        return self._figures(cases, found)

    def _lose(self, fate: str) -> tuple[Customer, Customer, str, int]:
        """Return (old card, new card, fate, what the owner gets) of one person."""
        old = self.point.customer(1500 + 50 * self.prng.below(40))
        right = P_SLOT.pack(_season(2))
        order = Order(200_000 + old.number, 2, 1, 0, CHANNEL_COUNTER)
        sold = old.station.present(old.card, order=order, service=Product(SLOT, right))
        if sold != LOADED:
            self.wrong.append(f"customer {old.number}: no season")
        old.hand_over()
        new = self.point.customer(0)
        what = P_SLOT.pack(_season(1)) + b"\0"
        self.point.desk.lost(_key(old), old.account, new.account, "clerk", [(SLOT, what)])
        value = old.purse
        if fate != HONEST:
            for _ in range(self.prng.between(1, 2)):
                old.tap()
        taken = value - old.purse
        if fate == OFFLINE:
            old.hand_over()
        self.stolen_late += taken if fate == LATE else 0
        old.hotlist.rows[old.uid] = (HOT_BLOCK, 1)
        left = old.purse
        old.tap()
        old.tap()
        if old.purse != left or OnCard(old.card).b != 1:
            self.wrong.append(f"customer {old.number}: the frozen card was debited")
        self.refused += 1
        return old, new, fate, value - (taken if fate == OFFLINE else 0)

    def _seasons(self, cases: list[tuple[Customer, Customer, str, int]]) -> None:
        """Hold the new cards to a station on the same day: the season is there."""
        for old, new, _, _ in cases:
            self._carry_out(new)
            right = P_SLOT.unpack(OnCard(new.card).data[FILE_P], 12 + 24 * SLOT)
            if right["product"] != SEASON_PRODUCT:
                self.wrong.append(f"customer {old.number}: the new card has no season")

    def _move_value(self, old: Customer, new: Customer, owed: int) -> None:
        moved = self.point.desk.settle(_key(old)).paid_cents
        self._carry_out(new)
        self._carry_out(new)  # again: nothing is left to do
        if (moved, new.purse) != (owed, owed):
            words = f"moved {moved}, on the new card {new.purse}, owed {owed}"
            self.wrong.append(f"customer {old.number}: {words}")

    def _carry_out(self, new: Customer) -> None:
        """Do at the station whatever actions wait for the card, in their order."""
        database = self.point.ledger.database
        for action, k, version, kind, cents, what in database.rows(
            "SELECT a.id, l.k, l.version, a.kind, a.cents, a.what FROM actions a"
            " JOIN action_lines l ON l.action = a.id WHERE a.card = ? ORDER BY l.k",
            (new.account,),
        ):
            if k <= OnCard(new.card).actions:
                continue
            service = Product(SLOT, bytes(what)[:24]) if kind == ACT_PRODUCT else Load()
            order = Order(action, k, version, cents, CHANNEL_COUNTER)
            answer = new.station.present(new.card, order=order, service=service)
            if answer != LOADED:
                self.wrong.append(f"action {action}: answer {answer}")
        new.hand_over()

    def _figures(
        self, cases: list[tuple[Customer, Customer, str, int]], found: dict[str, Any]
    ) -> dict[str, Any]:
        books = self.point.balances()
        on_new = sum(new.purse for _, new, _, _ in cases)
        moved = sum(status.paid_cents for status in found.values())
        total = int(self.point.ledger.database.value("SELECT sum(cents) FROM postings"))
        loss = -books.get(f"LOSS:{AUTHORITY}", 0)
        for words, one, other in (
            ("moved", moved, on_new),
            ("LIAB", books.get("LIAB", 0), on_new),
            ("PREPAID", books.get("PREPAID", 0), 0),
            ("CASH:transfer", books.get("CASH:transfer", 0), 0),
            ("LOSS", loss, self.stolen_late),
        ):
            if one != other:
                self.wrong.append(f"{words} is {one}, wanted {other}")
        return {
            "cards_lost": len(cases),
            "value_moved_cents": moved,
            "on_new_cards_cents": on_new,
            "liab_cents": books.get("LIAB", 0),
            "loss_cents": loss,
            "debited_after_the_payout_cents": self.stolen_late,
            "frozen_cards_refused": self.refused,
            "trial_balance_cents": total,
            "wrong": self.wrong,
            "ok": not self.wrong and not total,
        }


def main(arguments: Sequence[str]) -> int:
    """Tell the story; 0 = every equality holds, 1 = not, 2 = wrong use."""
    return tell(arguments, "lost-card", __doc__ or "", LostCardStory)


def _season(k: int) -> dict[str, int]:
    return {"mechanism": M_CALENDAR, "slot": SLOT, "product": SEASON_PRODUCT, "k": k,
            "zones": ZONES_ALL & 2, "last_day": 2600, "authority_use": 99}  # fmt: skip


def _key(old: Customer) -> str:
    return f"lost-{old.number}"
