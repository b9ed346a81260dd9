"""Adapters to this machine: serial ports, clocks, random numbers."""
