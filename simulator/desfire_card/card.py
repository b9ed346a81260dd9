"""The card as a reader meets it: power, one frame in, one frame out.

Native and wrapped framing, AF chaining both ways, and the rule that any refusal aborts the
transaction and ends an EV1 session (not a D40 one). Source: desfire.md.
"""

from collections.abc import Callable

from simulator.desfire_card import commands_iso, commands_iso_auth, framing
from simulator.desfire_card.authentication import KINDS, Handshake
from simulator.desfire_card.channel import OpenChannel
from simulator.desfire_card.command_table import COMMANDS, WRITING, Command
from simulator.desfire_card.commands_content import announced_bytes
from simulator.desfire_card.commands_keys import key_of
from simulator.desfire_card.image import PICC_AID, CardKey, Image
from simulator.desfire_card.meter import Meter, Totals
from simulator.desfire_card.power import Cut, CutAt, Mains, Power, PowerLost
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import (
    COMMAND_ABORTED,
    ILLEGAL_COMMAND,
    LENGTH,
    MORE_FRAMES,
    OK,
    Refused,
)
from simulator.desfire_card.storage import MemoryStorage, Storage
from simulator.desfire_card.transaction import abort, recover

ISO_AUTHENTICATION = bytes(commands_iso_auth.INSTRUCTIONS)


class _Incoming:
    """A writing command whose data is still on its way."""

    def __init__(self, code: int, params: bytes, announced: int) -> None:
        self.code, self.params, self.announced = code, params, announced


