"""The cash figure in an evidence, said alike of a vehicle's shift and of a counter's till.

The same places hold what was counted, what was expected and why it is doubtful; the same sentences
say what of it does not fit. Source: trust.md T18.
"""

from collections.abc import Sequence
from typing import Any

from backend_sync.sales.finding import Count, Finding


def figure_of(finding: Finding, counts: Sequence[Count]) -> dict[str, Any]:
    """Return a finding and its counts as plain values; cents, None for what is not shown."""
    return {
        "state": finding.state,
        "doubts": [doubt.words for doubt in finding.doubts],
        "counted": finding.counted,
        "expected": finding.expected,
        "difference": finding.difference,
        "counts": [
            {"turn": c.turn, "cents": c.cents, "by": c.by, "second": c.second, "at": c.received}
            for c in counts
        ],
    }


def wrong_claim(evidence: dict[str, Any]) -> list[str]:
    """Return what is wrong with the figure of an evidence that is not decided: that it has one."""
    claimed = evidence.get("difference") is not None or evidence.get("expected") is not None
    return ["a figure is claimed although nothing was decided"] if claimed else []


def wrong_figure(evidence: dict[str, Any], total: int, what: str) -> list[str]:
    """Return what of a decided figure does not fit `total`, the sum of `what` in it, in cents."""
    found = []
    if total != evidence["expected"]:
        found.append(f"the {what} sum to {total} cents, the evidence says {evidence['expected']}")
    if evidence["counts"] and evidence["counts"][-1]["cents"] != evidence["counted"]:
        found.append("the last count is not what the evidence says was counted")
    if evidence["counted"] - evidence["expected"] != evidence["difference"]:
        found.append("counted less expected is not the difference")
    return found
