"""The validator's firmware: MicroPython, the same files on every board and in the simulator."""

VERSION = "0.2.0"
