"""The CardReader port over nfcpy: a PN532 on a serial port, or a USB reader without PC/SC.

nfcpy speaks ISO 14443-4 itself, block by block, so that native DESFire frames and raw Ultralight
frames go the same way. Its card classes are left aside: they talk to a card before we do.
"""

import os
import termios
import time

import nfc.clf
import nfc.clf.pn53x
import nfc.clf.pn532
import nfc.clf.transport
import nfc.tag
import nfc.tag.tt4

from card_layouts.cards.conversation import CardLost
from edge_agent.ports import DESFIRE, OTHER, ULTRALIGHT, CardFound, ManyCards, ReaderError

POLL_PAUSE_S = 0.05
RATS = bytes((0xE0, 0x50))  # our frames are at most 64 bytes, no CID
RATS_TIMEOUT_S = 0.03
RAW_TIMEOUT_S = 0.1  # an Ultralight C writes in 10 ms at most
FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)  # by FSCI
FRAME_WAIT_UNIT_S = 4096 / 13.56e6
ISO_DEP, ULTRALIGHT_ATQA = 0x20, b"\x44\x00"
DESFIRE_ATQA, DESFIRE_HISTORICAL = b"\x44\x03", b"\x80"
LIST_TARGETS, TYPE_A_106 = 0x4A, 0
READER_GONE = (OSError, termios.error)  # pyserial lets the latter out of a port that went away


class NfcpyReader:
    """One reader. `place`: a device file such as /dev/ttyUSB0, or a path of nfcpy such as usb."""

    def __init__(self, place: str) -> None:
        self._frontend = nfc.clf.ContactlessFrontend()
        self._blocks: nfc.tag.tt4.IsoDepInitiator | None = None
        self._active = False
        try:
            if place.startswith("/"):
                # nfcpy's own path takes only names right under /dev; a pty is deeper.
                self._frontend.device = nfc.clf.pn532.init(nfc.clf.transport.TTY(place))
                self._frontend.device._path = place
            elif not self._frontend.open(place):
                raise ReaderError(
                    f"nfcpy:{place}: no reader there; is it plugged in, may you use it?"
                )
        except (*READER_GONE, ValueError, AssertionError) as error:
            why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
            raise ReaderError(f"nfcpy:{place}: {why}; is it a PN532 on a serial port?") from None
        self.name = f"nfcpy {self._frontend.device}"

    def wait(self, timeout_ms: int) -> CardFound | None:
        """See CardReader."""
        until = time.monotonic_ns() + timeout_ms * 1_000_000
        while True:
            found = self._look()
            if found is not None or time.monotonic_ns() >= until:
                return found
            time.sleep(POLL_PAUSE_S)

    def exchange(self, frame: bytearray, length: int) -> int:
        """See CardReader."""
        if not self._active:
            raise CardLost(False)
        command = bytearray(frame[:length])
        try:
            if self._blocks is not None:
                answer = self._blocks.exchange(command)
            else:
                answer = self._frontend.exchange(command, RAW_TIMEOUT_S)
        except (nfc.clf.CommunicationError, nfc.tag.TagCommandError, *READER_GONE):
            self._active = False  # blocks have lost count: only a new activation helps
            raise CardLost() from None
        if answer is None or len(answer) > len(frame):
            raise CardLost()
        frame[: len(answer)] = answer
        return len(answer)

    def block(self, block: bytes) -> bytes | None:
        """Send one ISO 14443-4 block as it is; return the answer, None for silence.

        Beyond CardReader, for checks of cards: the count of blocks must not move by it.
        """
        try:
            return bytes(self._frontend.exchange(bytearray(block), FRAME_WAIT_UNIT_S * 256))
        except nfc.clf.CommunicationError:
            return None

    def release(self) -> None:
        """See CardReader."""
        self._active, self._blocks = False, None
        try:
            self._frontend.sense()  # of nothing: the field goes off
        except READER_GONE:
            pass  # a reader that went away has let go, too; the next `wait` says so

    def wait_empty(self, timeout_ms: int) -> bool:
        """See CardReader."""
        until = time.monotonic_ns() + timeout_ms * 1_000_000
        while True:
            try:
                there = self._look() is not None
            except ManyCards:
                there = True
            self.release()
            if not there or time.monotonic_ns() >= until:
                return not there
            time.sleep(POLL_PAUSE_S)

    def close(self) -> None:
        """See CardReader."""
        self._active = False
        try:
            self._frontend.close()
        except READER_GONE:
            pass

    def _look(self) -> CardFound | None:
        self._active, self._blocks = False, None
        try:
            if self._count() > 1:
                raise ManyCards
            target = self._frontend.sense(nfc.clf.RemoteTarget("106A"))
            if target is None or not target.sdd_res:
                return None
            ats = self._activate_blocks() if target.sel_res[0] & ISO_DEP else b""
        except nfc.clf.CommunicationError:
            return None  # gone again
        except READER_GONE:
            raise ReaderError(f"{self.name}: the reader went away; plug it in again") from None
        self._active = True
        atqa, sak = bytes(target.sens_res), target.sel_res[0]
        return CardFound(bytes(target.sdd_res), _kind(atqa, sak, ats), atqa, sak, ats)

    def _count(self) -> int:
        """Return how many cards the chip sees, at most 2; 0 if it cannot say."""
        device = self._frontend.device
        if device is None:
            raise OSError("it was closed")
        chip = getattr(device, "chipset", None)
        if not isinstance(chip, nfc.clf.pn53x.Chipset):
            return 0
        device.mute()
        said = chip.command(LIST_TARGETS, bytearray((2, TYPE_A_106)), timeout=1.0)
        return int(said[0]) if said else 0

    def _activate_blocks(self) -> bytes:
        """Send RATS and be ready for blocks; return the ATS."""
        ats = bytes(self._frontend.exchange(bytearray(RATS), RATS_TIMEOUT_S))
        size_code, wait_code = 2, 4  # what the standard says where the ATS is silent
        at = 2
        if len(ats) > 1:
            size_code = ats[1] & 15
            at += 1 if ats[1] & 0x10 else 0
            if ats[1] & 0x20 and len(ats) > at:
                wait_code = ats[at] >> 4
        self._blocks = nfc.tag.tt4.IsoDepInitiator(
            self._frontend, FRAME_SIZES[min(size_code, 8)], FRAME_WAIT_UNIT_S * 2**wait_code
        )
        return ats


def _kind(atqa: bytes, sak: int, ats: bytes) -> str:
    if sak & ISO_DEP:
        if atqa == DESFIRE_ATQA and ats[-1:] == DESFIRE_HISTORICAL:
            return DESFIRE
        return OTHER
    return ULTRALIGHT if sak == 0 and atqa == ULTRALIGHT_ATQA else OTHER
