"""Real processes, killed at every write and fsync of their databases, for `sim kills` and tests.

Reading order: tracing, edge, ledger, drill, at_random, disk, inland_disk, plants.
"""
