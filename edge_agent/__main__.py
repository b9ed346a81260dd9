"""`python -m edge_agent COMMAND`: `run`, `status` and `outbox` are the agent's own."""

import importlib
import importlib.util
import sys
from collections.abc import Sequence

# Modules of this folder load only when their command is asked for. The launcher says
# `edge run`, a service unit may leave out `edge`.
COMMANDS = {"edge": "edge_agent.cli", "card": "edge_agent.card"}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        return int(importlib.import_module("edge_agent.cli").main(list(arguments)))
    if importlib.util.find_spec(COMMANDS[name]) is None:
        print(f"tornello: this version has no command '{name}'", file=sys.stderr)
        return 2
    return int(importlib.import_module(COMMANDS[name]).main(list(arguments[1:])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
