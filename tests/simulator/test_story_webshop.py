"""`tornello demo --story webshop`: real programs, and equalities that a planted fault breaks."""

import pytest

from simulator.stories import webshop as story_webshop
from tests.simulator.demo_runs import play

GOOD = {
    "bought": 6, "executed": 3, "waiting": 1, "expired": 1, "cancelled": 1, "credited": 3,
    "doubled": 0, "money_back": 2, "prepaid_cents": 20, "waiting_cents": 20, "payout_cents": 50,
    "expired_cents": 20, "cancelled_cents": 30, "cards_cents": 7, "ledger_cards_cents": 7,
    "trial_balance_cents": 0, "open_intents": 0, "lost": 0, "entries_doubled": 0,
    "refused": ["one"], "refused_as_done": 4,
}  # fmt: skip


@pytest.mark.system
@pytest.mark.requirement("W-7", "W-143", "W-112", "W-66", "D9", "I11", "I6")
def test_loads_bought_while_boards_are_out_reach_their_cards_once_whatever_is_torn():
    code, result, said = play("--story", "webshop", "--cards", 16, "--validators", 5)
    assert code == 0, said
    assert result["wrong"] == [] and result["torn"] > 0 and result["refused_as_done"] > 0
    assert result["executed"] == result["credited"] > 5
    assert (result["waiting"], result["expired"], result["cancelled"]) == (1, 1, 2)
    assert any(status.startswith("loaded at stop") for status in result["statuses"])
    assert result["statuses"].count("cancelled, money back") == 2
    assert result["statuses"].count("expired, money back") == 1


@pytest.mark.requirement("W-143", "I11")
def test_every_equality_of_the_story_can_fail():
    assert story_webshop.wrong(GOOD) == []
    for name in set(GOOD) - {"refused", "waiting_cents", "ledger_cards_cents"}:
        assert story_webshop.wrong({**GOOD, name: GOOD[name] + 1}) or name == "refused_as_done"
    assert story_webshop.wrong({**GOOD, "refused_as_done": 0}) == ["refused_as_done: none"]
    assert story_webshop.wrong({**GOOD, "refused": []}) == ["refused: none"]
