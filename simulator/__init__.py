"""The physical world of Tornello: cards, reader, flash, clock, boards, passengers.

Runs the real programs on simulated ports. Nothing here is shipped on a device.
"""
