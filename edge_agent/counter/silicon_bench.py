"""A test card on a reader, made ready again and again, and the trials' steps carried out on it.

The card is formatted for every scene: it must be a DESFire EV1 whose master key is the factory's
(2K3DES zero) or AES zero, as this module leaves it while it works. `give_back` ends with the
factory's key. The scenes are those of simulator/desfire_trials.py, made with commands.
"""

from collections.abc import Callable
from typing import Any

from card_layouts.cards.conversation import FRAME_BYTES, CardLost, CardStatusError, converse
from card_layouts.cards.desfire_channel import card_crc
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.crypto.aes import aes
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.errors import LayoutError, SealError
from edge_agent.counter.desk import CounterError
from edge_agent.ports import DESFIRE, CardFound, CardReader, Entropy, ManyCards

AID, OTHER_AID, PICC = bytes.fromhex("10480F"), bytes.fromhex("020000"), bytes(3)
KEYS = [bytes([0x10 * number + 1]) * 16 for number in range(5)]
ZERO = bytes(16)
CBC = 2
AGAIN_MS = 5000
LOST = "lost"
GONE = "the card is gone; lay it on the reader and begin again"
FREE_SETTINGS, CLOSED_PICC, CLOSED, FROZEN = 0x0F, 0x08, 0x00, 0xF8
FORMAT, FREE_MEMORY, CREATE_STANDARD, CHANGE_KEY = 0xFC, 0x6E, 0xCD, 0xC4
# Commands whose effect outlives the next activation: the scene is made anew after them.
LASTING = bytes.fromhex("54 5C C4 CA DA FC 5F CD CB CC C1 C0 DF 3D C7 D6")
RAW_STEPS = ("challenge", "external")  # ISO 7816 frames
RAW_BYTES_MAX = 56  # longer frames, and ISO 7816 ones, do not pass PC/SC as they are

# The files of the trials, in hex: what creates them, and what fills them. Numbers as in the trials.
_FILES = """
CC 01 00 EEEE 00000000 E8030000 F4010000 01
CD 02 0220 00 EEEE 640000
CB 03 0320 00 EEEE 200000
C1 04 0420 00 EEEE 0A0000 030000
C0 05 0520 00 EEEE 0A0000 030000
CD 06 0620 03 1111 200000
CD 07 0720 00 FFFF 640000
CC 08 03 1111 00000000 E8030000 F4010000 00
C0 09 0920 03 1111 0A0000 030000
CC 0A 00 FFFF 00000000 E8030000 F4010000 01
C1 0B 1120 00 FFFF 0A0000 030000
CC 0C 00 EEEE 00000000 E8030000 F4010000 00
CD 0D 00 1011 640000
C1 0E 1420 00 EEEE 0A0000 030000
DC 01 64000000
C7
0C 01 64000000
3B 04 000000 0A0000 30313233343536373839
3B 05 000000 0A0000 30313233343536373839
3B 0E 000000 0A0000 30313233343536373839
C7
3B 0E 000000 0A0000 30313233343536373839
C7
3B 0E 000000 0A0000 30313233343536373839
C7
"""


class SceneFailed(Exception):
    """The card refused a step that only makes it ready; the message says which."""


