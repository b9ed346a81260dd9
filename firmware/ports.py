"""What the validator needs from the world: one page, each port a class with a few methods.

The simulator's parts and the boards implement these shapes; nothing inherits. A port is
handed to a constructor once, in `boards/`, and nowhere is a device opened at import.
Source: house-style.md section 6; decisions.md D2, D10, D13, D19.
"""

MANY = b""  # Reader.poll(): two or more cards lie in the field


class Clock:
    def ticks_ms(self):
        """Return milliseconds since start, never falling, below 2^30 (12 days)."""
        raise NotImplementedError

    def utc_seconds(self):
        """Return UTC seconds since 2020-01-01, or -1 while the clock is unset."""
        raise NotImplementedError


class Entropy:
    def random_bytes(self, n):
        """Return n unpredictable bytes."""
        raise NotImplementedError


class Reader:
    sent = False  # was the last command handed to the UART? False means it never left us
    iso_dep = True  # of the card that poll() found; False: an Ultralight (C), which has none

    def poll(self):
        """Return None (no card), the card's 7-byte UID, or MANY."""
        raise NotImplementedError

    def exchange(self, frame, length):
        """Send frame[:length], put the answer into frame, return its length in bytes.

        ISO-DEP: native DESFire framing, status byte first. Ultralight: the raw command; an ACK
        is the byte 0A or nothing, a NAK any other single byte. Allocates nothing. Raises CardLost
        (card_layouts/cards/conversation.py): the card is gone or nobody knows.
        """
        raise NotImplementedError

    def release(self):
        """Let the card go and take its power, so that the next poll starts anew."""
        raise NotImplementedError


class Flash:
    size = 0  # bytes
    block_bytes = 4096

    def read(self, offset, buf):
        """Fill buf from offset."""
        raise NotImplementedError

    def program(self, offset, data):
        """Clear bits (1 to 0 only), within one 256-byte page; durable on return."""
        raise NotImplementedError

    def erase(self, offset):
        """Set one whole block to FF; durable on return."""
        raise NotImplementedError


class Link:
    def read(self, buf):
        """Put what has arrived into buf; return the number of bytes, 0 = nothing now."""
        raise NotImplementedError

    def write(self, data):
        """Send all of data."""
        raise NotImplementedError


class Screen:
    def show(self, lines, lamp):
        """Show up to four lines of text and a lamp: "green", "amber", "red" or ""."""
        raise NotImplementedError


class Printer:
    def ready(self):
        """Return whether a whole ticket can be printed now."""
        raise NotImplementedError

    def print_ticket(self, lines, code):
        """Print lines of text and below them a 2D code of the text `code`; cut the paper."""
        raise NotImplementedError


class Signals:
    def signal(self, name, detail):
        """Tell the world: gate open, lamp colour, beep, message (both are short text)."""
        raise NotImplementedError


class Keys:
    chain = ack = cfg = dock = wrap = b""  # 16 bytes each, labels of decisions.md D10
    # A seller's Ed25519 pair (32 bytes each), and {authority: public key} of those who certify.
    ticket_seed = ticket_public = b""
    signers: dict[int, bytes] = {}
    pins = b""  # rows of 11 bytes (card_layouts/crypto/pin.py) of the drivers who may sign on

    def card_key(self, key_no, version, uid):
        """Return the 16-byte key of this card (AN10922 of the scheme's master)."""
        raise NotImplementedError

    def ticket_keys(self, version, uid):
        """Return (3DES key, key of the slot MACs), 16 bytes each, of this tourist ticket.

        Raises: RangeError if this device has no such master.
        """
        raise NotImplementedError
