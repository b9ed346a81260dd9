"""The stories `refund` and `lost-card`: real cards and stations cut anywhere; books equal cards."""

import json

import pytest

from simulator.demo import main as demo
from simulator.stories import main as stories
from simulator.stories.lost_card import LostCardStory
from simulator.stories.refund import RefundStory
from tests.backend_sync.conftest import (  # noqa: F401 - fixtures
    empty_copy,
    empty_file,
    ledger_url,
    postgresql,
)


def told(story, folder, seed, cards, url=""):
    played = story(folder, seed, cards, url)
    try:
        found = played.play()
    finally:
        played.point.close()
    assert found["wrong"] == [] and found["ok"]
    return found


@pytest.mark.requirement("R-9", "R-11", "R-25", "X-10")
def test_torn_refunds_pay_exactly_what_left_the_cards(tmp_path, ledger_url):  # noqa: F811
    found = told(RefundStory, tmp_path, 2, 9, ledger_url)
    assert found["torn"] > 2 and found["paid_cents"] > 0 and found["deposits_back_cents"] > 0


@pytest.mark.requirement("X-7")
def test_a_lost_cards_value_is_on_the_new_card_and_late_debits_are_loss(
    tmp_path,
    ledger_url,  # noqa: F811
):
    found = told(LostCardStory, tmp_path, 3, 6, ledger_url)
    assert found["on_new_cards_cents"] > 0 and found["loss_cents"] > 0


@pytest.mark.full
@pytest.mark.requirement("R-11", "X-7")
@pytest.mark.parametrize("story", [RefundStory, LostCardStory])
@pytest.mark.parametrize("seed", range(4))
def test_many_cards_in_many_orders(tmp_path, story, seed):
    told(story, tmp_path, 100 + seed, 120)


def test_the_refund_story_notices_a_desk_that_pays_before_the_evidence(tmp_path, monkeypatch):
    """The canary: paid by what the station was asked to do, the equalities break."""
    monkeypatch.setattr("backend_sync.sales.returns.refund_on_card", lambda *_: ("done", 1000))
    played = RefundStory(tmp_path, 2, 6)
    try:
        assert not played.play()["ok"]
    finally:
        played.point.close()


def test_stories_are_asked_for_by_name(capsys):
    assert demo.main(["--story", "refnd"]) == 2
    assert "did you mean refund?" in capsys.readouterr().err
    assert demo.main(["--story=refund", "--cards", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]
    with pytest.raises(SystemExit) as left:
        demo.main(["--story", "lost-card", "--cards", "0"])
    assert left.value.code == 2
    for name in stories.STORIES:
        with pytest.raises(SystemExit) as left:
            demo.main(["--story", name, "--help"])
        assert left.value.code == 0
        assert f"--story {name}" in capsys.readouterr().out
