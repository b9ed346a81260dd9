"""What a flow that is torn must tell: where it starts, and what must be true whatever happened.

A flow knows the money, not the protocol: `took` says whether a person was charged (or served)
between two looks at the card, `complaint` what is wrong once all is over. Counts are those of
card.md sections 3, 5 and 6.
"""

from typing import Any, NamedTuple

from simulator.desfire_card import DesfireCard, Image, Transcript, image_to_json
from simulator.prng import Prng
from simulator.tears.terminals import Terminal
from simulator.ultralight_c.tearing import Torn
from simulator.worlds.tap_world import OnCard

OLD, NEW, MIXED, SAME = "old", "new", "mixed", "same"


class Scene(NamedTuple):
    """One card and the terminals around it, all at the beginning."""

    card: Any
    terminals: list[Terminal]


class Flow:
    """One flow over the transit application; `exchanges` and `byte_count` as card.md has them."""

    name = title = ""
    exchanges = byte_count = 0
    ticket = False
    torn: tuple[Torn | None, ...] = (None,)  # what a torn page may hold; DESFire has none

    def start(self) -> Scene:
        """Return a fresh scene."""
        raise NotImplementedError

    def look(self, scene: Scene) -> Any:
        """Return what the card holds once it has power again."""
        return OnCard(scene.card)

    def text(self, scene: Scene) -> str:
        """Return the whole EEPROM as text, once a torn commit is finished."""
        scene.card.power_on()
        scene.card.power_off()
        return image_to_json(scene.card.image)

    def seen(self, scene: Scene) -> str:
        """Return what terminals can tell about the card."""
        return self.text(scene)

    def held(self, text: str, old: str, new: str, now: Any, first: Any) -> str:
        """Return which card this is: OLD, NEW, SAME (nothing is written in this flow), or MIXED."""
        if old == new == text:
            return SAME
        return OLD if text == old else NEW if text == new else MIXED

    def took(self, before: Any, after: Any) -> bool:
        """Return whether a person was charged, or served, between two looks."""
        raise NotImplementedError

    def charged(self, first: Any, last: Any) -> bool:
        """Return whether what was opened for is paid."""
        return self.took(first, last)

    def committed_at(self, terminal: Terminal, first: Any, now: Any) -> bool:
        """Return whether a terminal that shows green has what it opens for on the card."""
        return bool(now.newest["device"] == terminal.number)

    def complaint(self, first: Any, last: Any, greens: int) -> str:
        """Return what is wrong with the card once all is over, or nothing."""
        raise NotImplementedError


def fresh(image: Image) -> DesfireCard:
    """Return a card with a copy of this EEPROM."""
    return DesfireCard(image.clone(), Prng(1).bytes, meter=Transcript())
