"""`tornello card check-silicon` with real reader drivers, where the outside packages are."""

import sys

from edge_agent.counter.cli import main

sys.exit(main(["check-silicon", "--yes", *sys.argv[1:]]))
