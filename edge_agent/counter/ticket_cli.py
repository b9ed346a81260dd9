"""`tornello ticket COMMAND`: single tickets on paper and phones. The table is in cli.py."""

from collections.abc import Sequence

from edge_agent.counter.cli import TICKET_COMMANDS, run_table
from edge_agent.counter.desk import Desk

WHAT = "Single tickets as 2D codes: sold in advance, shown, checked without any network."


def main(arguments: Sequence[str], desk: Desk | None = None) -> int:
    """Run one `ticket` command; return the exit code."""
    return run_table("ticket", WHAT, TICKET_COMMANDS, arguments, desk)
