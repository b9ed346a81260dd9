"""K_E: a key a month, drawn and not derived, so that dropping it forgets a month for ever.

P_E = HMAC(K_E[epoch], P_L)[:16]: a card has another name each month, and nobody without both keys
of the same months sees that two names are one card. P_L stands in for the UID of trust.md section
5: it is a keyed hash of it, and so no UID enters the link service's database.
Source: trust.md section 5; decision D24.
"""

from datetime import date, timedelta

from backend_sync.links.purposes import DAY_SECONDS
from backend_sync.storage.subject_keys import SubjectKeys

FIRST_DAY = date(2020, 1, 1)
# 8 weeks of detail and 5 of dispute after an epoch's end: longer than suspense lasts (D24).
KEEP_DAYS = 91


class EpochGone(Exception):
    """The key of this month was dropped, or it has not begun."""


class Epochs:
    """Pseudonyms of events by month, "2026-11"."""

    def __init__(self, keys: SubjectKeys, keep_days: int = KEEP_DAYS) -> None:
        self.keys = keys
        self.keep_days = keep_days

    def pseudonym(self, epoch: str, card: bytes, now: int) -> bytes:
        """Return P_E of the card P_L in `epoch`. Raises: EpochGone."""
        if epoch > epoch_of(now) or self._is_over(epoch, now):
            raise EpochGone(f"epoch {epoch}: not begun, or its key was dropped")
        self.keys.make(_subject(epoch))
        return self.keys.mark(_subject(epoch), card)

    def drop_old(self, now: int) -> list[str]:
        """Drop the keys whose time is over; return their months."""
        held = sorted(s[len(PREFIX) :].decode() for s in self.keys.subjects() if _is_epoch(s))
        gone = [epoch for epoch in held if self._is_over(epoch, now)]
        for epoch in gone:
            self.keys.drop(_subject(epoch))
        return gone

    def _is_over(self, epoch: str, now: int) -> bool:
        return end_of(epoch) + self.keep_days * DAY_SECONDS <= now


PREFIX = b"K_E "


def epoch_of(seconds: int) -> str:
    """Return the month of a time, UTC."""
    return (FIRST_DAY + timedelta(days=seconds // DAY_SECONDS)).strftime("%Y-%m")


def end_of(epoch: str) -> int:
    """Return the first second after a month."""
    first = date.fromisoformat(f"{epoch}-01")
    after = (first + timedelta(days=32)).replace(day=1)
    return (after - FIRST_DAY).days * DAY_SECONDS


def spans(span_from: int, span_until: int) -> list[tuple[str, int, int]]:
    """Cut a time range at the ends of months: [(epoch, from, until) ...]."""
    cut = []
    while span_from < span_until:
        epoch = epoch_of(span_from)
        until = min(end_of(epoch), span_until)
        cut.append((epoch, span_from, until))
        span_from = until
    return cut


def _subject(epoch: str) -> bytes:
    return PREFIX + epoch.encode()


def _is_epoch(subject: bytes) -> bool:
    return subject.startswith(PREFIX)
