"""Adapters to this machine: serial ports, card readers, clocks, random numbers."""
