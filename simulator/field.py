"""The field of one reader: which cards lie in it, and where planned tears take one away.

The direct reader and the PN532 both work through a Field, so one tear plan serves both.
"""

from dataclasses import dataclass
from typing import Protocol

from simulator.desfire_card import Cut, PowerLost

COMMIT = 0xC7
FOREVER = -1


class Card(Protocol):
    """What a field and a reader need of a card of any kind; SAK bit 20 says it speaks ISO-DEP."""

    sak: int

    @property
    def atqa(self) -> bytes:
        """The two bytes of SENS_RES, as the PN532 gives them to its host."""

    @property
    def uid(self) -> bytes:
        """What anticollision shows."""

    @property
    def ats(self) -> bytes:
        """The answer to select; b"" for a card without ISO-DEP."""

    @property
    def powered(self) -> bool:
        """Whether the card lies in a field."""

    def power_on(self) -> None:
        """Enter the field."""

    def power_off(self) -> None:
        """Leave the field."""

    def exchange(self, command: bytes, cut: Cut | None = None) -> bytes:
        """Return the answer to one command. Raises: PowerLost."""


class CardGone(Exception):
    """The card left; `sent` is False if the command was never handed to the air."""

    def __init__(self, sent: bool) -> None:
        super().__init__("card gone" if sent else "card gone, command not sent")
        self.sent = sent


@dataclass(frozen=True)
class Tear:
    """Take the card away at one exchange: number `exchange`, or the first with `command`.

    `cut` is the position (Cut), or None for "the reader lost the card before it sent".
    The card is back at poll number `back_after_polls` after the tear; FOREVER = stays away
    until it is placed again.
    """

    exchange: int | None = None
    command: int | None = None
    cut: Cut | None = None
    back_after_polls: int = FOREVER

    def meets(self, number: int, command: int) -> bool:
        """Tell whether this exchange is the planned one."""
        if self.exchange is not None:
            return number == self.exchange
        return command == self.command


def before_commit(back_after_polls: int = FOREVER) -> Tear:
    """Return a tear that keeps Commit from being sent at all."""
    return Tear(command=COMMIT, back_after_polls=back_after_polls)


def commit_lost(back_after_polls: int = FOREVER) -> Tear:
    """Return a tear in which Commit is sent and never reaches the card."""
    return Tear(command=COMMIT, cut=Cut("in", 0), back_after_polls=back_after_polls)


def commit_torn(step: int, back_after_polls: int = FOREVER) -> Tear:
    """Return a tear in the card's own commit, before write step `step`."""
    return Tear(command=COMMIT, cut=Cut("step", step), back_after_polls=back_after_polls)


def answer_lost(back_after_polls: int = FOREVER) -> Tear:
    """Return a tear after Commit is done and before any byte of its answer."""
    return Tear(command=COMMIT, cut=Cut("out", 0), back_after_polls=back_after_polls)


class Field:
    """Cards within reach of one antenna."""

    def __init__(self) -> None:
        self.cards: list[Card] = []
        self.exchanges = 0
        self.tears_met: list[Tear] = []
        self._plan: list[Tear] = []
        self._away: list[tuple[Card, int]] = []

    def place(self, card: Card) -> None:
        """Lay a card into the field; one already there, or away by a tear, is laid anew."""
        self.take(card)
        self.cards.append(card)

    def take(self, card: Card) -> None:
        """Take a card away; it loses power."""
        card.power_off()
        self.cards = [other for other in self.cards if other is not card]
        self._away = [row for row in self._away if row[0] is not card]

    def plan(self, *tears: Tear) -> None:
        """Set the tears to come and number the exchanges from 0 again."""
        self._plan = list(tears)
        self.tears_met = []
        self.exchanges = 0

    def poll(self) -> list[Card]:
        """Return the cards in the field, powered; counts as one poll for cards torn away."""
        for row in list(self._away):
            card, polls = row
            self._away.remove(row)
            if polls == 1:
                self.cards.append(card)
            else:
                self._away.append((card, polls - 1))
        for card in self.cards:
            card.power_on()
        return list(self.cards)

    def off(self) -> None:
        """Switch the field off: every card loses its session."""
        for card in self.cards:
            card.power_off()

    def exchange(self, card: Card, command: bytes) -> bytes:
        """Return the card's answer. Raises: CardGone, also for a card that says nothing."""
        number, self.exchanges = self.exchanges, self.exchanges + 1
        if card not in self.cards or not card.powered:
            raise CardGone(sent=True)
        tear = self._due(number, command)
        if tear is not None and tear.cut is None:
            self._tear_away(card, tear)
            raise CardGone(sent=False)
        try:
            answer = card.exchange(command, tear.cut if tear else None)
            if answer:
                return answer
        except PowerLost:
            if tear is None:
                self.take(card)  # the card's own fault port took it
            else:
                self._tear_away(card, tear)
        raise CardGone(sent=True)

    def _due(self, number: int, command: bytes) -> Tear | None:
        wrapped = command[:1] == b"\x90"
        code = int.from_bytes(command[1:2] if wrapped else command[:1], "big")
        for tear in self._plan:
            if tear.meets(number, code):
                return tear
        return None

    def _tear_away(self, card: Card, tear: Tear) -> None:
        self._plan.remove(tear)
        self.tears_met.append(tear)
        self.take(card)
        if tear.back_after_polls != FOREVER:
            self._away.append((card, max(1, tear.back_after_polls)))
