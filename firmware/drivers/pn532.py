"""The PN532 on a high-speed UART as the Reader port: polls for one card, carries its exchanges.

The chip owns ISO-DEP (InDataExchange, D7). An exchange works in buffers made once and allocates
nothing, lost or not: it runs inside the commit window. A garbled answer is asked for again
(NACK repeats what was said, it never sends the card's command twice); after silence nobody knows,
so the chip is started anew and recognised by an echo before the next command.
Must not know what is said to the card. Source: NXP UM0701-02; decisions.md D4, D7; desfire.md.
"""

from card_layouts.cards.conversation import FRAME_BYTES, LOST, LOST_UNSENT
from firmware.drivers.pn532_frames import (
    ACK,
    ANSWER,
    BAD,
    HEAD_BYTES,
    SILENCE,
    TO_CHIP,
    FrameReader,
    build,
)
from firmware.ports import MANY

DIAGNOSE = 0x00
SET_SERIAL_BAUD_RATE = 0x10
SET_PARAMETERS = 0x12
SAM_CONFIGURATION = 0x14
RF_CONFIGURATION = 0x32
IN_DATA_EXCHANGE = 0x40
IN_COMMUNICATE_THRU = 0x42
IN_LIST_PASSIVE_TARGET = 0x4A
IN_RELEASE = 0x52

WAKE_UP = b"\x55\x55" + bytes(14)
ACK_FRAME = b"\x00\x00\xff\x00\xff\x00"
NACK_FRAME = b"\x00\x00\xff\xff\x00\x00"
AUTOMATIC_RATS = 0x10
ISO_DEP = 0x20  # bit of SEL_RES
ULTRALIGHT = 0x00  # SEL_RES of the whole family; whether it is a C its authentication shows
PAST_CHIP = (0x1A, 0xAF)  # commands of an Ultralight C that InDataExchange does not know
CRC_ERROR = 0x02
NAK = 0x00
UID_BYTES = 7
START_BAUD = 115200
BAUD_CODES = {115200: 4, 230400: 5, 460800: 6, 921600: 7}
STATUS_BITS = 0x3F
BODY_BYTES = 96  # two targets with their ATS, or TFI, code, status and a card's frame
STALE_FRAMES_MAX = 8
REPEATS_MAX = 2


