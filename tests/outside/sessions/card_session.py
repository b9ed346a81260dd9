"""`tornello card ...` with real reader drivers, where the outside packages are."""

import sys

import patient_nfcpy

from edge_agent.counter.cli import main

patient_nfcpy.lengthen()
sys.exit(main(sys.argv[1:]))
