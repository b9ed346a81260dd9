"""What a tap learned from the card: reading it, checking that it makes sense, and keeping it.

Source: trust.md 4.2 AUTH, READ; SPEC.md "A later layout" (rules 2, 3); decisions.md D5, D10.
"""

from card_layouts.cards.card_layout import (
    CARD_LAYOUT,
    FILE_C,
    FILE_S,
    K1,
    KILLED_B,
    RECORD_LAYOUT,
    S_BYTES,
    G,
    S,
    aid_bytes,
    counter_b_n,
)
from card_layouts.cards.conversation import CardStatusError
from card_layouts.cards.transit_app import read_record
from card_layouts.records.entries_tap import (
    PHASE_AUTH,
    PHASE_READ,
    PHASE_SELECT,
    REASON_CARD_ERROR,
    REASON_NOT_GENUINE,
    REASON_UNKNOWN_LAYOUT,
)
from firmware.tap_entries import NO_RECORD

NO_SUCH_APPLICATION = 0xA0
NO_SUCH_KEY = 0x40
AUTHENTICATION = 0xAE


class Refused(Exception):
    """The tap ends here with `reason`; `journalled` is False where nothing is worth a slot."""

    def __init__(self, reason, journalled=True):
        super().__init__()
        self.reason = reason
        self.journalled = journalled


class Seen:
    """One card in one tap: raw and unpacked S and newest G, C, and when that was.

    `n` and `b` are the counter's; of a killed card (C = 0) `n` is the newest record's.
    """

    def __init__(self, uid, time, clock, attempts):
        self.uid = uid
        self.time = time
        self.clock = clock
        self.attempts = attempts
        self.phase = PHASE_SELECT
        self.status = 0
        self.counter = 0
        self.b = self.n = 0
        self.head = None
        self.record = NO_RECORD
        self.newest = None
        self.key_version = 0  # of the card's K1, once it was proved

    @property
    def killed(self):
        """Whether the card was killed: C = 0 (D4)."""
        return self.b == KILLED_B


def open_card(session, seen, profile, keys, random_bytes, key_no=K1):
    """Select our application and authenticate: 3 exchanges.

    In a declared rotation (D5) the card is first asked which key version it has.
    Raises: Refused for a card that is not ours or does not know our key.
    """
    seen.phase = PHASE_SELECT
    try:
        yield from session.select(aid_bytes(profile["cluster"], profile["generation"]))
    except CardStatusError as error:
        if error.status != NO_SUCH_APPLICATION:
            raise
        raise Refused(REASON_NOT_GENUINE, journalled=False)
    seen.phase = PHASE_AUTH
    version = profile["key_version"]
    if profile.get("rotation"):
        version = yield from session.get_key_version(key_no)
    try:
        yield from prove(session, seen, keys, random_bytes, key_no, version)
    except CardStatusError as error:
        seen.status = error.status
        if error.status not in (AUTHENTICATION, NO_SUCH_KEY):
            raise
        raise Refused(REASON_NOT_GENUINE)


def prove(session, seen, keys, random_bytes, key_no, version):
    """Authenticate with the card's key `key_no` of `version`: 2 exchanges. Nothing is pending."""
    key = keys.card_key(key_no, version, seen.uid)
    yield from session.authenticate(key_no, key, random_bytes(16))
    seen.key_version = version


def read_card(session, seen, to_kill):
    """Read C, S and the newest record into `seen`: 3 exchanges, 2 of a card (to be) killed.

    Raises: Refused for layouts this firmware does not know and for files that contradict
    each other: the counter and the record are always committed together.
    """
    seen.phase = PHASE_READ
    counter = yield from session.get_value(FILE_C)
    seen.b, seen.n = counter_b_n(counter)
    seen.counter = counter  # only now: what is no counter fits no entry
    if not to_kill and not seen.killed:
        head = yield from session.read_data(FILE_S, 0, S_BYTES)
        if head[0] >> 4 != CARD_LAYOUT:
            raise Refused(REASON_UNKNOWN_LAYOUT)
        seen.head = S.unpack(head)
    seen.record = bytes((yield from read_record(session, 0)))
    if seen.record[0] >> 5 != RECORD_LAYOUT:
        raise Refused(REASON_UNKNOWN_LAYOUT)
    seen.newest = G.unpack(seen.record)
    if seen.killed:
        seen.n = seen.newest["n"]
    elif seen.newest["n"] != seen.n:
        raise Refused(REASON_CARD_ERROR)
