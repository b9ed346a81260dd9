"""What vehicle, driver and passenger tell a validator: taken whole, or refused as a fault."""

import pytest

from firmware.vehicle_messages import forget_choices, read_message


@pytest.mark.requirement("W-36", "W-62", "W-64")
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("place 7 12 3 55", {"line": 7, "trip": 12, "call": 3, "stop": 55}),
        ("place 0 -1 -1 -1", {"line": 0, "trip": -1, "call": -1, "stop": -1}),
        ("zones 24576", {"picked": 0x6000}),
        ("party 1 0 2", {"adults": 1, "youths": 0, "children": 2}),
        ("party 31 0 0", {"adults": 31, "youths": 0, "children": 0}),
    ],
)
def test_a_message_changes_what_it_names(text, values):
    assert read_message(text) == values


@pytest.mark.parametrize(
    "text",
    [
        "",
        "place",
        "place 1 2 3",
        "place 1 2 3 4 5",
        "place 1024 0 0 0",
        "place 1 1048575 0 0",
        "place 1 0 255 0",
        "place 1 0 0 65535",
        "place x 0 0 0",
        "zones -1",
        "zones 65535",
        "party 32 0 0",
        "party 20 11 1",
        "party -1 0 0",
        "zones 1_0",  # what int() or split() takes differs between the runtimes
        "zones +1",
        "zones \x1f1",
        "zones \uff11",
        "zones\xa01",
        "fare 0",
    ],
)
def test_what_no_entry_could_hold_is_no_message(text):
    assert read_message(text) is None


def test_a_choice_is_for_one_passenger_and_the_place_stays():
    profile = {"line": 7, **read_message("zones 16384"), **read_message("party 1 0 0")}
    forget_choices(profile)
    assert profile == {"line": 7}
