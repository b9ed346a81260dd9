"""Read all pages of an Ultralight on a reader, with its key if there is one.

READ answers four pages and rolls over to page 0 at the end of what may be read, so only the first
page of each answer is taken. After a NAK the card is silent until it is activated again.
"""

from collections.abc import Callable

from card_layouts.cards.conversation import FRAME_BYTES, CardLost, CardStatusError, converse
from card_layouts.cards.ulc_layout import PAGE_BYTES, PAGE_KEY
from card_layouts.cards.ultralight_c import AUTHENTICATE, MORE, Session
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.errors import SealError
from edge_agent.counter.card_contents import ULTRALIGHT_C_PAGES, UltralightCard
from edge_agent.counter.card_keys import KeyRing
from edge_agent.ports import CardReader

PLAIN_PAGES = 16  # of an Ultralight without a C
AGAIN_MS = 1000


def survey_pages(
    reader: CardReader, uid: bytes, keys: KeyRing, random_bytes: Callable[[int], bytes]
) -> UltralightCard:
    """Return the pages the card gives; the key's own pages never. Raises: CardLost."""
    return _Pages(reader, uid, keys.ticket_key(uid), random_bytes).card()


class _Pages:
    def __init__(
        self,
        reader: CardReader,
        uid: bytes,
        key: bytes | None,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.reader = reader
        self.uid = uid
        self.key = key
        self.random_bytes = random_bytes
        self.frame = bytearray(FRAME_BYTES)
        self.session = Session(self.frame)
        self.notes: list[str] = []

    def card(self) -> UltralightCard:
        has_key = self._has_key()
        self._activate()
        count = ULTRALIGHT_C_PAGES if has_key else PLAIN_PAGES
        pages = [self._page(number) if number < PAGE_KEY else None for number in range(count)]
        model = "Ultralight C" if has_key else "Ultralight family, first 16 pages"
        return UltralightCard(self.uid, tuple(pages), model, tuple(self.notes))

    def _has_key(self) -> bool:
        """Return whether the card knows 3DES authentication: only the C does."""
        self.frame[0:2] = bytes((AUTHENTICATE, 0))
        try:
            got = self.reader.exchange(self.frame, 2)
        except CardLost:
            return False  # some readers report the NAK of a plain Ultralight so
        return got == 9 and self.frame[0] == MORE

    def _activate(self) -> None:
        self.reader.release()
        if self.reader.wait(AGAIN_MS) is None:
            raise CardLost
        if self.key is None:
            return
        steps = self.session.authenticate(self.key, self.random_bytes(8), TripleDes)
        try:
            converse(steps, self.frame, self.reader.exchange)
        except (CardStatusError, SealError):
            self.key = None
            self.notes.append("the key given is not this card's: read without it")
            self._activate()

    def _page(self, number: int) -> bytes | None:
        try:
            answer = converse(self.session.read(number), self.frame, self.reader.exchange)
        except CardStatusError:
            self._activate()
            return None
        return bytes(answer[:PAGE_BYTES])
