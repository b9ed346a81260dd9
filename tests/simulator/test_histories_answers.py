"""What a history checks of what passengers are told: each check is seen to fail."""

from unittest.mock import patch

import pytest

from card_layouts.answers import ACCEPTED, TAP_AGAIN, lamp_of, name_of, text_of
from card_layouts.cards.card_layout import KIND_LOAD, KIND_PRODUCT
from card_layouts.fares.inputs import C_BALANCE, D_AMOUNT
from card_layouts.records.entries_tap import REASON_FUNDS
from firmware.station_services import Load
from firmware.tap_decide import Pricing
from firmware.ui.loaded_text import LOADED, loaded_text
from simulator.histories.boards import Screen
from simulator.histories.canary import planted
from simulator.histories.model import Model
from simulator.histories.options import draw_options
from simulator.histories.play import play
from simulator.histories.screens import contradiction, told

CHIP, CARD, GATE = 0, 0, 11
OF_LIFE = {"online": 12, "days": 3, "reported": 0, "faults": {}}


def found_with(bug, options):
    """Return which check finds a planted bug in a history that is sound without it."""
    with planted(bug):
        return play(options).invariant


@pytest.mark.requirement("T1", "I11")
@pytest.mark.parametrize("bug", ["screen-a-cent-off", "screen-paid-already"])
def test_a_screen_that_contradicts_the_money_is_found(bug):
    options = draw_options(5, 30, ())._replace(**OF_LIFE)
    assert found_with(bug, options) == "message"
    found = play(options)
    assert found.violation == "" and found.checked["message"] > 30


def test_a_screen_is_compared_with_its_answer_and_its_lamp():
    accepted, lamp = name_of(ACCEPTED), lamp_of(ACCEPTED)
    assert contradiction(Screen([text_of(ACCEPTED)], lamp), accepted, lamp) == ""
    for screen in (
        None,
        Screen([text_of(ACCEPTED)], lamp_of(TAP_AGAIN)),
        Screen([text_of(TAP_AGAIN)], lamp),
    ):
        assert contradiction(screen, accepted, lamp)


@pytest.mark.parametrize("language", range(len(LOADED)))
def test_amounts_are_read_in_every_language(language):
    lines = [loaded_text(KIND_LOAD, 2005, language), loaded_text(KIND_PRODUCT, 0, language)]
    screen = Screen([*lines, "Not charged.", text_of(ACCEPTED)], "green")
    assert told(screen) == [("load", 2005), ("pass", 0), ("?", 0)]


@pytest.mark.parametrize(
    ("answer", "said", "holds"),
    [
        ("ACCEPTED", [("load", 500)], True),
        ("ACCEPTED", [("load", 501)], False),
        ("ACCEPTED", [], False),
        ("ACCEPTED", [("load", 500), ("load", 500)], False),
        ("LOAD_AGAIN", [], True),
    ],
)
def test_a_screen_tells_of_what_was_loaded_and_of_nothing_else(answer, said, holds):
    model = Model(244)
    model.issued(CHIP, CARD, 2000, 1, 0, 1, 1, 1, 0)
    tx = model.presented(CHIP, GATE, True, 2500, 2, 0, 2, (GATE, 1), 10, "load")
    model.wrong.clear()  # nobody bought it: not what is asked here
    model.answers.told(CHIP, GATE, answer, said, [tx])
    assert (not model.wrong) == holds


def riding():
    """Return a model with one card at one gate, and what a ride of it does."""
    model = Model(244)
    model.issued(CHIP, CARD, 20_000, 1, 0, 1, 1, 1, 0)
    model.fares.priced(GATE, 244, 0, 250, 338)

    def rides(at_s, cents, began_s):
        chip = model.chips[CHIP]
        n, purse = chip.n + 1, chip.purse - cents
        model.presented(CHIP, GATE, True, purse, n, 0, 1, (GATE, at_s), at_s, "", began_s)
        model.answers.shown(CHIP, GATE, "ACCEPTED", "green", True, chip.txs[-1], at_s)
        return [invariant for invariant, _ in model.wrong]

    return model, rides


@pytest.mark.requirement("T1", "T15")
@pytest.mark.parametrize("bug", ["seventh-refused", "tickets-refused", "codes-refused"])
def test_a_gate_that_refuses_who_may_pass_is_found(bug):
    options = draw_options(5, 30, ())._replace(tickets=2, singles=1, areas=1, cards=6)
    assert found_with(bug, options) == "accepted"
    found = play(options)
    assert found.violation == "" and found.checked["accepted"] > 20
    assert found.checked["ticket accepted"] > 2 and found.checked["code accepted"] > 1


