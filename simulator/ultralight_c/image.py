"""What is in the card's EEPROM: 48 pages of 4 bytes, as plain values that know no command.

Source: MF0ICU2 data sheet rev 3.3, tables 5 and 13 (memory as delivered).
"""

from dataclasses import dataclass, field, replace

PAGE_BYTES = 4
PAGE_LOCK, PAGE_OTP, PAGE_USER, PAGE_LOCK_HIGH = 2, 3, 4, 40
PAGE_COUNTER, PAGE_AUTH0, PAGE_AUTH1, PAGE_KEY, PAGES = 41, 42, 43, 44, 48
USER_PAGES = range(PAGE_USER, PAGE_LOCK_HIGH)
COUNTER_MAX = 0xFFFF
AUTH0_OPEN = 0x30  # no page needs authentication
CASCADE_TAG = 0x88
# Table 13: these sixteen bytes lie in pages 44..47, each half of the key last byte first.
FACTORY_KEY_PAGES = b"BREAKMEIFYOUCAN!"


@dataclass
class Image:
    """The whole EEPROM of one card; `key` as it lies in pages 44..47."""

    uid: bytes
    internal: int = 0x48
    lock: bytes = bytes(4)  # lock bytes 0..3
    otp: bytes = bytes(PAGE_BYTES)
    user: dict[int, bytes] = field(default_factory=lambda: dict.fromkeys(USER_PAGES, bytes(4)))
    counter: int = 0
    auth0: int = AUTH0_OPEN
    auth1: int = 0
    key: bytes = FACTORY_KEY_PAGES

    def clone(self) -> "Image":
        """Return an independent copy."""
        return replace(self, user=dict(self.user))

    def page(self, number: int) -> bytes:
        """Return the 4 bytes of a page as EEPROM holds them; RFU bytes are 0."""
        if number in self.user:
            return self.user[number]
        if number >= PAGE_KEY:
            return self.key[(number - PAGE_KEY) * PAGE_BYTES :][:PAGE_BYTES]
        return {
            0: self.uid[:3] + bytes([self.check_bytes[0]]),
            1: self.uid[3:],
            PAGE_LOCK: bytes([self.check_bytes[1], self.internal]) + self.lock[:2],
            PAGE_OTP: self.otp,
            PAGE_LOCK_HIGH: self.lock[2:] + bytes(2),
            PAGE_COUNTER: self.counter.to_bytes(2, "little") + bytes(2),
            PAGE_AUTH0: bytes([self.auth0, 0, 0, 0]),
            PAGE_AUTH1: bytes([self.auth1, 0, 0, 0]),
        }[number]

    def put_page(self, number: int, four: bytes) -> None:
        """Replace a page that takes any value: user memory, AUTH0, AUTH1, key."""
        if number in self.user:
            self.user[number] = four
        elif number == PAGE_AUTH0:
            self.auth0 = four[0]
        elif number == PAGE_AUTH1:
            self.auth1 = four[0]
        else:
            at = (number - PAGE_KEY) * PAGE_BYTES
            assert 0 <= at < len(self.key), f"page {number} is not freely writable"
            self.key = self.key[:at] + four + self.key[at + PAGE_BYTES :]

    @property
    def check_bytes(self) -> tuple[int, int]:
        """BCC0 over cascade tag and three bytes, BCC1 over four (ISO/IEC 14443-3)."""
        first, second = CASCADE_TAG, 0
        for byte in self.uid[:3]:
            first ^= byte
        for byte in self.uid[3:]:
            second ^= byte
        return first, second

    @property
    def cipher_key(self) -> bytes:
        """The key in the order the cipher takes it."""
        return self.key[7::-1] + self.key[:7:-1]
