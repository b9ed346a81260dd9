"""What a command raises instead of an answer: one sentence that says what to do."""


class CommandFailed(Exception):
    """The thing asked for cannot be done: exit code 1."""


class WrongUse(Exception):
    """What was asked makes no sense, or names what is not there: exit code 2."""
