"""A refusal as a sentence and its parts, so that who does not read English can be told it too.

    raise Refused("card {card} is in no delivery", card=number)

The message is the English sentence, for commands and logs. The sentence before its parts are put in
is its name in a table of texts (`office/words/refusals.py`); one that is in no table stays English.
Source: house-style.md section 7; W-5.
"""

from typing import Self


class Refusal(Exception):
    """What was asked for is not done; `sentence` with `fields` put in is the message.

    A sentence without fields is taken as it is, braces and all.
    """

    def __init__(self, sentence: str = "", /, **fields: object) -> None:
        super().__init__(sentence.format_map(fields) if fields else sentence)
        self.sentence = sentence
        self.fields = fields

    def told_as(self, sentence: str, /, **fields: object) -> Self:
        """Name another sentence for readers of other languages; the message stays. For a message
        that is put together of several sentences, or that came from elsewhere."""
        self.sentence, self.fields = sentence, fields
        return self