@pytest.mark.requirement("T1")
def test_a_card_that_holds_just_the_price_has_to_pass():
    """Two cards ride on what they were issued with: 2000 cents are eight journeys of 250."""
    few = {"gates": 2, "areas": 1, "cards": 2, "days": 4, "load_every": 99, "reported": 0}
    few |= {"tariffs": 0, "passes": 0, "day_passes": 0, "online": 0}
    options = draw_options(5, 40, ())._replace(**few)

    def keeps_a_cent(decide):
        def decided(self, session, seen, tariff):
            reason = yield from decide(self, session, seen, tariff)
            cents = self.decision[D_AMOUNT]
            return reason or (cents == self.card[C_BALANCE] and REASON_FUNDS)

        return decided

    with patch.object(Pricing, "decide", keeps_a_cent(Pricing.decide)):
        assert play(options).invariant == "accepted"
    found = play(options)
    assert found.violation == "" and found.answers["REFUSED_FUNDS"]


@pytest.mark.requirement("T1")
@pytest.mark.parametrize(
    ("purse", "listed", "must"), [(250, 0, True), (249, 0, False), (250, 1, False)]
)
def test_whom_a_gate_has_to_let_pass(purse, listed, must):
    model, _ = riding()
    model.chips[CHIP].purse = purse
    model.lists[GATE] = {CARD: listed}
    assert model.must_pass(CHIP, GATE, 5000) == must


@pytest.mark.requirement("T1", "I14")
@pytest.mark.parametrize(
    ("answer", "opened", "wrong"),
    [
        ("ACCEPTED", True, []),
        ("ACCEPTED", False, ["accepted"]),
        ("REFUSED_CARD_ERROR", False, ["refused", "accepted"]),
        ("", False, ["accepted"]),
        ("ALREADY_SHOWN", False, ["message", "accepted"]),
    ],
)
def test_what_a_card_with_which_nothing_is_wrong_may_be_told(answer, opened, wrong):
    model, _ = riding()
    tx = model.presented(CHIP, GATE, True, 19_750, 2, 0, 1, (GATE, 1), 10, "", 10)
    lamp = "red" if answer.startswith("REFUSED") else "green"
    model.answers.shown(CHIP, GATE, answer, lamp, opened, tx, 10)
    model.answers.let_pass(CHIP, GATE, answer, 10)
    assert [invariant for invariant, _ in model.wrong] == wrong


@pytest.mark.requirement("I13", "I14", "T15")
def test_a_clock_that_was_set_right_is_judged_again_when_its_latest_time_has_come():
    model, rides = riding()
    model.clocks.goes_wrong(GATE)
    model.clocks.used(GATE, 9000)
    assert rides(2000, 777, 9000) == []
    model.clocks.set_right(GATE)
    assert rides(8000, 777, 9000) == [], "it stands still at 9000"
    model.answers.shown(CHIP, GATE, "ACCEPTED_GRACE", "green", True, None, 8005)
    assert model.wrong == []
    assert rides(10_000, 777, 9000) == [], "it goes on with a journey of another time"
    assert rides(15_000, 251, 15_000) == ["I13"], "one cent more than a new journey costs"
    model.answers.shown(CHIP, GATE, "ACCEPTED_GRACE", "green", True, None, 15_005)
    assert [invariant for invariant, _ in model.wrong] == ["I13", "I14"]


@pytest.mark.requirement("I13")
def test_a_card_that_was_put_back_is_judged_again_from_its_next_journey_on():
    model, rides = riding()
    assert rides(1000, 250, 1000) == rides(9000, 250, 9000) == []
    model.put_back(CHIP, 2)
    assert rides(9500, 88, 7000) == [], "who knows what an old image says"
    assert rides(20_000, 250, 20_000) == []
    assert rides(20_100, 5, 20_000) == ["I13"]


@pytest.mark.requirement("I13")
def test_a_copy_of_a_card_goes_on_with_its_journey():
    model, rides = riding()
    assert rides(1000, 250, 1000) == []
    model.copied(7, CHIP)
    model.presented(7, GATE, True, 19_749, 3, 0, 1, (GATE, 9), 1500)
    assert [invariant for invariant, _ in model.wrong] == ["I13"]


@pytest.mark.requirement("I6")
@pytest.mark.parametrize("bug", ["intent-of-another-card", "intent-of-another-record"])
def test_an_entry_that_announces_something_else_is_found(bug):
    assert found_with(bug, draw_options(5, 10, ())) == "I6"


@pytest.mark.requirement("T1", "I11")
def test_a_counter_that_does_not_serve_who_may_be_served_is_found():
    options = draw_options(5, 10, ())._replace(load_every=2)
    assert play(options).checked["served"] > 2
    with patch.object(Load, "refusal", lambda self, seen: REASON_FUNDS):
        assert play(options).invariant == "accepted"
