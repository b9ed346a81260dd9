"""Spans by the hour and by the minute: written, checked, shown and explained."""

import pytest

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.described import length_words
from backend_sync.tariffs.linter import check
from backend_sync.tariffs.main import main
from backend_sync.tariffs.self_test import SHIPPED
from backend_sync.tariffs.source import TariffFault

HSL = SHIPPED / "hsl" / "tariff.toml"
SPAN = 'span = { hours = [24, 312], per_hours = 24, from = "first_use", activate_within = 60 }'


def with_span(tmp_path, span, *changes):
    text = HSL.read_text().replace('feed = "gtfs"', f'feed = "{HSL.parent / "gtfs"}"')
    for old, new in ((SPAN, span), *changes):
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / "tariff.toml"
    path.write_text(text)
    return path


def day_ticket(path):
    return next(product for product in read_tariff(path).book.products if product.name == "day")


@pytest.mark.requirement("W-55", "W-89")
@pytest.mark.parametrize(
    ("span", "unit", "units", "words"),
    [
        ("span = { hours = 24 }", 60, (24, 24), "24 hours"),
        (SPAN, 60, (24, 312), "24 to 312 hours"),
        ("span = { minutes = 90 }", 90, (1, 1), "90 minutes"),
        ("span = { hours = 1 }", 60, (1, 1), "1 hour"),
        ("span = { days = 30 }", 0, (30, 30), "30 days"),
    ],
)
def test_a_length_is_so_many_units_of_so_many_minutes(tmp_path, span, unit, units, words):
    product = day_ticket(with_span(tmp_path, span))
    assert (product.minutes, product.days) == (unit, units)
    assert length_words(product) == words


@pytest.mark.requirement("D31")
@pytest.mark.parametrize(
    ("span", "said"),
    [
        ("span = { hours = 600 }", "a span of 600 hours"),
        ("span = { hours = 24, travel_days = 2 }", "products.day: hours and travel days"),
        (
            'span = { minutes = 90 }\nmedia = "ultralight-c"',
            "products.day: minutes and an Ultralight C ticket, which counts days",
        ),
    ],
)
def test_what_a_card_cannot_count_to_the_minute_is_an_error(tmp_path, span, said):
    path = with_span(tmp_path, span)
    (found,) = [finding for finding in check(path).findings if finding.rule == "cap-span"]
    assert found.found == said and found.wanted and found.remedy
    assert "span" in path.read_text().splitlines()[found.place.line - 1]


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ("span = { hours = 24, days = 1 }", "products.day.span has days and hours"),
        ("span = { minutes = 90, per_hours = 1 }", "products.day.span.per_hours without hours"),
    ],
)
def test_a_length_is_said_once(tmp_path, span, said):
    with pytest.raises(TariffFault) as fault:
        read_tariff(with_span(tmp_path, span))
    assert said in str(fault.value)


ASK = ("explain", str(HSL), "--stop", "A1", "--group", "adult")


@pytest.mark.requirement("W-54")
def test_explain_says_to_the_minute_when_it_ends(capsys):
    assert main([*ASK, "--at", "2024-05-14 10:00", "--slot", "day A-B"]) == 0
    said = capsys.readouterr().out
    assert "slot 1 begins 2024-05-14 and ends 2024-05-15 10:00" in said


@pytest.mark.parametrize(
    ("at", "why"), [("2024-05-15 10:05", "used"), ("2024-05-15 10:06", "ended")]
)
def test_a_card_in_words_says_when_it_began(at, why, tmp_path, capsys):
    card = tmp_path / "card.json"
    card.write_text(
        '{"balance": "10.00", "slots": [{"product": "day", "start": "2024-05-14 10:00"}]}'
    )
    assert main([*ASK, "--at", at, "--card", str(card)]) == 0
    assert f"slot 1:    day: {why}" in capsys.readouterr().out


def test_a_first_use_without_its_time_is_refused_in_words(tmp_path, capsys):
    card = tmp_path / "card.json"
    card.write_text('{"slots": [{"product": "day", "start": "2024-05-14"}]}')
    assert main([*ASK, "--at", "2024-05-14 12:00", "--card", str(card)]) != 0
    assert 'wanted a time such as "2025-03-04 08:15"' in capsys.readouterr().err
