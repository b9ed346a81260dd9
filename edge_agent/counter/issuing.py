"""Makes one card after another out of a batch: what is done with the card that lies there now.

Before the card is touched its row is durable, with number and time, and all that is written on it
follows from row, batch and keys: so a torn card, or a killed program, goes on where it was.
Source: SPEC.md "Personalisation"; decisions.md D5; X-3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from card_layouts.cards.conversation import FRAME_BYTES, CardLost, CardStatusError, converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.issue import (
    STATE_CREATED,
    STATE_KEYED,
    STATE_NAMES,
    STATE_SPOILT,
    STATE_VERIFIED,
    STATE_WRITTEN,
)
from card_layouts.cards.personalise import (
    FACTORY_KEY,
    STEP_CONTENTS,
    STEP_FILES,
    STEP_PICC_KEY,
    check_fresh,
    personalise,
    resume,
)
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.errors import LayoutError, SealError
from edge_agent.counter.issue_batch import IssueBatch
from edge_agent.counter.issue_register import IssueRegister, Row
from edge_agent.counter.issue_station import IssueStation, made_values
from edge_agent.ports import DESFIRE, CardFound, CardReader, Clock, Entropy

# What became of a card that was laid down.
MADE, KNOWN, LOST, AGAIN, SPOILT, REFUSED = "made", "known", "lost", "again", "spoilt", "refused"
UID_BYTES = 7
STATE_AFTER = {
    STEP_PICC_KEY: STATE_KEYED,
    STEP_FILES: STATE_CREATED,
    STEP_CONTENTS: STATE_WRITTEN,
}
# ISSUE.error where the card gave no status byte of its own: its own codes for the same thing.
ERROR_GIVEN_UP, ERROR_SEAL, ERROR_CONTENTS = 0x00, 0x1E, 0xF1
REASONS = {
    ERROR_GIVEN_UP: "given up by the clerk",
    ERROR_SEAL: "does not prove its answers (1E)",
    ERROR_CONTENTS: "does not read back as it was written (F1)",
    0x0E: "its memory is full (0E)",
    0xAE: "refuses a key (AE)",
    0xEE: "its memory is worn out (EE)",
}
REFUSALS_MAX = 2  # in one run; a card that is only lost is never spoilt


class Outcome(NamedTuple):
    """What became of the card, and the words for the clerk. `number`: as printed, "" if none."""

    what: str
    number: str
    words: str


def reason_of(row: Row) -> str:
    """Return in words why a row is spoilt."""
    error = row["error"]
    return f"{REASONS.get(error, f'card status {error:02X}')}, after step {row['step']}"


class Issuing:
    """One station at work on one batch."""

    def __init__(
        self,
        batch: IssueBatch,
        station: IssueStation,
        register: IssueRegister,
        reader: CardReader,
        clock: Clock,
        entropy: Entropy,
        clerk: int = 0,
    ) -> None:
        self.batch, self.station, self.register, self.reader = batch, station, register, reader
        self._clock, self._entropy, self._clerk = clock, entropy, clerk
        self._refusals: dict[bytes, int] = {}

    def present(self, found: CardFound) -> Outcome:
        """Do what there is to do with the card on the reader. Raises: CounterError, ReaderError."""
        if found.kind != DESFIRE or len(found.uid) != UID_BYTES:
            return Outcome(REFUSED, "", "no DESFire card as the factory delivers it")
        row = self.register.row(found.uid)
        session = IssuerSession(bytearray(FRAME_BYTES))
        try:
            if row is None:
                return self._begin(found.uid, session)
            if row["state"] in (STATE_VERIFIED, STATE_SPOILT):
                return self._known(row)
            return self._make(row, session, resume)
        except CardLost:
            return self._lost(found.uid)

    def _begin(self, uid: bytes, session: Any) -> Outcome:
        serial = self.register.next_serial()
        if serial is None:
            return Outcome(REFUSED, "", "all numbers of this batch are given; keep it for another")
        random_bytes = self._entropy.random_bytes
        try:
            self._talk(session, check_fresh(session, FACTORY_KEY, random_bytes, TripleDes))
        except (CardStatusError, LayoutError, SealError) as error:
            return Outcome(REFUSED, "", f"not fresh from the factory, left alone ({error})")
        now = self._clock.utc_seconds()
        row = self.station.first_row(self.batch, uid, serial, now, self._clerk)
        self.register.append(row)
        return self._make(row, session, personalise)

    def _make(self, row: Row, session: Any, conversation: Callable[..., Any]) -> Outcome:
        uid, serial = row["uid"], row["serial"]
        recipe = self.station.recipe(self.batch, uid, serial, row["time"])
        steps = [row["step"]]

        def note(step: int) -> None:
            steps.append(step)
            state = STATE_AFTER.get(step)
            if state is not None and state > self._state(uid):
                self._change(uid, state=state, step=step)

        random_bytes = self._entropy.random_bytes
        try:
            version = self._talk(
                session, conversation(session, recipe, random_bytes, TripleDes, note)
            )
        except (CardStatusError, SealError, LayoutError) as error:
            return self._refused(row, steps[-1], error)
        self._change(uid, **made_values(version, steps[-1]))
        words = "made and read back" if conversation is personalise else "finished and read back"
        return Outcome(MADE, self.batch.printed(serial), words)

    def _refused(self, row: Row, step: int, error: Exception) -> Outcome:
        uid = row["uid"]
        self._refusals[uid] = self._refusals.get(uid, 0) + 1
        if self._refusals[uid] < REFUSALS_MAX:
            return Outcome(AGAIN, self.batch.printed(row["serial"]), f"{error}; once more")
        code = ERROR_SEAL if isinstance(error, SealError) else ERROR_CONTENTS
        if isinstance(error, CardStatusError):
            code = error.status
        self._change(uid, state=STATE_SPOILT, step=step, error=code)
        number = self.batch.printed(row["serial"])
        return Outcome(SPOILT, number, f"SPOILT: {reason_of(self._row(uid))}")

    def _known(self, row: Row) -> Outcome:
        words = "is made already" if row["state"] == STATE_VERIFIED else "SPOILT before"
        words += ": take it away"
        return Outcome(KNOWN, self.batch.printed(row["serial"]), words)

    def _lost(self, uid: bytes) -> Outcome:
        row = self.register.row(uid)
        if row is None:
            return Outcome(LOST, "", "the card went away before anything was written")
        return Outcome(
            LOST,
            self.batch.printed(row["serial"]),
            f"torn away, {STATE_NAMES[row['state']]}: put the SAME card back, it goes on",
        )

    def _state(self, uid: bytes) -> int:
        return int(self._row(uid)["state"])

    def _row(self, uid: bytes) -> Row:
        row = self.register.row(uid)
        assert row is not None, "a card is worked on only after its first row"
        return row

    def _change(self, uid: bytes, **values: Any) -> None:
        self.register.append({**self._row(uid), **values})

    def _talk(self, session: Any, steps: Any) -> Any:
        return converse(steps, session.frame, self.reader.exchange)