class Pn532:
    """The Reader port. `stream`: write(buf, n), and readinto(buf, n) that gives up by itself.

    With `baud` beyond 115200 the line is sped up by `set_baud(baud)` of the board's UART.
    """

    def __init__(self, stream, baud=START_BAUD, set_baud=None):
        self._stream = stream
        self._frames = FrameReader(stream, BODY_BYTES)
        self._body = self._frames.body
        self._out = bytearray(HEAD_BYTES + 3 + FRAME_BYTES + 2)
        self._out[HEAD_BYTES] = TO_CHIP
        self._baud = baud
        self._set_baud = set_baud
        self._echo = 0
        self.alive = False  # False: start the chip before the next command
        self.sent = False
        self.iso_dep = True

    # The Reader port ------------------------------------------------------------------

    def poll(self):
        """Return None (no card of ours), its 7-byte UID, or MANY.

        A card with a random identity, or one that speaks neither ISO-DEP nor the commands of an
        Ultralight, is not one of the scheme's.
        """
        if not self.alive and not self.start():
            return None
        if not self._ask(IN_LIST_PASSIVE_TARGET, 2, 0):
            return None
        body = self._body
        if body[2] == 0:
            return None
        if body[2] > 1:
            return MANY
        # D5 4B 01 | target, SENS_RES 2, SEL_RES, UID length, UID, ATS
        self.iso_dep = body[6] & ISO_DEP != 0
        if body[7] != UID_BYTES or not (self.iso_dep or body[6] == ULTRALIGHT):
            return None
        return bytes(body[8 : 8 + UID_BYTES])

    def exchange(self, frame, length):
        """Carry frame[:length] to the card, leave its answer in frame, return its length.

        Raises: LOST, or LOST_UNSENT when the command was never handed to the UART.
        """
        self.sent = False
        if not self.alive:
            raise LOST_UNSENT
        out = self._out
        past = not self.iso_dep and frame[0] in PAST_CHIP
        code = IN_COMMUNICATE_THRU if past else IN_DATA_EXCHANGE
        out[6] = code
        out[7] = 1  # the target; past the chip there is no choice of one
        head = 7 if past else 8
        at = 0
        while at < length:
            out[head + at] = frame[at]
            at += 1
        if not self._command(code, head + length - HEAD_BYTES):
            raise LOST
        body = self._body
        got = self._frames.length - 3
        # Bits above the status are "more information" and "NAD": not used with native frames.
        status = body[2] & STATUS_BITS
        if past and status == CRC_ERROR:
            frame[0] = NAK  # four bits have no CRC; noise is refused like a wrong key
            return 1
        # A page that was written is answered with nothing: the chip keeps the ACK to itself.
        if status or got > FRAME_BYTES or (self.iso_dep and got < 1):
            raise LOST
        at = 0
        while at < got:
            frame[at] = body[3 + at]
            at += 1
        return got

    def release(self):
        """Let the card go and switch the field off, so that the next poll starts anew."""
        if self.alive:
            self._ask(IN_RELEASE, 0)
        if self.alive:
            self._ask(RF_CONFIGURATION, 0x01, 0x00)

    # Starting the chip ----------------------------------------------------------------

    def start(self):
        """Wake the chip, know it by an echo, configure it; return whether it is there."""
        self.alive = self._wake(START_BAUD) or self._wake(self._baud)
        if self.alive and self._set_baud is not None and self._baud != START_BAUD:
            self._speed_up()
        if self.alive:
            self._ask(SAM_CONFIGURATION, 0x01, 0x14, 0x00)  # normal mode, no SAM
        if self.alive:
            self._ask(SET_PARAMETERS, AUTOMATIC_RATS)
        if self.alive:
            # MaxRetries: one passive activation, so that polling an empty field is quick.
            self._ask(RF_CONFIGURATION, 0x05, 0xFF, 0x01, 0x00)
        if self.alive:
            # A ticket shows its new count only after its power was gone: what was lost in the
            # middle of a tap starts without a field.
            self._ask(RF_CONFIGURATION, 0x01, 0x00)
        return self.alive

    def _wake(self, baud):
        """Abort whatever runs and wait for the echo of a number not used just before."""
        if self._set_baud is not None:
            self._set_baud(baud)
        elif baud != START_BAUD:
            return False
        self._stream.write(WAKE_UP, len(WAKE_UP))
        self._stream.write(ACK_FRAME, len(ACK_FRAME))
        self._echo = self._echo % 255 + 1
        self._put(DIAGNOSE, 0, self._echo)
        self._stream.write(self._out, build(self._out, 4))
        for _ in range(STALE_FRAMES_MAX):
            kind = self._frames.read()
            if kind == ANSWER and self._frames.length == 4 and self._body[3] == self._echo:
                return True
            if kind == SILENCE:
                return False
        return False

    def _speed_up(self):
        if self._ask(SET_SERIAL_BAUD_RATE, BAUD_CODES[self._baud]):
            self._stream.write(ACK_FRAME, len(ACK_FRAME))  # the new speed counts from here
            self._set_baud(self._baud)

    # Commands -------------------------------------------------------------------------

    def _put(self, code, *parameters):
        out = self._out
        out[6] = code
        at = 7
        for value in parameters:
            out[at] = value
            at += 1
        return at - HEAD_BYTES

    def _ask(self, code, *parameters):
        """Give a command of the chip's own; return whether its answer is in the body."""
        return self._command(code, self._put(code, *parameters))

    def _command(self, code, length):
        """Send the frame that is built from out[5:], await ACK and answer. Allocates nothing."""
        self.sent = True
        self._stream.write(self._out, build(self._out, length))
        kind = self._frames.read()
        if kind == ACK:
            kind = self._frames.read()
            repeats = 0
            while kind == BAD and repeats < REPEATS_MAX:
                repeats += 1
                self._stream.write(NACK_FRAME, len(NACK_FRAME))
                kind = self._frames.read()
            if kind == ANSWER and self._body[1] == code + 1:
                return True
        self.alive = False  # what comes now may belong to this command: start anew
        return False
