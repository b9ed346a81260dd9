"""The number printed on a card: authority 3, serial 8, one check digit (Luhn), 12 in all.

It names a card to people and opens nothing: no history, no refund. Source: decisions.md D1, W-124.
"""

from card_layouts.errors import LayoutError

DIGITS = 12
SERIAL_MAX = 99999999


def card_number(authority, serial):
    """Return the printed number with its groups, "244 12345678 9"."""
    digits = "%03d%08d" % (authority, serial)
    return "%s %s %d" % (digits[:3], digits[3:], check_digit(digits))


def parse_card_number(text):
    """Return (authority, serial) of a printed number; spaces and dashes do not matter.

    Raises: LayoutError when it is no number of ours or a digit was mistyped.
    """
    digits = text.replace(" ", "").replace("-", "")
    if len(digits) != DIGITS or not all("0" <= digit <= "9" for digit in digits):
        raise LayoutError("card number %s: wanted 12 digits" % text)
    wanted = check_digit(digits[:-1])
    if int(digits[-1]) != wanted:
        raise LayoutError(
            "card number %s: its last digit would have to be %d; a digit is wrong" % (text, wanted)
        )
    if int(digits[:3]) > 255:
        raise LayoutError("card number %s: authority %s, wanted 000..255" % (text, digits[:3]))
    return int(digits[:3]), int(digits[3:11])


def check_digit(digits):
    """Return the Luhn digit of a text of digits."""
    total = 0
    double = True
    for i in range(len(digits) - 1, -1, -1):
        value = int(digits[i]) * (2 if double else 1)
        total += value - 9 if value > 9 else value
        double = not double
    return -total % 10
