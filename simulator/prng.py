"""Seeded random numbers that are the same on every machine, runtime and Python version.

PCG-XSH-RR 64/32 (O'Neill 2014): 64 bits of state, 32 bits out, integers only. Not for keys.
"""

from collections.abc import MutableSequence, Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")

_MULTIPLIER = 6364136223846793005
_MASK64 = (1 << 64) - 1
_MASK32 = (1 << 32) - 1


class Prng:
    """One stream of numbers; `fork(label)` gives independent streams for parts of a world."""

    def __init__(self, seed: int, stream: int = 0) -> None:
        self._seed, self._stream = seed, stream
        self._increment = (stream << 1 | 1) & _MASK64
        self._state = 0
        self.u32()
        self._state = (self._state + seed) & _MASK64
        self.u32()

    def u32(self) -> int:
        """Return the next number in 0..2**32-1."""
        old = self._state
        self._state = (old * _MULTIPLIER + self._increment) & _MASK64
        mixed = ((old >> 18 ^ old) >> 27) & _MASK32
        turn = old >> 59
        return (mixed >> turn | mixed << (-turn & 31)) & _MASK32

    def below(self, limit: int) -> int:
        """Return a number in 0..limit-1, every one equally likely; limit <= 2**32."""
        assert 1 <= limit <= 1 << 32, f"below({limit})"
        fair = (1 << 32) - (1 << 32) % limit
        while True:
            number = self.u32()
            if number < fair:
                return number % limit

    def between(self, first: int, last: int) -> int:
        """Return a number in first..last, both included."""
        return first + self.below(last - first + 1)

    def chance(self, numerator: int, denominator: int) -> bool:
        """Return True in numerator of denominator cases."""
        return self.below(denominator) < numerator

    def bytes(self, count: int) -> bytes:
        """Return `count` random bytes."""
        words = (self.u32().to_bytes(4, "big") for _ in range(-(-count // 4)))
        return b"".join(words)[:count]

    def choice(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.below(len(options))]

    def shuffle(self, row: MutableSequence[T]) -> None:
        """Put the row into a random order, in place (Fisher-Yates)."""
        for last in range(len(row) - 1, 0, -1):
            other = self.below(last + 1)
            row[last], row[other] = row[other], row[last]

    def fork(self, label: str) -> "Prng":
        """Return the stream named `label`: it depends on seed and name, not on numbers drawn."""
        name = f"{self._seed}/{self._stream}/{label}".encode()
        digest = sha256(name).digest()
        return Prng(int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:15], "big"))
