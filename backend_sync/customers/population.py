"""The population register behind a port: does this person live where he says?

The identity number goes out with the question and is kept nowhere; of the answer the document of a
customer keeps one word and the month. `FileRegister` is an example of the port, for pilots:
a semicolon file `identity;municipality`. Source: requirement W-102.
"""

import csv
from pathlib import Path
from typing import Protocol

SAME = "same"  # he lives there
OTHER = "other municipality"  # he lives somewhere else; the register does not say where
NOT_FOUND = "not found"
NO_ANSWER = "no answer"  # the register is away or talks nonsense: ask again later
ANSWERS = (SAME, OTHER, NOT_FOUND, NO_ANSWER)
LINE_MAX = 200


class PopulationRegister(Protocol):
    """What a municipality check needs of a register."""

    def check(self, identity: str, municipality: str) -> str:
        """Return one of ANSWERS; never raises for a register that is away."""


class FileRegister:
    """A register in a text file; one that cannot be read gives NO_ANSWER, as one that is away."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self, identity: str, municipality: str) -> str:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return NO_ANSWER
        try:
            rows = list(csv.reader(lines, delimiter=";"))
        except csv.Error:
            return NO_ANSWER
        answer = NOT_FOUND
        for row in rows:
            if len(row) != 2 or max(map(len, row)) > LINE_MAX:
                return NO_ANSWER  # half a file must not say that somebody moved away
            if _same(row[0], identity):
                answer = SAME if _same(row[1], municipality) else OTHER
        return answer


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
