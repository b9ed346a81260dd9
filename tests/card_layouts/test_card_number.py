"""The printed number of a card: its check digit finds what a clerk mistypes."""

import pytest

from card_layouts.cards.card_number import card_number, check_digit, parse_card_number
from card_layouts.errors import LayoutError

pytestmark = pytest.mark.requirement("D1", "W-124")


def test_the_check_digit_is_luhns():
    # 7992739871 is the example everybody prints; ISO/IEC 7812-1 annex B.
    assert check_digit("7992739871") == 3
    assert card_number(244, 12345678) == "244 12345678 6"


@pytest.mark.parametrize("serial", [0, 1, 12345678, 99999999])
def test_a_number_reads_back_however_it_is_spaced(serial):
    printed = card_number(244, serial)
    for text in (printed, printed.replace(" ", ""), printed.replace(" ", "-")):
        assert parse_card_number(text) == (244, serial)


def test_every_single_wrong_digit_is_found():
    digits = card_number(44, 1234567).replace(" ", "")
    for at, right in enumerate(digits):
        for wrong in "0123456789".replace(right, ""):
            with pytest.raises(LayoutError):
                parse_card_number(digits[:at] + wrong + digits[at + 1 :])


@pytest.mark.parametrize("text", ["", "244 1234567 8", "244 12345678 x", "300 12345678 6"])
def test_what_is_no_number_is_refused_in_words(text):
    with pytest.raises(LayoutError, match="card number"):
        parse_card_number(text)
