"""The CardReader port over PC/SC (pyscard): one card in one of the machine's readers.

The card is held exclusively while it is ours and loses power when it is let go. PC/SC never knows
whether a card heard a command: every failure in an exchange is CardLost(sent=True).
"""

import time
from types import ModuleType
from typing import Any

from card_layouts.cards.conversation import CardLost
from edge_agent.drivers import pcsc_frames
from edge_agent.ports import ULTRALIGHT, CardFound, ManyCards, ReaderError

TURN_MS = 250  # the longest wait inside pcscd: Ctrl-C is heard after it
PCSCD_LOOKS_MS = 1000  # more than twice the pause between its looks
REMEDY = "is pcscd running and the reader plugged in? (pcsc_scan shows what PC/SC sees)"


class PcscReader:
    """All PC/SC readers whose name holds `text`, as one reader. `scard`: smartcard.scard."""

    def __init__(self, scard: ModuleType, text: str = "") -> None:
        self._scard: Any = scard
        self._text = text
        self._card: Any = None
        self._lost = False  # the card of the connection at hand, or of the last one
        self._protocol = 0
        self._kind = ""
        self._raw: Any = None
        self._context = self._establish()
        names = self._names()
        self.name = f"PC/SC {names[0]}" if len(names) == 1 else f"PC/SC, {len(names)} readers"

    def wait(self, timeout_ms: int) -> CardFound | None:
        """See CardReader. Cards in two readers at once are many cards, too."""
        until = time.monotonic_ns() + timeout_ms * 1_000_000
        while True:
            self.release()
            states = self._states(0, self._names())
            present = [row for row in states if self._has_card(row)]
            if len(present) > 1:
                raise ManyCards
            found = self._connect(present[0][0]) if present else None
            left_ms = (until - time.monotonic_ns()) // 1_000_000
            if found is not None or left_ms <= 0:
                return found
            if present:  # pcscd has not seen yet that this card went
                time.sleep(min(left_ms, TURN_MS // 5) / 1000)
            else:
                self._change(states, left_ms)

    def exchange(self, frame: bytearray, length: int) -> int:
        """See CardReader."""
        if self._card is None:
            raise CardLost(False)
        command = bytes(frame[:length])
        try:
            if self._kind != ULTRALIGHT:
                answer = pcsc_frames.native(self._transmit, command)
            else:
                answer = self._raw_way()(self._transmit, command)
        except pcsc_frames.NoAnswer:
            self._lost = True
            raise CardLost() from None
        if len(answer) > len(frame):
            raise CardLost()
        frame[: len(answer)] = answer
        return len(answer)

    def release(self) -> None:
        """See CardReader."""
        card, self._card = self._card, None
        if card is not None:
            if self._lost:
                self._let_pcscd_see()
            how = self._scard.SCARD_LEAVE_CARD if self._lost else self._scard.SCARD_UNPOWER_CARD
            self._scard.SCardDisconnect(card, how)

    def wait_empty(self, timeout_ms: int) -> bool:
        """See CardReader."""
        self.release()
        until = time.monotonic_ns() + timeout_ms * 1_000_000
        while True:
            states = self._states(0, self._names())
            if not any(map(self._has_card, states)):
                return True
            left_ms = (until - time.monotonic_ns()) // 1_000_000
            if left_ms <= 0:
                return False
            self._change(states, left_ms)

    def close(self) -> None:
        """See CardReader."""
        self.release()
        self._scard.SCardReleaseContext(self._context)

    def _establish(self) -> Any:
        code, context = self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_USER)
        self._check(code, "PC/SC does not answer")
        return context

    def _names(self) -> list[str]:
        code, names = self._scard.SCardListReaders(self._context, [])
        if code not in (0, self._scard.SCARD_E_NO_READERS_AVAILABLE):
            self._check(code, "PC/SC does not answer")
        chosen = [name for name in names if self._text.lower() in name.lower()]
        if not chosen:
            wanted = f" whose name holds {self._text!r} (found: {names})" if self._text else ""
            raise ReaderError(f"pcsc: there is no reader{wanted}; {REMEDY}")
        return chosen

    def _states(self, timeout_ms: int, names: list[str]) -> list[Any]:
        asked = [(name, self._scard.SCARD_STATE_UNAWARE) for name in names]
        code, states = self._scard.SCardGetStatusChange(self._context, timeout_ms, asked)
        if code != self._scard.SCARD_E_TIMEOUT:
            self._check(code, "the reader went away")
        return list(states)

    def _change(self, states: list[Any], left_ms: int) -> None:
        asked = [(name, state & ~self._scard.SCARD_STATE_CHANGED) for name, state, _atr in states]
        self._scard.SCardGetStatusChange(self._context, int(min(left_ms, TURN_MS)), asked)

    def _let_pcscd_see(self) -> None:
        """Give pcscd time to see for itself that the card of our connection went.

        Disconnecting first makes it believe in an empty reader without having looked: a card that
        is back before its next look would never be seen again [ran, pcscd 1.9.9].
        """
        names = self._names()
        states = self._states(0, names)
        if any(map(self._has_card, states)):
            asked = [(name, state & ~self._scard.SCARD_STATE_CHANGED) for name, state, _ in states]
            self._scard.SCardGetStatusChange(self._context, PCSCD_LOOKS_MS, asked)

    def _has_card(self, row: Any) -> bool:
        state = row[1]
        return bool(state & self._scard.SCARD_STATE_PRESENT) and not bool(
            state & self._scard.SCARD_STATE_MUTE
        )

    def _connect(self, reader: str) -> CardFound | None:
        scard = self._scard
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, card, protocol = scard.SCardConnect(
            self._context, reader, scard.SCARD_SHARE_EXCLUSIVE, protocols
        )
        if code == scard.SCARD_E_SHARING_VIOLATION:
            raise ReaderError(f"pcsc: another program holds the card in {reader}; end that one")
        if code:
            return None
        self._card, self._protocol, self._raw = card, protocol, None
        self.name = f"PC/SC {reader}"
        if self._lost:
            unpower = scard.SCARD_UNPOWER_CARD
            code, _ = scard.SCardReconnect(card, scard.SCARD_SHARE_EXCLUSIVE, protocols, unpower)
            if code:
                return None
            self._lost = False
        code, _reader, _state, _protocol, atr = scard.SCardStatus(card)
        self._kind = pcsc_frames.kind_of(bytes(atr))
        try:
            uid, ats = pcsc_frames.uid_and_ats(self._transmit, self._kind)
        except CardLost:
            return None
        return CardFound(uid, self._kind, ats=ats, atr=bytes(atr))

    def _transmit(self, command: bytes) -> bytes:
        scard = self._scard
        header = scard.SCARD_PCI_T0
        if self._protocol == scard.SCARD_PROTOCOL_T1:
            header = scard.SCARD_PCI_T1
        code, answer = scard.SCardTransmit(self._card, header, list(command))
        if code:
            self._lost = True
            raise CardLost()
        return bytes(answer)

    def _raw_way(self) -> Any:
        if self._raw is None:
            self._raw = pcsc_frames.raw_way(self._transmit)
        if self._raw is None:
            raise ReaderError(
                f"{self.name}: carries no raw frames, so no Ultralight C; "
                "wanted a reader with PC/SC transparent sessions or a PN53x inside, or nfcpy:PORT"
            )
        return self._raw

    def _check(self, code: int, words: str) -> None:
        if code:
            said = self._scard.SCardGetErrorMessage(code).strip().rstrip(".")
            raise ReaderError(f"pcsc: {words} ({said}); {REMEDY}")
