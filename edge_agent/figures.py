"""The agent's status as Prometheus reads it, for a textfile collector beside the agent.

Source: prometheus.io "Exposition formats"; names end in their unit.
"""

from collections.abc import Mapping
from typing import Any

COUNTER, GAUGE = "counter", "gauge"
# name of the status, kind, what it is
FIGURES = (
    ("stored", COUNTER, "entries stored"),
    ("deleted", COUNTER, "entries deleted after their retention"),
    ("unsent", GAUGE, "entries that no acknowledgement covers"),
    ("in_flight", GAUGE, "batches on their way"),
    ("batches_sent", COUNTER, "batches sent since the start"),
    ("batches_resent", COUNTER, "batches sent again since the start"),
    ("quarantined", COUNTER, "slots kept aside"),
    ("refused_slots", COUNTER, "slots refused at a dock"),
    ("forged_acks", COUNTER, "acknowledgements that no ledger signed"),
    ("refused_down", COUNTER, "messages from above that were refused"),
)


def exposition(status: Mapping[str, Any]) -> str:
    """Return the text of one status; `running` as `edge status` found it."""
    rows = [
        *((f"{name}_total" if kind == COUNTER else name, kind, words, status[name])
          for name, kind, words in FIGURES),
        ("running", GAUGE, "the agent runs", int(status["running"])),
        ("store_ok", GAUGE, "the store takes entries", int(status["store"] == "ok")),
        ("broker_connected", GAUGE, "the broker answers", int(status["broker"]["connected"])),
        ("oldest_unsent_seconds", GAUGE, "how long the oldest unsent entry waits",
         status["oldest_unsent_s"] or 0),
        ("gaps", GAUGE, "stretches of entries that are missing", len(status["gaps"])),
        ("devices", GAUGE, "devices that ever docked here", len(status["devices"])),
    ]  # fmt: skip
    lines = []
    for name, kind, words, value in rows:
        name = f"tornello_edge_{name}"
        lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}", f"{name} {value}"]
    return "\n".join([*lines, ""])
