"""The time model reproduces every published figure it claims to."""

import pytest

from simulator.time_model import (
    CARD_MD_DEBIT,
    Counts,
    flash_ms,
    short_ack_us,
    tap_times,
    to_card_us,
    to_reader_us,
)

pytestmark = pytest.mark.requirement("D28", "X-4")


@pytest.mark.parametrize(
    "name, us, published",
    [
        ("READ: command, page, CRC", to_card_us(4), 368),
        ("READ answer: 16 bytes, CRC", to_reader_us(18), 1548),
        ("WRITE: command, page, 4 bytes, CRC", to_card_us(8), 708),
        ("AUTHENTICATE 2: AF, 16 bytes, CRC", to_card_us(19), 1642),
        ("AUTHENTICATE answer: 00, 8 bytes, CRC", to_reader_us(11), 953),
        ("ACK: 4 bits", short_ack_us(), 57),
    ],
)
def test_frame_times_of_the_ultralight_c_data_sheet(name, us, published):
    assert round(us) == published, name


def test_the_debit_row_of_card_md():
    slow = tap_times(CARD_MD_DEBIT, 106, 115200)
    fast = tap_times(CARD_MD_DEBIT, 424, 921600)
    row = (slow.rf_ms, fast.rf_ms, slow.card_ms, slow.at_the_card_ms, fast.at_the_card_ms)
    assert [round(term, 1) for term in row] == [35.9, 10.7, 21.4, 63.1, 38.8]
    assert (round(slow.host_ms, 1), round(fast.host_ms, 1)) == (57.7, 12.5)


def test_cpu_and_flash_terms():
    times = tap_times(Counts(instructions=4_700_000), 106, 115200, mips=47)
    assert times.cpu_ms == pytest.approx(100.0)
    assert flash_ms(Counts(flash_programs=2, flash_bytes=256)) == pytest.approx(0.70)
    assert flash_ms(Counts(flash_erases=1)) == pytest.approx(45.0)
    assert times.total_ms == pytest.approx(times.activation_ms + 100.0)
