"""Real processes, killed at every write and fsync of their databases, for `sim kills` and tests.

Reading order: tracing, inland, edge, ledger, drill, disk, plants.
"""
