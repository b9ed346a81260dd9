"""What the agent says in its log, and its figures for a textfile collector."""

import io
import json

import pytest

from edge_agent.figures import exposition
from edge_agent.log_lines import HARM, LogLines, StatusEvents

UID = "04aabbccddee80"
DOCK = {"name": "left", "state": "idle", "device": None, "drained": False, "pulled": 0,
        "problem": "", "port": "/dev/x"}  # fmt: skip
STATUS = {"edge": "depot-1", "state": "running", "running": True, "store": "ok", "unsent": 4,
          "broker": {"connected": True, "problem": ""}, "docks": [DOCK], "gaps": [], "devices": [],
          "oldest_unsent_s": None, "stored": 9, "deleted": 0, "in_flight": 1, "batches_sent": 2,
          "batches_resent": 0, **dict.fromkeys(HARM, 0)}  # fmt: skip


class Clock:
    def utc_seconds(self):
        return 200_000_000


class Terminal(io.StringIO):
    def isatty(self):
        return True


def said(*statuses):
    """Return the events of statuses that come one after another."""
    stream = io.StringIO()
    events = StatusEvents(LogLines(stream, Clock()))
    for status in statuses:
        events.look({**STATUS, **status})
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.requirement("T5", "T17")
def test_only_what_changed_is_said_and_never_what_somebody_sent():
    docked = {**DOCK, "state": "pulling", "device": 3, "problem": f"slot of {UID}"}
    away = {"connected": False, "problem": f"broker {UID}"}
    lines = said({}, {}, {"docks": [docked]}, {"forged_acks": 2, "docks": [docked]},
                 {"store": f"disk full: {UID}", "forged_acks": 2, "broker": away})  # fmt: skip
    assert [(line["event"], line["level"]) for line in lines] == [
        ("running", "info"), ("broker", "info"), ("dock", "info"), ("dock", "info"),
        ("forged acks", "warning"), ("broker", "warning"), ("store", "error"), ("dock", "info"),
    ]  # fmt: skip
    assert lines[3] == {"time": "2026-05-03T19:33:20Z", "level": "info", "event": "dock",
                        "dock": "left", "pulled": 0, "state": "pulling", "device": 3,
                        "drained": False}  # fmt: skip
    assert UID not in json.dumps(lines)


def test_a_terminal_is_given_words_and_a_stream_that_is_gone_ends_nothing():
    seen = Terminal()
    LogLines(seen, Clock()).say("broker", connected=True)
    assert seen.getvalue() == "19:33:20 info    broker     connected=True\n"
    seen.close()

    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    LogLines(Gone(), Clock()).say("broker")


def test_figures_are_those_of_the_status():
    lines = exposition({**STATUS, "store": "disk full", "oldest_unsent_s": 70}).splitlines()
    for line in ("tornello_edge_stored_total 9", "tornello_edge_unsent 4",
                 "tornello_edge_store_ok 0", "tornello_edge_oldest_unsent_seconds 70"):  # fmt: skip
        assert line in lines
