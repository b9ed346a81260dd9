"""The broker's list of who may use which topics, as mosquitto reads it.

The name is that of the certificate (`use_identity_as_username`). What no line allows is refused.
Source: topics.py; architecture.md section 6.
"""

from collections.abc import Iterable

from backend_sync.topics import ACK, DOWN, LISTENED, PREFIX, STATE, UP, topic

HEAD = (
    "# Written by `tornello deploy certificates`: who has a certificate may do this, and no more."
)


def acl(ledger: str, edges: Iterable[tuple[int, str]]) -> str:
    """Return the file for a ledger's name and its edges, each (authority, edge)."""
    lines = [HEAD, "", f"user {ledger}"]
    lines += [f"topic read {name}" for name in LISTENED]
    lines += [f"topic write {PREFIX}/+/+/{kind}" for kind in (ACK, DOWN)]
    for area, edge in edges:
        lines += ["", f"user {edge}"]
        lines += [f"topic write {topic(area, edge, kind)}" for kind in (UP, STATE)]
        lines += [f"topic read {topic(area, edge, kind)}" for kind in (ACK, DOWN)]
    return "\n".join(lines) + "\n"
