"""The card as a reader meets it: power, one frame in, one frame or 4-bit answer out.

An answer of one byte is the 4-bit ACK (0A) or NAK; an empty one is silence. After a NAK the card
waits to be activated again. Lock bytes, AUTH0, AUTH1 and a new key count from the next activation,
an increment shows after the next power-up; `at_once=True` models silicon that does not wait.

Source: MF0ICU2 data sheet rev 3.3, sections 7.5, 8.3 and 9. [?]: COMPATIBILITY WRITE is refused at
its second part; a command of wrong length, or one that is unknown, is a NAK 0; AUTH0 and AUTH1 wait
as the lock bytes do; two increments between two power-ups both count.
"""

from collections.abc import Callable

from simulator.desfire_card.ciphers import BlockCipher
from simulator.desfire_card.meter import ExchangeCount, Meter, Totals
from simulator.desfire_card.power import Cut, CutAt, Mains, Power, PowerLost
from simulator.ultralight_c import image as memory
from simulator.ultralight_c.image import PAGE_BYTES, Image
from simulator.ultralight_c.image_json import MemoryStorage, Storage
from simulator.ultralight_c.locks import is_locked, merged
from simulator.ultralight_c.tearing import Torn, half

READ, WRITE, COMPATIBILITY_WRITE, HALT, AUTHENTICATE, PROOF = 0x30, 0xA2, 0xA0, 0x50, 0x1A, 0xAF
ACK, NAK = b"\x0a", b"\x00"
SILENCE = b""
IDLE, ACTIVE, AUTHENTICATED = "idle", "active", "authenticated"


class Refused(Exception):
    """The card answers with a NAK."""


