"""The gap between antenna and card: frames with CRC_A, some of them lost or flipped on purpose.

Both ends check the CRC as silicon does, so noise is found out and never becomes a wrong byte.
Source: ISO/IEC 14443-3 annex B (CRC_A).
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from simulator.prng import Prng

Way = Literal["to card", "to reader"]
CRC_BYTES = 2


class Garbled(Exception):
    """A frame arrived whose CRC does not fit."""


def crc_a(data: bytes) -> bytes:
    """Return CRC_A: polynomial x16 + x12 + x5 + 1, start 6363, low byte first."""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF
        byte ^= (byte << 4) & 0xFF
        crc = (crc >> 8) ^ (byte << 8) ^ (byte << 3) ^ (byte >> 4)
    return crc.to_bytes(CRC_BYTES, "little")


class Disturber(Protocol):
    """Decides what becomes of frame number `number` of one way (counted from 0)."""

    def touch(self, way: Way, number: int, frame: bytes) -> bytes | None:
        """Return the frame as it arrives, or None if nothing does."""


class Quiet:
    """No disturbance."""

    def touch(self, way: Way, number: int, frame: bytes) -> bytes | None:
        """Let the frame through."""
        return frame


@dataclass(frozen=True)
class Planned:
    """Disturbs the named frames: `lost` never arrive, `flipped` arrive with one bit wrong."""

    lost: frozenset[tuple[Way, int]] = frozenset()
    flipped: frozenset[tuple[Way, int]] = frozenset()

    def touch(self, way: Way, number: int, frame: bytes) -> bytes | None:
        """Look the frame up in the plan."""
        if (way, number) in self.lost:
            return None
        return _with_flip(frame, number) if (way, number) in self.flipped else frame


@dataclass
class Noise:
    """Loses and flips frames by chance, each so many in a thousand."""

    prng: Prng
    lost_per_mille: int = 0
    flipped_per_mille: int = 0

    def touch(self, way: Way, number: int, frame: bytes) -> bytes | None:
        """Throw the dice for this frame."""
        if self.prng.chance(self.lost_per_mille, 1000):
            return None
        if self.prng.chance(self.flipped_per_mille, 1000):
            return _with_flip(frame, self.prng.below(8 * len(frame)))
        return frame


class Air:
    """Carries frames both ways and counts them; `disturber` may be changed at any time."""

    def __init__(self, disturber: Disturber | None = None) -> None:
        self.disturb(disturber or Quiet())

    def disturb(self, disturber: Disturber) -> None:
        """Set what happens from now on and number the frames from 0 again."""
        self.disturber = disturber
        self.frames: dict[Way, int] = {"to card": 0, "to reader": 0}

    def carry(self, way: Way, data: bytes) -> bytes | None:
        """Return the data at the other end, None if nothing came. Raises: Garbled."""
        number = self.frames[way]
        self.frames[way] = number + 1
        frame = self.disturber.touch(way, number, data + crc_a(data))
        if frame is None:
            return None
        data = frame[:-CRC_BYTES]
        if crc_a(data) != frame[-CRC_BYTES:]:
            raise Garbled(f"{way}: frame {number}")
        return data


def _with_flip(frame: bytes, bit: int) -> bytes:
    at = bit // 8 % len(frame)
    return frame[:at] + bytes([frame[at] ^ 1 << bit % 8]) + frame[at + 1 :]
