"""A PN532 on a high-speed UART: host frames in, host frames out, cards in a Field.

Pure: `feed(bytes) -> bytes`; the pty around it is readers/pn532_pty.py. It owns ISO-DEP as
the real chip does (InDataExchange); with InCommunicateThru a host drives it itself, as nfcpy does.
Source: NXP UM0701-02 [P] and the pitfalls in desfire.md.
"""

from collections.abc import Callable

from simulator.field import Card, Field
from simulator.readers.air import Air, crc_a
from simulator.readers.iso_dep import BlockCounts, no_wait
from simulator.readers.pn532_frames import (
    ACK,
    SYNTAX_ERROR,
    TO_HOST,
    FrameParser,
    HostFrame,
    encode_frame,
)
from simulator.readers.pn532_targets import CRC_ERROR, OK, TIMEOUT, Target

FIRMWARE = bytes.fromhex("32010607")  # IC, version, revision, support
BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
DEFAULT_BAUD = 115200
KBITS = (106, 212, 424, 847)

WRONG_CONTEXT = 0x27
AUTOMATIC_RATS = 0x10
CIU_TX_MODE, CIU_RX_MODE, CIU_FIFO_DATA = 0x6302, 0x6303, 0x6339
SENS_REQ = 0x26  # stays in the FIFO when no card answered it
CRC_CHECKED = 0x80  # of CIU_RX_MODE: set by an activation, cleared by nfcpy for type 2 tags
FRAMING_BITS = 0x03  # 00 = type A; anything else: our cards stay silent
WAKING_EDGES = 5  # of the host's line: one byte 55, or five bytes 00
RETRY_FOREVER = 0xFF
CASCADE_TAG = 0x88