class SiliconBench:
    """One card on one reader. `found` is how it activated first."""

    def __init__(self, reader: CardReader, entropy: Entropy) -> None:
        self.reader, self.random = reader, entropy.random_bytes
        self.session = IssuerSession(bytearray(FRAME_BYTES))
        self.found = self.activate()
        if self.found.kind != DESFIRE:
            raise CounterError(f"{reader.name}: this is no DESFire card; lay a DESFire EV1 there")
        self._challenge = b""
        self.scene = ""  # what the card was made into, "" once that may have changed

    # Talking --------------------------------------------------------------------------

    def activate(self) -> CardFound:
        """Take the field away and find the card again. Raises: CounterError."""
        self.session.close()
        try:
            found = self.reader.wait(AGAIN_MS)
        except ManyCards:
            raise CounterError("two cards or more on the reader; lay one there") from None
        if found is None:
            raise CounterError(GONE)
        return found

    def talk(self, steps: Any) -> Any:
        """Run a conversation."""
        return converse(steps, self.session.frame, self.reader.exchange)

    def raw(self, frame: bytes) -> bytes:
        """Send one frame as it is; return the answer."""
        if frame[0] in LASTING or (frame[:1] == b"\0" and frame[1] in LASTING):
            self.scene = ""
        buffer = self.session.frame
        buffer[: len(frame)] = frame
        got = self.reader.exchange(buffer, len(frame))
        return bytes(buffer[:got])

    def run(self, steps: str, whole: bool = False) -> str:
        """Carry out a trial; return the status, or the whole answer, of its last step in hex."""
        *before, last = (step.strip() for step in steps.split(";"))
        for step in before:
            status = self.status_of(step.lstrip("?"))  # ? = whatever the card says to this one
            if not step.startswith("?") and status not in ("00", "AF", "9000"):
                return f"{status} (already at {step})"
        return self.status_of(last, whole)

    def status_of(self, step: str, whole: bool = False) -> str:
        """Carry out one step; return its status in hex, "lost" if the card said nothing."""
        try:
            if not step.startswith("@"):
                frame = bytes.fromhex(step)
                answer = self.raw(frame)
                if whole:
                    return answer.hex().upper()
                word = answer[-2:] if frame[:1] == b"\0" else answer[:1]
                return word.hex().upper()
            name, *parts = step[1:].split()
            if name in RAW_STEPS:
                return self._iso_authenticate(name, bytes.fromhex("".join(parts)))
            self._special(name, [b"" if part == "-" else bytes.fromhex(part) for part in parts])
        except CardStatusError as error:
            return f"{error.status:02X}"
        except CardLost:
            self.scene = ""
            return LOST
        except (LayoutError, SealError) as error:  # an answer no session of ours would take
            return str(error)
        return "00"

    def _special(self, name: str, data: list[bytes]) -> None:
        session = self.session
        if data and data[0][0] in LASTING:
            self.scene = ""
        steps: dict[str, Callable[[], Any]] = {
            "app": lambda: session.select(AID),
            "auth": lambda: session.authenticate(data[0][0], KEYS[data[0][0]], self.random(16)),
            "picc": lambda: session.authenticate(0, ZERO, self.random(16)),
            "iso": lambda: session.authenticate_iso(TripleDes, ZERO, self.random(8)),
            "d40": self._authenticate_d40,
            "enc": lambda: session.enciphered(data[0][0], data[1], data[2]),
            "plain": lambda: session.plain(data[0][0], b"".join(data[1:])),
            "key": lambda: self._change_own_key(data[0][0], data[1] + b"\x01"),
            "other": lambda: session.change_key(data[0][0], data[1], 1, KEYS[data[0][0]]),
        }
        self.talk(steps[name]())

    def _iso_authenticate(self, name: str, data: bytes) -> str:
        """`@challenge LE` and `@external P1 P2`: the two halves of proving a key to the card."""
        if name == "challenge":
            answer = self.raw(b"\0\x84\0\0" + data)
            self._challenge = answer[:-2]
        else:
            clear = bytes(len(self._challenge)) + self._challenge
            proof = bytes(aes(KEYS[(data[1] & 15) % len(KEYS)], CBC, bytes(16)).encrypt(clear))
            answer = self.raw(b"\0\x82" + data + bytes((len(proof),)) + proof)
        return answer[-2:].hex().upper()

    def _authenticate_d40(self) -> Any:
        """The old authentication, whose reader deciphers in order to send."""
        cipher = TripleDes(ZERO, CBC, bytes(8))
        challenge = yield from self._first_frame(b"\x0a\x00")
        rnd_b = cipher.decrypt(challenge)
        first = cipher.decrypt(self.random(8))
        turned = bytes(a ^ b for a, b in zip(first, rnd_b[1:] + rnd_b[:1], strict=True))
        self.session.frame[:17] = b"\xaf" + first + cipher.decrypt(turned)
        yield 17
        if self.session.frame[0]:
            raise CardStatusError(0x0A, self.session.frame[0])

    def _first_frame(self, frame: bytes) -> Any:
        self.session.frame[: len(frame)] = frame
        got = yield len(frame)
        if self.session.frame[0] != 0xAF:
            raise CardStatusError(frame[0], self.session.frame[0])
        return bytes(self.session.frame[1:got])

    def _change_own_key(self, named: int, data: bytes) -> Any:
        """ChangeKey of the session's own key; `named` with its kind in the top bits."""
        self.scene = ""
        clear = data + card_crc(bytes((CHANGE_KEY, named)) + data)
        block = bytearray(32)
        block[: len(clear)] = clear
        self.session.encipher(block)
        yield from self.session.transceive(CHANGE_KEY, bytes((named,)) + block)
        self.session.close()

    # Making the card ready ------------------------------------------------------------

    def make(self, scene: str) -> None:
        """Format the card and make it what `scene` names, with nothing selected.

        Raises: SceneFailed; CounterError if the card's master key is unknown.
        """
        if self.scene != scene:
            try:
                self._make(scene)
            except CardLost:  # once more: the air may lose an answer
                try:
                    self._make(scene)
                except CardLost:
                    raise CounterError(GONE) from None
        self.activate()

    def _make(self, scene: str) -> None:
        self.scene = ""
        self._emptied()
        if scene == "blank":
            # No version byte: DES keys carry theirs.
            self._must("factory key", self._change_own_key(0x00, ZERO))
        else:
            self._filled(scene)
        self.scene = scene

    def give_back(self) -> None:
        """Leave an empty card with the factory's key. Raises: CounterError."""
        try:
            self.make("blank")
        except SceneFailed as error:
            raise CounterError(f"the card does not take the factory's key back ({error})") from None

    def _emptied(self) -> None:
        """Open the card under AES zero, formatted, settings 0F."""
        self.activate()
        session = self.session
        try:
            self.talk(session.authenticate(0, ZERO, self.random(16)))
        except CardStatusError:
            self.activate()
            try:
                self.talk(session.replace_factory_key(TripleDes, ZERO, ZERO, 0, self.random(8)))
                self.talk(session.authenticate(0, ZERO, self.random(16)))
            except CardStatusError as error:
                raise CounterError(
                    f"the card's master key is neither the factory's nor zero ({error}): "
                    "wanted a test card in factory state"
                ) from None
        self._must("FORMAT", session.plain(FORMAT))
        self._must("PICC settings", session.change_key_settings(FREE_SETTINGS))

    def _filled(self, scene: str) -> None:
        session = self.session
        self._must("application", session.plain(0xCA, AID + bytes.fromhex("0FA50110")))
        named = OTHER_AID + bytes.fromhex("0FA00210") + b"TORNELLO"
        self._must("named application", session.plain(0xCA, named))
        if scene == "many":
            for number in range(3, 29):
                self._must("application", session.plain(0xCA, bytes((number, 0, 0, 0x0F, 0x80))))
        if scene == "closed":
            self._must("PICC settings", session.change_key_settings(CLOSED_PICC))
        self._must("select", session.select(AID))
        for line in _FILES.strip().splitlines():
            frame = bytes.fromhex(line)
            self._must(line, session.transceive(frame[0], frame[1:]))
        if scene == "full":
            self._fill_memory()
        self._must("authenticate", session.authenticate(0, ZERO, self.random(16)))
        for number in range(1, 5):
            self._must("key", session.change_key(number, KEYS[number], 0, ZERO))
        if scene in ("closed", "frozen"):
            settings = CLOSED if scene == "closed" else FROZEN
            self._must("settings", self._keyed_then(settings))
        else:
            self._must("own key", self._change_own_key(0, KEYS[0] + b"\0"))

    def _keyed_then(self, settings: int) -> Any:
        yield from self._change_own_key(0, KEYS[0] + b"\0")
        yield from self.session.authenticate(0, KEYS[0], self.random(16))
        yield from self.session.change_key_settings(settings)

    def _fill_memory(self) -> None:
        """Make one file as large as the card takes, so that nothing else fits."""
        free = int.from_bytes(self.talk(self.session.transceive(FREE_MEMORY, b"")), "little")
        for less in range(0, free, 32):
            size = (free - less).to_bytes(3, "little")
            body = bytes.fromhex("1400EEEE") + size
            try:
                self.talk(self.session.transceive(CREATE_STANDARD, body))
            except CardStatusError:
                continue
            return
        raise SceneFailed("no file fits into the free memory the card tells of")

    def _must(self, what: str, steps: Any) -> Any:
        try:
            return self.talk(steps)
        except (CardStatusError, LayoutError, SealError) as error:
            raise SceneFailed(f"{what}: {error}") from None
