"""A code as a QR code: in a terminal, as PNG or SVG. Text mode, error correction M: version 10.

Source: segno; SPEC.md section 9.
"""

import io
from pathlib import Path

import segno

from edge_agent.counter.desk import CounterError

CORRECTION = "m"
SCALE = 6  # pixels a module: 3 cm at 300 dots an inch with the quiet zone
KINDS = (".png", ".svg")


def in_terminal(code: str) -> str:
    """Return the QR code as lines of half blocks."""
    out = io.StringIO()
    _qr(code).terminal(out, compact=True)
    return out.getvalue().rstrip("\n")


def write_image(code: str, path: Path) -> None:
    """Write the QR code to a file, PNG or SVG by its name. Raises: CounterError."""
    if path.suffix not in KINDS:
        raise CounterError(f"{path}: wanted a name that ends in {' or '.join(KINDS)}")
    try:
        _qr(code).save(str(path), scale=SCALE)
    except OSError as error:
        raise CounterError(f"{path}: cannot be written: {error.strerror}") from None


def _qr(code: str) -> segno.QRCode:
    return segno.make_qr(code, error=CORRECTION, boost_error=False)
