"""Counts of what one exchange cost the card: the inputs of simulator/time_model.py."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass
class ExchangeCount:
    """One command frame and its answer, as they crossed the air without PCB and CRC."""

    command: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    write_steps: int = 0
    cipher_blocks: int = 0
    step_names: list[str] = field(default_factory=list)  # of the write steps that took effect


class Meter(Protocol):
    """Is handed every finished exchange, torn ones included."""

    def add(self, count: ExchangeCount) -> None:
        """Take one exchange."""


@dataclass
class Totals:
    """Sums over all exchanges since the last `clear`."""

    exchanges: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    write_steps: int = 0
    cipher_blocks: int = 0

    def add(self, count: ExchangeCount) -> None:
        """Add one exchange to the sums."""
        self.exchanges += 1
        self.bytes_in += count.bytes_in
        self.bytes_out += count.bytes_out
        self.write_steps += count.write_steps
        self.cipher_blocks += count.cipher_blocks

    def clear(self) -> None:
        """Start again from zero."""
        self.exchanges = self.bytes_in = self.bytes_out = 0
        self.write_steps = self.cipher_blocks = 0


@dataclass
class Transcript:
    """Every exchange in order; tear positions are generated from it."""

    exchanges: list[ExchangeCount] = field(default_factory=list)

    def add(self, count: ExchangeCount) -> None:
        """Keep one exchange."""
        self.exchanges.append(count)
