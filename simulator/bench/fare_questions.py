"""Cards and taps for measuring the fare engine: full of rights, journeys and companions.

Drawn from one seed for a shipped tariff; what is measured is work, not whether a card could be so.
"""

from backend_sync.tariffs.model import KIND_PASS, KIND_PURSE, Book, Product
from backend_sync.tariffs.network import Network
from card_layouts.cards.zones import zones_run
from card_layouts.fares import inputs as i
from simulator.prng import Prng

Question = tuple[list[int], list[int]]  # CARD, TAP


def questions(book: Book, network: Network, count: int, seed: int) -> list[Question]:
    """Return `count` cards with a tap each, all within the validity of `book`."""
    drawer = _Drawer(book, network, Prng(seed))
    return [drawer.draw() for _ in range(count)]


class _Drawer:
    def __init__(self, book: Book, network: Network, prng: Prng) -> None:
        self.book, self.network, self.prng = book, network, prng
        self.passes = [p for p in book.products if p.kind == KIND_PASS]
        self.purses = [p for p in book.products if p.kind == KIND_PURSE and p.number]
        self.groups = [group.number for group in book.groups]

    def draw(self) -> Question:
        tap = self._tap()
        return self._card(tap), tap

    def _tap(self) -> list[int]:
        below, tap = self.prng.below, i.new_tap()
        day = self.book.valid_from + 2 + below(self.book.valid_to - self.book.valid_from - 4)
        tap[i.T_SECONDS] = day * 86_400 + below(86_400)
        trip = below(len(self.network.trips))
        pattern = self.network.patterns[self.network.trips[trip].pattern]
        tap[i.T_TRIP] = trip
        tap[i.T_CALL] = below(len(self.network.stop_lists[pattern.stop_list]))
        if not below(3):
            tap[i.T_PICKED] = self._zones()
        if not below(3):
            tap[i.T_ADULTS], tap[i.T_YOUTHS], tap[i.T_CHILDREN] = below(2), below(2), below(3)
        return tap

    def _card(self, tap: list[int]) -> list[int]:
        below, card = self.prng.below, i.new_card()
        day = tap[i.T_SECONDS] // 86_400
        card[i.C_ISSUER] = self.book.authority
        card[i.C_GROUP] = self.groups[below(len(self.groups))]
        card[i.C_BALANCE] = 20_000
        card[i.C_PURSE_PRODUCT] = self._one(self.purses).number
        card[i.C_PURSE_ZONES] = self._zones() if below(2) else 0
        for slot in range(i.SLOTS):
            # At most one purse product beside the purse: a linter rule.
            kinds = self.purses if slot == 3 else self.passes
            self._fill(card, i.slot_at(slot), self._one(kinds), day)
        if below(2):
            minute = tap[i.T_SECONDS] // 60
            zone = 1 + below(len(self.book.zones))
            card[i.C_J_AUTHORITY] = self.book.authority
            card[i.C_J_START_ZONE] = zone
            card[i.C_J_ZONES] = zones_run(zone, zone)
            card[i.C_J_START_MINUTE] = minute - below(200)
            card[i.C_J_TIME] = 60 * card[i.C_J_START_MINUTE]
            card[i.C_J_CHARGED] = 251
            card[i.C_J_COMPANIONS] = below(2)
            card[i.C_J_PAID_BY] = below(5)
        return card

    def _fill(self, card: list[int], at: int, product: Product, day: int) -> None:
        below = self.prng.below
        card[at + i.S_MECHANISM] = 2
        card[at + i.S_PRODUCT] = product.number
        card[at + i.S_ZONES] = self._zones()
        card[at + i.S_LAST] = day + 30
        card[at + i.S_USAGE] = 1
        if below(3):
            card[at + i.S_START] = day - below(40)
            card[at + i.S_LENGTH] = 30
            card[at + i.S_DAY] = day - below(3)
            card[at + i.S_LEFT] = below(30)
            card[at + i.S_TODAY] = below(3)
            card[at + i.S_CENTS] = below(3) * 400

    def _zones(self) -> int:
        low, high = sorted(1 + self.prng.below(len(self.book.zones)) for _ in range(2))
        code: int = zones_run(low, high)
        return code

    def _one(self, products: list[Product]) -> Product:
        return products[self.prng.below(len(products))]
