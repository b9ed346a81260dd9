"""What else a real card is asked: points of desfire.md marked P or ?, and card.md section 7.

A row: id, question, what our card answers; below it the steps (silicon_trials.py; `@other NO NEW`
changes another key, `?` before a step: any answer will do). Four digits of hex or fewer are a
status, more are the whole answer. The scene is "card".
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

VALUE = "00000000 E8030000 F4010000"  # limits 0..1000, value 500
BY_PAIRS = "1F32 0A0000 030000"  # read 3, write 2, read+write 1; records of 10, three slots

_ROWS = f"""
7.1a | Debit through the read right, in the file's own mode | 00
    @app; CC 10 03 2F1F {VALUE} 00; @auth 01; @enc DC 10 01000000; @plain C7
7.1b | the same Debit sent in plain | 7E
    @app; CC 10 03 2F1F {VALUE} 00; @auth 01; @plain DC 10 01000000
7.2 | GetValue through the write right alone | 00
    @app; CC 10 00 FFF1 {VALUE} 00; @auth 01; @plain 6C 10
7.4a | authentication between staging and commit drops nothing | 00
    @app; 0C 01 05000000; @auth 01; @plain C7
7.4b | authentication between reading and staging | 00
    @app; CC 10 03 2F1F {VALUE} 00; @auth 01; @plain 64 01; @auth 02; @enc 0C 10 05000000;
    @plain C7
7.5a | settings 49: K4 changes itself | 00
    @app; @auth 00; @enc 54 - 49; @app; @auth 04; @key 04 41414141414141414141414141414141
7.5b | settings 49: K0 may not change K4 | AE
    @app; @auth 00; @enc 54 - 49; @app; @auth 00; @other 04 41414141414141414141414141414141
7.5c | settings 49: K4 changes K1 | 00
    @app; @auth 00; @enc 54 - 49; @app; @auth 04; @other 01 41414141414141414141414141414141
7.6 | 44 enciphered bytes in one native frame, without CID | 00
    @app; CB 10 03 2F1F 2C0000; @auth 02; @enc 3D 100000002C0000 {"5A" * 44}
7.9a | ClearRecordFile with the write key | AE
    @app; C0 10 00 {BY_PAIRS}; @auth 02; @plain EB 10
7.9b | ClearRecordFile with the read+write key | 00
    @app; C0 10 00 {BY_PAIRS}; @auth 01; @plain EB 10
7.10a | settings 49: DeleteFile under K0 | 00
    @app; @auth 00; @enc 54 - 49; @app; @auth 00; @plain DF 02
7.10b | settings 49: DeleteFile by nobody | AE
    @app; @auth 00; @enc 54 - 49; @app; DF 02
V.1 | free GetValue: anybody reads | 00F4010000
    @app; CC 10 00 FFFF {VALUE} 02; 6C 10
V.2 | after a used LimitedCredit its ceiling is 0 | BE
    @app; 1C 01 32000000; C7; 1C 01 01000000
V.3 | and the file's settings say so | 000200EEEE00000000E80300000000000001
    @app; 1C 01 32000000; C7; F5 01
R.1 | bytes of a record that were never written are 00 | 000000FF00000000000000
    @app; 3B 05 020000 010000 FF; C7; BB 05 000000 010000
R.2 | ReadRecords with count 0: all, the oldest first | 003031323334353637383941000000000000000000
    @app; 3B 05 000000 010000 41; C7; BB 05 000000 000000
R.3 | ReadRecords from offset 1: the one before the newest | 0030313233343536373839
    @app; 3B 05 000000 010000 41; C7; BB 05 010000 010000
T.1 | an error drops what is staged | 0C
    @app; 0C 01 05000000; ?5A; C7
A.1 | an AES session ends with an error | AE
    @app; @auth 01; ?64 07; 51
"""


class Point(NamedTuple):
    """One question to a card; `expected` as our card answers."""

    id: str
    question: str
    expected: str
    steps: str


def _points() -> Iterator[Point]:
    for row in re.split(r"\n(?=\S)", _ROWS.strip()):
        head, *steps = row.splitlines()
        name, question, expected = (part.strip() for part in head.split("|"))
        yield Point(name, question, expected, " ".join(step.strip() for step in steps))


POINTS = tuple(_points())

# What is never asked, and why. Cells of silicon_answers.py are named "command status".
NOT_ASKED = {
    "FC 9D": "FormatPICC switched off: cannot be undone, nothing could be asked afterwards",
    "random UID": "SetConfiguration bit 1 cannot be undone (UID 08 xx xx xx, ATQA 0304) [P]",
    "standard file torn": "a write to it may be torn [P]; no money lies in one",
    "7.6 with CID": "no reader driver here activates a card with a CID",
    "7.11 torn counter": "an Ultralight C's counter cannot be taken back",
}
