"""What a command raises when the thing asked for cannot be done: one sentence, exit code 1."""


class CommandFailed(Exception):
    """The message says what was found, what was wanted and what to do."""
