"""Simulated shifts: no false shortage, every true one to the cent; the canary is noticed."""

import pytest

from simulator.stories.cash_up import CashUpStory


@pytest.mark.requirement("T18", "W-17", "R-15", "R-23")
def test_simulated_shifts_show_no_false_shortage_and_every_true_one(tmp_path, ledger_url):
    story(tmp_path, ledger_url, 1, 60)


@pytest.mark.full
@pytest.mark.timeout(3000)
@pytest.mark.requirement("T18")
def test_ten_thousand_shifts_show_no_false_shortage(tmp_path, ledger_url):
    found = story(tmp_path, ledger_url, 7, 10_000)
    assert found["true_shortages_found"] > 500
    assert found["closed_unjudged"] > 0, "lost slots close their own shift at nobody's cost"


def story(folder, url, seed, shifts):
    played = CashUpStory(folder / "story", seed, shifts, url)
    try:
        found = played.play()
    finally:
        played.close()
    assert found["wrong"] == [] and found["ok"]
    assert found["false_shortages"] == found["false_surpluses"] == 0
    assert found["decided"] > shifts // 4 and found["true_shortages_found"] > 0
    return found


def test_the_story_notices_a_desk_that_ignores_doubts(tmp_path, monkeypatch):
    """The canary: without the Horizon rule the same shifts accuse people falsely."""
    monkeypatch.setattr("backend_sync.sales.finding.doubts", lambda *_: [])
    played = CashUpStory(tmp_path / "story", 1, 30)
    try:
        assert played.play()["false_surpluses"] + played.counts["false_shortages"] > 0
    finally:
        played.close()
