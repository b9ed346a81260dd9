"""How a register says no: one sentence with place, found and wanted; nothing was changed."""

from backend_sync.refusal import Refusal


class Refused(Refusal):
    """The register does not do this; the message is the sentence to show."""


class CommandError(Exception):
    """A command cannot be done; the message is the sentence to show."""
