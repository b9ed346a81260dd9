"""Why the journal does not take an entry or an acknowledgement. Nothing was written then."""


class JournalFull(Exception):
    """No slot is free and no block may be erased, or none takes it: nothing is forgotten."""


class IntentsFull(JournalFull):
    """Eight intents are open: close one (OUTCOME orphan, abandoned) before the next."""


class AcknowledgementRefused(Exception):
    """A well-sealed acknowledgement that is not about this journal's bytes.

    `why` is "foreign" (another device or epoch), "early" (entries that do not exist yet)
    or "different" (another chain than ours).
    """

    def __init__(self, why, message):
        super().__init__(message)
        self.why = why
