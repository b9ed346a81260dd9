"""How long a tap takes: five terms, every constant with its source.

1. RF. Reader to card 9 N + 3 etu, card to reader 9 N + 2 etu, N = INF + PCB + 2 CRC;
   etu = 128 / 13.56 MHz, divided by 2, 4, 8 above 106 kbit/s. Reproduces the frame times NXP
   prints in the MF0ICU2 data sheet rev 3.3, figures 11, 12, 16: 368, 1548, 708, 1642, 953, 57
   microseconds [S]. Between frames the standard's least delays, 91.2 us (card) and 86.4 us
   (reader); above 106 kbit/s the card's subcarrier starts 37.8 us early. Activation (REQA to
   ATS) 5.8 ms at 106, 6.7 ms with PPS above; the 5 ms of field start-up are not in it.
2. Host link (PN532 on HSU). Out 10 + n bytes, ACK 6, in 10 + m bytes, 10 bits a byte; 0.6 ms
   of PN532 firmware an exchange [A].
3. Card. 0.90 ms a command, calibrated on NXP's 1 KB read times (card.md section 3) [S];
   0.08 ms an AES block [A]; 1 ms an EEPROM write step [A].
4. CPU. Instructions / MIPS of the board (callgrind counts, decisions.md D29); M3-equivalent
   MIPS of boards from micropython.md, +-50 %.
5. Flash. NOR of the W25Q class: 0.03 ms + 2.5 us a byte to program, 45 ms to erase 4 KiB [P].
   A tap erases nothing: erasing ahead is idle work.

card.md section 3 prints 21.4 ms of card time for the debit. That is 10 commands, 9 write steps
and about 43 blocks; this card model counts 25 blocks for the same exchanges (20.0 ms), and
where the other 18 were counted is not known. `CARD_MD_DEBIT` keeps card.md's row.
"""

from dataclasses import dataclass

CARRIER_KHZ = 13560
ETU_US = 128 * 1000 / CARRIER_KHZ  # at 106 kbit/s
RATE_DIVISOR = {106: 1, 212: 2, 424: 4, 848: 8}

OVERHEAD_BYTES = 3  # PCB and two CRC bytes around INF, in either direction
CARD_DELAY_US = 91.2
READER_DELAY_US = 86.4
SUBCARRIER_START_US = 37.8
ACTIVATION_MS = {106: 5.8, 212: 6.7, 424: 6.7, 848: 6.7}

HSU_OUT_BYTES, HSU_ACK_BYTES, HSU_IN_BYTES = 10, 6, 10
BITS_PER_BYTE = 10
PN532_MS = 0.6

CARD_COMMAND_MS, CARD_BLOCK_MS, CARD_STEP_MS = 0.90, 0.08, 1.0

BOARD_MIPS = {"rp2040": 47, "stm32f405": 68, "rp2350": 86, "esp32-s3": 99, "stm32h743": 287}

FLASH_PROGRAM_MS, FLASH_BYTE_MS, FLASH_ERASE_MS = 0.03, 0.0025, 45.0


@dataclass(frozen=True)
class Counts:
    """What one tap consisted of; bytes are native DESFire frames without PCB and CRC."""

    exchanges: int = 0
    bytes_out: int = 0  # reader to card
    bytes_in: int = 0  # card to reader
    write_steps: int = 0
    cipher_blocks: int = 0
    instructions: int = 0
    flash_programs: int = 0
    flash_bytes: int = 0
    flash_erases: int = 0


CARD_MD_DEBIT = Counts(exchanges=10, bytes_out=150, bytes_in=186, write_steps=9, cipher_blocks=43)


@dataclass(frozen=True)
class Times:
    """The five terms in milliseconds; `activation_ms` is the RF spent before the first command."""

    activation_ms: float
    rf_ms: float
    host_ms: float
    card_ms: float
    cpu_ms: float
    flash_ms: float

    @property
    def at_the_card_ms(self) -> float:
        """Activation, RF and card: the columns "all 106" and "all 424" of card.md."""
        return self.activation_ms + self.rf_ms + self.card_ms

    @property
    def total_ms(self) -> float:
        """Everything, nothing overlapping (the journal write really overlaps staging)."""
        return self.at_the_card_ms + self.host_ms + self.cpu_ms + self.flash_ms


def tap_times(counts: Counts, kbits: int, baud: int, mips: float = BOARD_MIPS["rp2350"]) -> Times:
    """Return the five terms for one tap.

    Units: kbits 106, 212, 424 or 848; baud of the reader's UART; mips in millions a second.
    """
    return Times(
        activation_ms=ACTIVATION_MS[kbits],
        rf_ms=rf_ms(counts, kbits),
        host_ms=host_ms(counts, baud),
        card_ms=card_ms(counts),
        cpu_ms=counts.instructions / (mips * 1000),
        flash_ms=flash_ms(counts),
    )


def to_card_us(frame_bytes: int, kbits: int = 106) -> float:
    """Return the air time of a frame to the card, CRC included in its length."""
    return (9 * frame_bytes + 3) * ETU_US / RATE_DIVISOR[kbits]


def to_reader_us(frame_bytes: int, kbits: int = 106) -> float:
    """Return the air time of a frame from the card, CRC included in its length."""
    return (9 * frame_bytes + 2) * ETU_US / RATE_DIVISOR[kbits]


def short_ack_us() -> float:
    """Return the air time of a 4-bit acknowledge: start bit, 4 bits, end."""
    return 6 * ETU_US


def rf_ms(counts: Counts, kbits: int) -> float:
    """Return the air time of all exchanges with their least delays."""
    air_bytes = counts.bytes_out + counts.bytes_in + 2 * OVERHEAD_BYTES * counts.exchanges
    etus = 9 * air_bytes + (3 + 2) * counts.exchanges
    start_us = SUBCARRIER_START_US if kbits > 106 else 0.0
    delays_us = (CARD_DELAY_US + READER_DELAY_US + start_us) * counts.exchanges
    return (etus * ETU_US / RATE_DIVISOR[kbits] + delays_us) / 1000


def host_ms(counts: Counts, baud: int) -> float:
    """Return the time on the UART between board and PN532, and inside the PN532."""
    framing = (HSU_OUT_BYTES + HSU_ACK_BYTES + HSU_IN_BYTES) * counts.exchanges
    bits = (framing + counts.bytes_out + counts.bytes_in) * BITS_PER_BYTE
    return bits * 1000 / baud + PN532_MS * counts.exchanges


def card_ms(counts: Counts) -> float:
    """Return the card's own time."""
    return (
        CARD_COMMAND_MS * counts.exchanges
        + CARD_BLOCK_MS * counts.cipher_blocks
        + CARD_STEP_MS * counts.write_steps
    )


def flash_ms(counts: Counts) -> float:
    """Return the journal flash's time."""
    programs = FLASH_PROGRAM_MS * counts.flash_programs + FLASH_BYTE_MS * counts.flash_bytes
    return programs + FLASH_ERASE_MS * counts.flash_erases
