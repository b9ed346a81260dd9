"""Histories: a small fare system, all of it real programs, lived through from one seed.

A history is a list of events drawn first and played afterwards, in one process and one thread.
`world.py` plays, `model.py` says what must come of it, `invariants.py` compares.
"""
