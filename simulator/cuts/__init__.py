"""Power lost at every flash operation of every journal and update flow, for `sim cuts` and tests.

Reading order: stage, journal, packages, shifts, taps, flows, drill, plants.
"""