class Pn532:
    """The chip. `field` holds the cards and the tear plan, `air` the noise, `waits` the WTX wishes.

    Counts for the time model: host_bytes_in, host_bytes_out, commands; `baud` is the speed
    agreed with the host, `kbits` that of the card (InPSL).
    """

    def __init__(
        self,
        field: Field,
        air: Air | None = None,
        waits: Callable[[bytes], int] = no_wait,
    ) -> None:
        self.field = field
        self.air = air or Air()
        self.waits = waits
        self.host_bytes_in = self.host_bytes_out = self.commands = 0
        self._asleep = True
        self._edges = 0
        self.power_up()

    def power_up(self) -> None:
        """Begin as after power-on: asleep until a wake-up preamble, default settings."""
        self._parser = FrameParser()
        self._asleep, self._edges = True, 0
        self._targets: dict[int, Target] = {}
        self._halted: list[Card] = []  # deselected: silent until the field was off
        self._past = BlockCounts()  # of targets already released
        self._parameters = AUTOMATIC_RATS | 0x04
        self._registers: dict[int, int] = {}
        self._retries = RETRY_FOREVER
        self._waiting: bytes | None = None  # an InListPassiveTarget that waits for a card
        self._last_answer = b""
        self._baud_next: int | None = None
        self.baud = DEFAULT_BAUD
        self.kbits = 106
        self.field.off()

    def feed(self, data: bytes) -> bytes:
        """Return what the chip says to these bytes from the host (ACKs and answers)."""
        self.host_bytes_in += len(data)
        while self._asleep and data:
            self._edges += rising_edges(data[0])
            data = data[1:]
            self._asleep = self._edges < WAKING_EDGES
        said = b"".join(self._heard(frame) for frame in self._parser.feed(data))
        return self._said(said)

    def _fall_asleep(self) -> None:
        self._asleep = True
        self._edges = 0

    def idle(self) -> bytes:
        """Return a late answer, if a card came for which InListPassiveTarget was waiting."""
        if self._waiting is None:
            return b""
        found = self._list_targets(self._waiting)
        if found == b"\x00":
            return b""
        self._waiting = None
        return self._said(self._answer(0x4A, found))

    @property
    def blocks(self) -> BlockCounts:
        """What all blocks since power-up went through."""
        total = BlockCounts()
        for counts in (self._past, *(target.counts for target in self._targets.values())):
            total.add(counts)
        return total

    def _said(self, out: bytes) -> bytes:
        self.host_bytes_out += len(out)
        return out

    def _heard(self, frame: HostFrame) -> bytes:
        if frame.kind == "ack":
            # The host aborts what is running, or confirms an answer (and a new speed).
            self._waiting = None
            if self._baud_next is not None:
                self.baud, self._baud_next = self._baud_next, None
            return b""
        if frame.kind == "nack":
            return self._last_answer
        if frame.kind == "bad" or not frame.data:
            return SYNTAX_ERROR
        self._waiting = None
        self.commands += 1
        code, params = frame.data[0], frame.data[1:]
        handler = self._handlers().get(code)
        if handler is None:
            return ACK + SYNTAX_ERROR
        try:
            data = handler(params)
        except IndexError:  # fewer parameters than the command has
            return ACK + SYNTAX_ERROR
        return ACK if data is None else ACK + self._answer(code, data)

    def _answer(self, code: int, data: bytes) -> bytes:
        self._last_answer = encode_frame(TO_HOST, bytes([code + 1]) + data)
        return self._last_answer

    def _handlers(self) -> dict[int, Callable[[bytes], bytes | None]]:
        return {
            0x00: self._diagnose,
            0x02: lambda params: FIRMWARE,
            0x04: self._general_status,
            0x06: self._read_register,
            0x08: self._write_register,
            0x10: self._set_baud,
            0x12: self._set_parameters,
            0x14: self._sam_configuration,
            0x16: self._power_down,
            0x32: self._rf_configuration,
            0x40: self._data_exchange,
            0x42: self._communicate_thru,
            0x44: self._release,  # InDeselect
            0x4A: self._list_passive_target,
            0x4E: self._set_card_speed,
            0x50: lambda params: b"\x00",
            0x52: self._release,
            0x54: self._select_target,
            0x56: lambda params: bytes([TIMEOUT]),
        }

    def _diagnose(self, params: bytes) -> bytes:
        test = params[0]
        if test == 0x00:
            return params  # echo, the test number included
        if test == 0x06:  # attention request: is the card still there?
            target = self._targets.get(1)
            there = target is not None and target.is_there()
            return bytes([OK if there else TIMEOUT])
        return b"\x00"

    def _general_status(self, params: bytes) -> bytes:
        speed = KBITS.index(self.kbits)
        rows = b"".join(bytes([number, speed, speed, 0x00]) for number in sorted(self._targets))
        return bytes([0x00, 0x01, len(self._targets)]) + rows + b"\x00"

    def _read_register(self, params: bytes) -> bytes:
        pairs = [params[at] << 8 | params[at + 1] for at in range(0, len(params), 2)]
        return bytes(self._registers.get(address, 0) for address in pairs)

    def _write_register(self, params: bytes) -> bytes:
        for at in range(0, len(params), 3):
            self._registers[params[at] << 8 | params[at + 1]] = params[at + 2]
        return b""

    def _set_baud(self, params: bytes) -> bytes | None:
        if params[0] < len(BAUDS):
            self._baud_next = BAUDS[params[0]]  # from the host's ACK on
        return b""

    def _set_parameters(self, params: bytes) -> bytes:
        self._parameters = params[0]
        return b""

    def _sam_configuration(self, params: bytes) -> bytes:
        return params[:0] if params[0] else b""  # a command without its mode is a syntax error

    def _power_down(self, params: bytes) -> bytes:
        self._fall_asleep()
        self._parser.clear()
        self._forget_targets()
        return b"\x00"

    def _rf_configuration(self, params: bytes) -> bytes:
        item = params[0]
        if item == 0x01 and not params[1] & 1:
            self._forget_targets()
        elif item == 0x05:
            self._retries = params[3]
        return b""

    def _forget_targets(self, field_off: bool = True) -> None:
        for target in self._targets.values():
            self._past.add(target.counts)
        self._targets = {}
        if field_off:
            self._halted = []
        self.field.off()  # a new activation resets the cards as well

    def _list_passive_target(self, params: bytes) -> bytes | None:
        found = self._list_targets(params)
        if found == b"\x00" and self._retries == RETRY_FOREVER and params[1] == 0x00:
            self._waiting = params
            return None
        return found

    def _list_targets(self, params: bytes) -> bytes:
        wanted, speed_and_type, uid = params[0], params[1], params[2:]
        self._forget_targets(field_off=False)
        self.kbits = 106
        self._registers[CIU_FIFO_DATA] = SENS_REQ
        if speed_and_type != 0x00 or not self._is_type_a():
            return b"\x00"
        cards = [card for card in self.field.poll() if uid in (b"", _with_tags(card.uid))]
        # A halted card answers WUPA, not REQA. libfreefare lists (and halts) all cards and then
        # names one by its UID, which works on silicon: so that is sent as WUPA. [L]
        if not uid:
            cards = [card for card in cards if not any(card is other for other in self._halted)]
        for number, card in enumerate(cards[: min(wanted, 2)], start=1):
            self._halted = [other for other in self._halted if other is not card]
            self._targets[number] = Target(self.field, card, self.air, self.waits, number - 1)
        rows = b"".join(self._target_row(n, target) for n, target in self._targets.items())
        if self._targets:
            self._registers[CIU_FIFO_DATA] = 0
            self._registers[CIU_RX_MODE] = self._registers.get(CIU_RX_MODE, 0) | CRC_CHECKED
        return bytes([len(self._targets)]) + rows

    def _is_type_a(self) -> bool:
        framing = self._registers.get(CIU_TX_MODE, 0) | self._registers.get(CIU_RX_MODE, 0)
        return not framing & FRAMING_BITS

    def _target_row(self, number: int, target: Target) -> bytes:
        card = target.card
        row = bytes([number]) + card.atqa + bytes([card.sak, len(card.uid)]) + card.uid
        return row + (target.activate() if self._parameters & AUTOMATIC_RATS else b"")

    def _data_exchange(self, params: bytes) -> bytes:
        target = self._targets.get(params[0] & 0x3F)
        if target is None:
            return bytes([WRONG_CONTEXT])
        if not params[1:]:
            return bytes([OK])
        status, answer = target.exchange(params[1:])
        return bytes([status]) + answer

    def _communicate_thru(self, params: bytes) -> bytes:
        target = self._targets.get(1)
        if target is None or not params or not self._is_type_a():
            return bytes([TIMEOUT])
        status, answer = target.communicate(params)
        if self._registers.get(CIU_RX_MODE, 0) & CRC_CHECKED:
            if target.is_four_bits(answer):
                return bytes([CRC_ERROR])  # has no CRC, and the chip misses it [nfcpy]
        elif len(answer) > 1:
            answer += crc_a(answer)  # the host wants to check it
        return bytes([status]) + answer

    def _set_card_speed(self, params: bytes) -> bytes:
        if params[0] not in self._targets:
            return bytes([WRONG_CONTEXT])
        self.kbits = KBITS[min(params[2], 3)]
        return bytes([OK])

    def _select_target(self, params: bytes) -> bytes:
        return bytes([OK if params[0] in self._targets else WRONG_CONTEXT])

    def _release(self, params: bytes) -> bytes:
        numbers = [params[0]] if params[0] else list(self._targets)
        if not all(number in self._targets for number in numbers):
            return bytes([WRONG_CONTEXT])
        for number in numbers:
            target = self._targets.pop(number)
            target.deselect()
            self._past.add(target.counts)
            self._halted.append(target.card)
        return bytes([OK])


def rising_edges(byte: int) -> int:
    """Return how often the line rises while a byte passes (start bit, LSB first, stop bit)."""
    line = byte << 1 | 0x200
    return bin(line & ~(line << 1)).count("1")


def _with_tags(uid: bytes) -> bytes:
    """Return the UID as InListPassiveTarget is given it: cascade tags included."""
    return uid if len(uid) == 4 else bytes([CASCADE_TAG]) + uid
