"""Readers of what cards answer: flows of the firmware fed with a case instead of a card.

`answers` are frames as they come, sealed or not; `files` are what a card with all keys holds;
`pages` are a ticket's memory. The value tells the answer, whether a commit was sent and at which
exchange, whether the gate opened, and how the journal stands. Shared dialect.
"""

from card_layouts.cards.conversation import LOST, LOST_UNSENT, CardLost
from card_layouts.cards.tourist_ticket import ticket_keys
from card_layouts.cards.ultralight_c import AUTHENTICATE, MORE, RANDOM_BYTES, READ
from card_layouts.crypto.triple_des import TripleDes
from simulator.bench.board import master
from simulator.fuzzing.shared.board import FLOWS, KEY_CHANGE, TICKET, UID, Board, is_commit
from simulator.fuzzing.shared.parts import split_parts
from simulator.fuzzing.shared.sealed_card import FILE_NUMBERS, SealedCard

FRAME_BYTES = 64
EXCHANGES_MAX = 100
ANSWERED, IS_LOST, UNSENT = 0, 1, 2


class Recorded:
    """A card that says what a case says: a part an exchange, its first byte 1 or 2 for a loss."""

    def __init__(self, parts, flow):
        self._parts = parts
        self._flow = flow
        self.exchanges = 0
        self.commit_at = -1

    def exchange(self, frame, length):
        if is_commit(frame, length, self._flow) and self.commit_at < 0:
            self.commit_at = self.exchanges
        said = self._parts[self.exchanges] if self.exchanges < len(self._parts) else b""
        self.exchanges += 1
        if self.exchanges > EXCHANGES_MAX:
            raise ValueError("a conversation that never ends")
        if not said or said[0] == IS_LOST:
            raise LOST
        if said[0] == UNSENT:
            raise LOST_UNSENT
        said = said[1 : 1 + FRAME_BYTES]
        frame[: len(said)] = said
        return len(said)


class Counted:
    """Another card's exchanges, counted."""

    def __init__(self, card, flow):
        self._card = card
        self._flow = flow
        self.exchanges = 0
        self.commit_at = -1

    def exchange(self, frame, length):
        if is_commit(frame, length, self._flow) and self.commit_at < 0:
            self.commit_at = self.exchanges
        self.exchanges += 1
        if self.exchanges > EXCHANGES_MAX:
            raise ValueError("a conversation that never ends")
        return self._card.exchange(frame, length)


def _presented(board, flow, card):
    CardLost.__init__(LOST, True)  # a board forgets their traces when it is idle
    CardLost.__init__(LOST_UNSENT, False)
    answer = board.present(flow, card.exchange)
    journal = board.journal
    if card.commit_at >= 0 and flow < KEY_CHANGE and journal.head_seq < 1:
        raise ValueError("a commit without an entry")
    return (
        flow,
        answer,
        card.exchanges,
        card.commit_at,
        board.signals.opened,
        journal.head_seq,
        journal.H,
        len(journal.open_intents),
    )


def answers_of(setup):
    """Return what plays a flow (first part: its number) against recorded answers."""
    board = Board(setup[0], setup[1])

    def read(case):
        parts = split_parts(case)
        flow = parts[0][0] % len(FLOWS) if parts and parts[0] else 0
        return _presented(board, flow, Recorded(parts[1:], flow))

    return read


def files_of(setup):
    """Return what plays a flow against a card with all keys: flow and turn, then its files."""
    board = Board(setup[0], setup[1])

    def read(case):
        parts = split_parts(case)
        head = (parts[0] if parts else b"") + b"\0\xff\0"
        flow = head[0] % TICKET
        files = {}
        for i in range(min(len(parts) - 1, len(FILE_NUMBERS))):
            files[FILE_NUMBERS[i]] = parts[i + 1]
        return _presented(board, flow, Counted(SealedCard(files, (head[1], head[2])), flow))

    return read


class Pages:
    """A ticket that holds any pages and proves the right key."""

    RND_B = b"\x31\x32\x33\x34\x35\x36\x37\x38"

    def __init__(self, pages):
        self._pages = pages
        self._key = ticket_keys(master("TICKET"), UID)[0]

    def exchange(self, frame, length):
        code = frame[0]
        if code == AUTHENTICATE:
            cipher = TripleDes(self._key, 2, bytes(RANDOM_BYTES))
            frame[0] = MORE
            frame[1:9] = cipher.encrypt(self.RND_B)
            return 9
        if code == MORE:
            token = bytes(frame[1:17])
            clear = bytearray(TripleDes(self._key, 2, bytes(8)).decrypt(token[:8]))
            challenge = TripleDes(self._key, 2, bytes(8)).encrypt(self.RND_B)
            for i in range(8):
                clear[i] ^= challenge[i]
            proof = TripleDes(self._key, 2, token[8:]).encrypt(bytes(clear[1:] + clear[:1]))
            frame[0] = 0
            frame[1:9] = proof
            return 9
        if code == READ:
            at = 4 * frame[1]
            frame[:16] = (self._pages[at : at + 16] + bytes(16))[:16]
            return 16
        frame[0] = 0x0A
        return 1


def pages_of(setup):
    """Return what taps a ticket whose 48 pages are the case."""
    board = Board(setup[0], setup[1])

    def read(case):
        return _presented(board, TICKET, Counted(Pages(case[:192]), TICKET))

    return read


# Every flow has an answer for whatever a card does: nothing may be raised.
READERS = {
    "card-answers": (answers_of, ()),
    "card-files": (files_of, ()),
    "ticket-pages": (pages_of, ()),
}
