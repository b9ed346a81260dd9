"""What the ledger service says in its log: changes, and of errors their kind alone."""

import io
import json

import pytest

from backend_sync.log_lines import LogLines
from backend_sync.status_events import StatusEvents
from tests.backend_sync.sealed_devices import ManualClock

STATUS = {"state": "running", "broker": True, "edges": ["1/depot-1"], "posted": 7, "quarantined": 0,
          "dropped": 0, "last_error": "", "publisher_error": "", "audit_error": ""}  # fmt: skip
UID = "04aabbccddee80"


def said(*statuses):
    """Return the events of statuses that come one after another."""
    stream = io.StringIO()
    events = StatusEvents(LogLines(stream, ManualClock()))
    for status in statuses:
        events.look({**STATUS, **status})
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_status_like_the_last_says_nothing():
    assert [line["event"] for line in said({}, {}, {"posted": 8})] == ["running", "broker", "edge"]


@pytest.mark.requirement("T5", "T19")
def test_an_error_is_told_by_its_kind_and_its_end_without_what_somebody_sent():
    first = {"last_error": f"KeyringAbsent: card {UID}"}
    odd = {"last_error": f"card {UID} came: twice"}
    lines = said({}, first, first, odd, {"broker": False}, {})[3:]
    assert [(line["event"], line.get("error"), line["level"]) for line in lines] == [
        ("trouble", "KeyringAbsent", "error"), ("trouble", None, "error"),
        ("broker", None, "warning"), ("trouble over", None, "info"), ("broker", None, "info"),
    ]  # fmt: skip
    assert UID not in json.dumps(lines)


def test_losses_and_edges_are_counted_as_they_come():
    lines = said({}, {"quarantined": 2, "edges": []}, {"quarantined": 5, "edges": []})[3:]
    assert [(line["event"], line.get("count"), line.get("online")) for line in lines] == [
        ("edge", None, False), ("put aside", 2, None), ("put aside", 3, None),
    ]  # fmt: skip
