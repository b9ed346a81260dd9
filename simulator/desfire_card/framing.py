"""The two ways a command is wrapped: native (INS data) and ISO 7816 (90 INS 00 00 Lc data 00)."""

from dataclasses import dataclass

PICC_DF_NAME = bytes.fromhex("D2760000850100")
ISO_WRONG_LENGTH = b"\x67\x00"
ISO_WRONG_INS = b"\x6d\x00"
ISO_WRONG_CLA = b"\x6e\x00"

NATIVE_FRAME_BYTES = 60  # command or status byte included
WRAPPED_DATA_BYTES = 55


@dataclass(frozen=True)
class Apdu:
    """One ISO command; data is empty when there is none, `expected` is Le (0 = all, or none)."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    expected: int = 0


def is_iso(frame: bytes) -> bool:
    """Tell by the first byte; no native command has one of these values."""
    return frame[:1] in (b"\x90", b"\x00")


def parse_apdu(frame: bytes) -> Apdu | None:
    """Return the command of a short APDU, or None when its lengths do not fit."""
    if len(frame) < 4:
        return None
    cla, ins, p1, p2 = frame[:4]
    if len(frame) <= 5:
        return Apdu(cla, ins, p1, p2, b"", frame[4] if len(frame) == 5 else 0)
    length, data = frame[4], frame[5:]
    # Lc data, with or without the Le byte (libnfc sends SELECT without).
    if len(data) not in (length, length + 1):
        return None
    return Apdu(cla, ins, p1, p2, data[:length], data[length] if len(data) > length else 0)
