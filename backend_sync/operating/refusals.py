"""How operating data say no: one sentence with place, found and wanted; nothing was changed."""

from backend_sync.refusal import Refusal


class OperatingRefused(Refusal):
    """What was asked for is not done; the message is the sentence to show."""


class NotThere(OperatingRefused):
    """There is no such version, or it is another's: which of the two nobody learns."""
