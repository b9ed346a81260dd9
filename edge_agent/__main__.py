"""`python -m edge_agent COMMAND`: `edge run`, `edge status`, `edge outbox`, `card`, `ticket`."""

import importlib
import sys
from collections.abc import Sequence

# Modules of this folder load only when their command is asked for.
COMMANDS = {"edge": "edge_agent.cli", "card": "edge_agent.counter.cli",
            "ticket": "edge_agent.counter.ticket_cli"}  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; `edge` itself may be left out."""
    name = arguments[0] if arguments else ""
    rest = arguments[1:] if name in COMMANDS else arguments
    module = importlib.import_module(COMMANDS.get(name, COMMANDS["edge"]))
    return int(module.main(list(rest)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
