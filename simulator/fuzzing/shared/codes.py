"""Readers of a single ticket's code, as a scanner passes it on. Shared dialect."""

from card_layouts.codec import base45
from card_layouts.errors import LayoutError
from card_layouts.tickets.check import out_of_days, refusal
from card_layouts.tickets.single import Code, lines_of

MINUTES = (0, 3_400_000, (1 << 25) - 1)


def base45_of(setup):
    """Return what reads base45."""
    return lambda case: base45.decode(_text(case))


def code_of(setup):
    """Return what reads a code and asks whether it is good here and now."""

    def read(case):
        code = Code(_text(case))
        answers = [refusal(code.ticket, minute, 5, 0x4000, 17) for minute in MINUTES]
        return code.ticket, code.seller, lines_of(code.ticket), out_of_days(code), answers

    return read


def _text(case):
    for byte in case:
        if byte > 127:
            raise LayoutError(f"text: byte {byte}, wanted ASCII")
    return str(case, "utf-8")


READERS = {"base45": (base45_of, (LayoutError,)), "code": (code_of, (LayoutError,))}
