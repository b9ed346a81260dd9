"""Readers of tariff packages: any bytes are mounted, and what mounts prices some taps.

The setup is one CBOR list of questions [CARD, TAP]. A signed package may still be broken: then the
engine raises what a validator takes for "no price", and nothing else. Shared dialect.
"""

from card_layouts.codec import cbor
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares.engine import activate, rate
from card_layouts.fares.inputs import D_ACTIVATES, D_AMOUNT, D_KIND, D_REASON, new_decision
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader

READS_MAX = 2000  # of one decision; a real one takes about thirty
TEXTS = 3


def tariff_of(setup):
    """Return what mounts a package, asks its texts and prices the questions of the setup."""
    questions = cbor.decode(setup[0])
    decision = new_decision()

    def read(case):
        tariff = Tariff(memory_reader(case))
        tariff.mount()
        found: list = [(tariff.authority, tariff.version, tariff.valid_from, tariff.valid_to)]
        for card, tap in questions:
            tariff.read_count = 0
            try:
                rate(tariff, list(card), tap, decision)
                if decision[D_ACTIVATES]:
                    activate(decision, 30, 5, 600)
                found.append(list(decision))
                found.append((decision[D_KIND], decision[D_REASON], decision[D_AMOUNT], card[6]))
            except (LayoutError, RangeError):
                found.append("broken")
            if tariff.read_count > READS_MAX:
                raise ValueError("a decision that never ends")
        for reference in range(TEXTS):
            try:
                found.append(tariff.text(reference))
            except (LayoutError, RangeError):
                found.append("no text")
        return found

    return read


READERS = {"tariff": (tariff_of, (LayoutError,))}
