"""The Reader port of the firmware, straight onto cards in a field, for boards in process."""

from card_layouts.cards.conversation import LOST, LOST_UNSENT
from simulator.field import CardGone, Field

ISO_DEP = 0x20  # bit of SAK
MANY = b""  # two cards or more: firmware/ports.py


class DirectReader:
    """poll, exchange, sent, release over a Field; the tear plan is the field's."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.sent = True
        self.iso_dep = True
        self._uid: bytes | None = None

    def poll(self) -> bytes | None:
        """Return None, the UID of the one card, or MANY.

        Like a new activation on silicon, it resets the session of the card it finds.
        """
        self.field.off()
        cards = self.field.poll()
        self._uid = cards[0].uid if len(cards) == 1 else None
        if self._uid is not None:
            self.iso_dep = bool(cards[0].sak & ISO_DEP)
        return MANY if len(cards) > 1 else self._uid

    def exchange(self, frame: bytearray, length: int) -> int:
        """Send frame[:length], leave the answer in frame, return its length.

        Raises: CardLost (one of its two singletons, as the PN532 driver does).
        """
        card = next((c for c in self.field.cards if c.powered and c.uid == self._uid), None)
        self.sent = True
        if card is None:
            raise LOST
        try:
            answer = self.field.exchange(card, bytes(frame[:length]))
        except CardGone as gone:
            self.sent = gone.sent
            # One object is raised again and again: without this its traceback would grow for ever.
            raise (LOST if gone.sent else LOST_UNSENT).with_traceback(None) from None
        frame[: len(answer)] = answer
        return len(answer)

    def release(self) -> None:
        """Let the card go: it loses its session."""
        self._uid = None
        self.field.off()