class UltralightC:
    """One MIFARE Ultralight C card over an EEPROM image.

    `random_bytes(n)` is its random generator, `torn` says what a torn page holds, `power` is its
    fault port for every exchange that brings no cut of its own, `meter` is told what each cost (a
    4-bit answer counts as one byte out).
    """

    atqa = bytes.fromhex("0044")
    sak = 0x00
    ats = b""  # it does not speak ISO/IEC 14443-4

    def __init__(
        self,
        image: Image,
        random_bytes: Callable[[int], bytes],
        storage: Storage | None = None,
        power: Power | None = None,
        meter: Meter | None = None,
        torn: Torn = half,
        at_once: bool = False,
    ) -> None:
        self.image = image
        self.storage: Storage = storage or MemoryStorage()
        self.power: Power = power or Mains()
        self.meter: Meter = meter or Totals()
        self.torn = torn
        self.at_once = at_once
        self.powered = False
        self.state = IDLE
        self._random_bytes = random_bytes
        self._count = ExchangeCount()
        self._steps: Power = self.power
        self._awaited: int | bytes | None = None  # page of a second part, or RndB
        self._active = image.clone()  # what counts since the last activation
        self._counter_seen = 0

    @classmethod
    def blank(
        cls, uid: bytes, random_bytes: Callable[[int], bytes], storage: Storage | None = None
    ) -> "UltralightC":
        """Return a card as delivered: nothing locked, nothing protected, the factory's key."""
        card = cls(Image(uid), random_bytes, storage)
        card.storage.save(card.image)
        return card

    @property
    def uid(self) -> bytes:
        """What anticollision shows: always the 7 bytes."""
        return self.image.uid

    def power_on(self) -> None:
        """Enter the field, or be activated again after a NAK. Does nothing if active."""
        if not self.powered:
            self._counter_seen = self.image.counter
            self.powered = True
        if self.state == IDLE:
            self.state = ACTIVE
            self._active = self.image.clone()
            self._awaited = None

    def power_off(self) -> None:
        """Leave the field: activation and authentication are gone, the EEPROM stays."""
        self.powered = False
        self.state = IDLE
        self._awaited = None

    def exchange(self, command: bytes, cut: Cut | None = None) -> bytes:
        """Return the answer to one frame (no CRC); b"" if there is none.

        Raises: PowerLost at the cut's position, or where `power` says so.
        """
        assert self.powered, "exchange with a card that is not in the field"
        count = self._count = ExchangeCount(command=command[0] if command else 0)
        self._steps = self.power if cut is None else CutAt(cut)
        count.bytes_in = len(command)
        try:
            self._steps.bytes_in(len(command))
            answer = self._answer(command)
            count.bytes_out = len(answer)
            self._steps.bytes_out(len(answer))
        except PowerLost:
            self.power_off()
            raise
        finally:
            self.meter.add(count)
        return answer

    def _answer(self, command: bytes) -> bytes:
        if self.state == IDLE:
            return SILENCE
        try:
            return self._performed(command)
        except Refused:
            # "After every NAK, the MF0ICU2 performs an internal reset" (section 8.3).
            self.state, self._awaited = IDLE, None
            return NAK

    def _performed(self, command: bytes) -> bytes:
        awaited, self._awaited = self._awaited, None
        if isinstance(awaited, bytes):
            return self._prove(awaited, command)
        if isinstance(awaited, int):
            if len(command) != 16:
                raise Refused
            self._write(awaited, command[:PAGE_BYTES])
            return ACK
        code, size = command[:1], len(command)
        if code == bytes([READ]) and size == 2:
            return self._read(command[1])
        if code == bytes([WRITE]) and size == 2 + PAGE_BYTES:
            self._write(command[1], command[2:])
            return ACK
        if code == bytes([COMPATIBILITY_WRITE]) and size == 2:
            self._awaited = self._existing(command[1])
            return ACK
        if command == bytes([AUTHENTICATE, 0]):
            return self._challenge()
        if command == bytes([HALT, 0]):
            self.state = IDLE
            return SILENCE
        raise Refused

    # Memory ---------------------------------------------------------------------------

    @property
    def _rules(self) -> Image:
        return self.image if self.at_once else self._active

    def _read(self, page: int) -> bytes:
        rules, end = self._rules, memory.PAGE_KEY  # the key can never be read
        if self.state != AUTHENTICATED and not rules.auth1 & 1:
            end = min(end, max(rules.auth0, memory.PAGE_OTP))
        if page >= end:
            raise Refused
        pages = [(page + i) % end if page + i >= end else page + i for i in range(4)]
        return b"".join(self._shown(number) for number in pages)

    def _shown(self, number: int) -> bytes:
        if number == memory.PAGE_COUNTER and not self.at_once:
            return self._counter_seen.to_bytes(2, "little") + bytes(2)
        return self.image.page(number)

    def _existing(self, page: int) -> int:
        if not memory.PAGE_LOCK <= page < memory.PAGES:
            raise Refused
        return page

    def _write(self, page: int, four: bytes) -> None:
        page = self._existing(page)
        # Page 2 cannot be protected: AUTH0 begins at 03.
        protected = page >= max(self._rules.auth0, memory.PAGE_OTP)
        if protected and self.state != AUTHENTICATED:
            raise Refused
        if is_locked(self._rules.lock, page):
            raise Refused
        image = self.image
        if page == memory.PAGE_LOCK:
            self._step("lock bits", lambda: setattr(image, "lock", merged(image.lock, 0, four[2:])))
        elif page == memory.PAGE_LOCK_HIGH:
            self._step("lock bits", lambda: setattr(image, "lock", merged(image.lock, 2, four[:2])))
        elif page == memory.PAGE_OTP:
            added = bytes(a | b for a, b in zip(image.otp, four, strict=True))
            self._step("OTP bits", lambda: setattr(image, "otp", added))
        elif page == memory.PAGE_COUNTER:
            self._count_up(four)
        else:
            left_behind = self.torn(image.page(page), four)
            self._step(f"page {page} torn", lambda: image.put_page(page, left_behind))
            self._step(f"page {page} whole", lambda: image.put_page(page, four))

    def _count_up(self, four: bytes) -> None:
        image = self.image
        if image.counter == 0:
            value = int.from_bytes(four[:2], "little")  # the first write sets any value
        else:
            value = image.counter + (four[0] & 0x0F)
        if value > memory.COUNTER_MAX:
            raise Refused
        self._step("counter", lambda: setattr(image, "counter", value))

    def _step(self, name: str, change: Callable[[], None]) -> None:
        """Let one internal write step take effect, unless power fails before it."""
        self._steps.write_step(self._count.write_steps)
        self._count.write_steps += 1
        self._count.step_names.append(name)
        change()
        self.storage.save(self.image)

    # Authentication -------------------------------------------------------------------

    def _cipher(self) -> BlockCipher:
        return BlockCipher("2K3DES", self._rules.cipher_key, self._count)

    def _challenge(self) -> bytes:
        self.state = ACTIVE
        random = self._random_bytes(8)
        self._awaited = random
        return bytes([PROOF]) + self._cipher().encrypt(random)

    def _prove(self, random: bytes, command: bytes) -> bytes:
        if len(command) != 17 or command[0] != PROOF:
            raise Refused
        cipher = self._cipher()
        vector = BlockCipher("2K3DES", self._rules.cipher_key, ExchangeCount()).encrypt(random)
        token = cipher.cbc_decrypt(vector, command[1:])
        if token[8:] != random[1:] + random[:1]:
            raise Refused
        self.state = AUTHENTICATED
        return b"\x00" + cipher.cbc_encrypt(command[9:], token[1:8] + token[:1])
