"""The three ways bytes and values can be wrong, split by whose mistake it is.

Messages say place, found and wanted: "INTENT.zone: 300 does not fit 6 bits".
"""


class LayoutError(ValueError):
    """Bytes from outside do not fit: too short, wrong checksum, not canonical, unknown layout."""


class RangeError(ValueError):
    """A value our own caller passed does not fit the field it is meant for."""


class SealError(ValueError):
    """A MAC or a signature is wrong. Always raised, never returned as None or False."""
