"""Readers of short texts that a validator and a server share. Shared dialect."""

from card_layouts.cards.card_number import parse_card_number
from card_layouts.errors import LayoutError
from firmware.vehicle_messages import forget_choices, read_message


def vehicle_of(setup):
    """Return what takes a message of the vehicle's computer, as the board gets it."""

    def read(case):
        values = read_message(_text(case))
        if values is not None:
            profile = dict(values)
            forget_choices(profile)
            return values, profile
        return None

    return read


def card_number_of(setup):
    """Return what reads the number printed on a card, as somebody typed it."""
    return lambda case: parse_card_number(_text(case))


def _text(case):
    # Both runtimes have other tables of letters and other ideas of broken UTF-8: the line is ASCII.
    for byte in case:
        if byte > 127:
            raise LayoutError(f"text: byte {byte:02x}, wanted ASCII")
    return str(case, "utf-8")


READERS = {
    "vehicle": (vehicle_of, (LayoutError,)),
    "card-number": (card_number_of, (LayoutError,)),
}
