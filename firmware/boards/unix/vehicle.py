"""What a vehicle's device has besides: a driver's printer and a scanner. The printer is a signal.

What is printed is told to the world line by line: `paper begin`, `paper text LINE` ..., `paper code
PIECE` ..., `paper end`. A ticket without its end was torn off by a power cut. A signal carries at
most 254 bytes, hence pieces.
"""

from card_layouts.packages.manifest import CERTIFICATE
from firmware.singles import Singles

PIECE_CHARS = 200


def sell_and_scan(validator, ports):
    """Let the validator sell and check tickets on paper. `ports` are the board's."""

    def certificate():
        package = validator.updates.active(CERTIFICATE)
        return package.read(0, package.size) if package is not None else b""

    paper = PaperSignals(ports.signals)
    validator.singles = Singles(
        validator.tap, ports.flash, paper, certificate, validator.load_packages
    )


class PaperSignals:
    """The Printer port over the Signals port."""

    def __init__(self, signals):
        self._signals = signals

    def ready(self):
        """There is always paper in a simulated world."""
        return True

    def print_ticket(self, lines, code):
        """Print lines and a code."""
        signal = self._signals.signal
        signal("paper", "begin")
        for line in lines:
            signal("paper", "text " + line)
        for at in range(0, len(code), PIECE_CHARS):
            signal("paper", "code " + code[at : at + PIECE_CHARS])
        signal("paper", "end")