class DesfireCard:
    """One MIFARE DESFire EV1 card over an EEPROM image.

    `random_bytes(n)` is its random generator, `power` its fault port for every exchange that
    brings no cut of its own, `meter` is told what each exchange cost.
    """

    sak = 0x20

    def __init__(
        self,
        image: Image,
        random_bytes: Callable[[int], bytes],
        storage: Storage | None = None,
        power: Power | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.power: Power = power or Mains()
        self.meter: Meter = meter or Totals()
        self.powered = False
        self._state = CardState(image, storage or MemoryStorage(), random_bytes, self.power)
        self._awaited: _Incoming | Handshake | list[bytes] | None = None
        self._short_uid = b""

    @classmethod
    def blank(
        cls,
        uid: bytes,
        random_bytes: Callable[[int], bytes],
        storage: Storage | None = None,
        picc_kind: str = "2K3DES",
    ) -> "DesfireCard":
        """Return a card as delivered: no application, settings 0F, an all-zero PICC key.

        NXP delivers a 2K3DES key; `picc_kind` "AES" models a supplier that pre-set AES zero.
        """
        size = {"AES": 16, "2K3DES": 16, "3K3DES": 24}[picc_kind]
        card = cls(Image(uid, picc_key=CardKey(picc_kind, bytes(size))), random_bytes, storage)
        card._state.storage.save(card.image)
        return card

    @property
    def image(self) -> Image:
        """The EEPROM as it is now; replace it only while the card has no power."""
        return self._state.image

    @image.setter
    def image(self, image: Image) -> None:
        assert not self.powered, "the EEPROM of a powered card was replaced"
        self._state.image = image

    @property
    def atqa(self) -> bytes:
        """0344, or 0304 while the UID is a random one of 4 bytes. [P]"""
        return b"\x03\x04" if self.image.random_uid else b"\x03\x44"

    @property
    def uid(self) -> bytes:
        """What anticollision shows: 7 bytes, or 4 random ones beginning with 08. [P]"""
        return self._short_uid if self.image.random_uid else self.image.uid

    @property
    def ats(self) -> bytes:
        """The answer to select."""
        return self.image.ats

    def power_on(self) -> None:
        """Enter the field: finish or forget a torn commit. Does nothing if powered.

        Raises: PowerLost if `power` cuts a step of the finishing.
        """
        if self.powered:
            return
        state = self._state
        state.power = self.power
        state.take_count()
        recover(state)
        state.take_count()  # the finishing belongs to no exchange
        state.select(PICC_AID)
        self._awaited = None
        if self.image.random_uid:
            self._short_uid = b"\x08" + state.random_bytes(3)
        self.powered = True

    def power_off(self) -> None:
        """Leave the field: session, selection and chaining are gone, the EEPROM stays."""
        self.powered = False
        self._awaited = None
        self._state.channel = OpenChannel()
        self._state.iso_authentication = None

    def exchange(self, command: bytes, cut: Cut | None = None) -> bytes:
        """Return the answer to one frame (no PCB, no CRC).

        Raises: PowerLost at the cut's position, or where `power` says so.
        """
        assert self.powered, "exchange with a card that is not in the field"
        state = self._state
        state.power = self.power if cut is None else CutAt(cut)
        state.count.bytes_in = len(command)
        if command[:1] != b"\0" or command[1:2] not in ISO_AUTHENTICATION:
            state.iso_authentication = None  # nothing may come in between [?]
        try:
            state.power.bytes_in(len(command))
            answer = self._iso(command) if framing.is_iso(command) else self._native(command)
            state.count.bytes_out = len(answer)
            state.power.bytes_out(len(answer))
        except PowerLost:
            self.power_off()
            raise
        finally:
            self.meter.add(state.take_count())
        return answer

    def _native(self, frame: bytes) -> bytes:
        if not 1 <= len(frame) <= framing.NATIVE_FRAME_BYTES:
            return bytes([self._refuse(LENGTH)])
        status, data = self._perform(frame[0], frame[1:])
        return bytes([status]) + data

    def _iso(self, frame: bytes) -> bytes:
        apdu = framing.parse_apdu(frame)
        if apdu is None or len(apdu.data) > framing.WRAPPED_DATA_BYTES:
            return framing.ISO_WRONG_LENGTH
        if apdu.cla == 0x90:
            status, data = self._perform(apdu.ins, apdu.data)
            return data + bytes([0x91, status])
        if apdu.ins not in commands_iso.INSTRUCTIONS:
            self._forget()
            return framing.ISO_WRONG_INS
        self._awaited = None
        try:
            return commands_iso.perform(self._state, apdu).encoded()
        except commands_iso.IsoRefused as refused:
            self._forget()
            return commands_iso.IsoAnswer(word=refused.word).encoded()

    def _perform(self, code: int, params: bytes) -> tuple[int, bytes]:
        self._state.count.command = code
        try:
            if code == MORE_FRAMES:
                return self._continue(params)
            if self._awaited is not None:
                raise Refused(COMMAND_ABORTED)  # [P]
            if code in KINDS:
                return self._authenticate(code, params)
            if code not in COMMANDS:
                raise Refused(ILLEGAL_COMMAND)
            if code in WRITING:
                announced = announced_bytes(self._state, code, params)
                return self._collect(_Incoming(code, params, announced))
            return self._run(COMMANDS[code], params)
        except Refused as refused:
            return self._refuse(refused.status), b""

    def _refuse(self, status: int) -> int:
        """Any refusal loses the transaction; an EV1 session ends with it. [S]"""
        self._forget()
        return status

    def _forget(self) -> None:
        self._awaited = None
        abort(self._state)
        if self._state.channel.ends_on_error:
            self._state.channel = OpenChannel()

    def _continue(self, params: bytes) -> tuple[int, bytes]:
        awaited, self._awaited = self._awaited, None
        if isinstance(awaited, Handshake):
            proof, self._state.channel = awaited.finish(params)
            return OK, proof
        if isinstance(awaited, _Incoming):
            awaited.params += params
            return self._collect(awaited)
        if isinstance(awaited, list):
            if params:
                raise Refused(LENGTH)
            return self._send(awaited)
        raise Refused(ILLEGAL_COMMAND)  # nothing to continue [?]

    def _authenticate(self, code: int, params: bytes) -> tuple[int, bytes]:
        if len(params) != 1:
            raise Refused(LENGTH)
        self._state.channel = OpenChannel()  # the old session goes, the transaction stays [S]
        key = key_of(self._state, params[0])
        state = self._state
        handshake = Handshake(code, params[0], key, state.random_bytes, state.count)
        self._awaited = handshake
        return MORE_FRAMES, handshake.challenge

    def _collect(self, incoming: _Incoming) -> tuple[int, bytes]:
        if len(incoming.params) > incoming.announced:
            raise Refused(LENGTH)
        if len(incoming.params) < incoming.announced:
            self._awaited = incoming
            return MORE_FRAMES, b""
        return self._run(COMMANDS[incoming.code], incoming.params)

    def _run(self, command: Command, params: bytes) -> tuple[int, bytes]:
        answer = command(self._state, params)
        if isinstance(answer, list):
            return self._send(answer)
        size = framing.NATIVE_FRAME_BYTES - 1
        return self._send([answer[at : at + size] for at in range(0, max(1, len(answer)), size)])

    def _send(self, frames: list[bytes]) -> tuple[int, bytes]:
        if len(frames) > 1:
            self._awaited = frames[1:]
            return MORE_FRAMES, frames[0]
        return OK, frames[0]
