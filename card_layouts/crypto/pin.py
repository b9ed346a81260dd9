"""What a device keeps of a driver's PIN: a row that only it can make and check.

A PIN of four digits is soon found by whoever has the row and the device's key; he who has that key
needs no PIN. Without it the row says nothing. Source: SPEC.md SHIFT; W-14; trust.md T18.
"""

from card_layouts.crypto.kdf import hmac_sha256, same
from card_layouts.errors import RangeError

PIN_LEAST, PIN_MOST = 4, 8  # digits
DRIVER_BYTES, CHECK_BYTES = 3, 8
PIN_ROW_BYTES = DRIVER_BYTES + CHECK_BYTES
DRIVER_MAX = (1 << 20) - 1


def pin_row(k_cfg, driver, pin):
    """Return the 11 bytes of a driver and his PIN, text. Raises: RangeError, never with the PIN."""
    if not 1 <= driver <= DRIVER_MAX:
        raise RangeError("pin.driver: %d, wanted 1..%d" % (driver, DRIVER_MAX))
    if not PIN_LEAST <= len(pin) <= PIN_MOST or [c for c in pin if not "0" <= c <= "9"]:
        raise RangeError("pin: wanted %d to %d digits" % (PIN_LEAST, PIN_MOST))
    who = driver.to_bytes(DRIVER_BYTES, "big")
    return who + hmac_sha256(k_cfg, b"pin" + who + pin.encode())[:CHECK_BYTES]


def is_known(rows, row):
    """Return whether `row` is one of those joined in `rows`; every one of them is compared."""
    found = False
    for at in range(0, len(rows), PIN_ROW_BYTES):
        found = same(rows[at : at + PIN_ROW_BYTES], row) or found
    return found
