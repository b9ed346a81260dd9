"""How a register says no: one sentence with place, found and wanted; nothing was changed."""


class Refused(Exception):
    """The register does not do this; the message is the sentence to show."""
