"""Whatever commits something on a card: journal first, commit second, outcome third.

`Tap` and `Station` share this. The rules of trust.md 4.2 that they must never break live here:
the announcing entry is durable before the commit leaves; a commit is known by its MAC or by
reading the card again, never by a timeout; between those two nothing allocates (D4).
"""

from card_layouts.answers import (
    HOLD_AGAIN,
    MODE_CLOCK_UNSET,
    MODE_HOTLIST_OLD,
    MODE_JOURNAL_FULL,
    MODE_LEASE_ENDED,
    TAP_AGAIN,
    lamp_of,
    name_of,
    opens,
)
from card_layouts.cards.conversation import FRAME_BYTES, CardLost, CardStatusError
from card_layouts.cards.counter import N_MAX
from card_layouts.cards.desfire import Session
from card_layouts.cards.transit_record import chain_record, next_record
from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.hotlist_layout import HOT_NONE
from card_layouts.records.entries import OUTCOME as OUTCOME_TYPE
from card_layouts.records.entries import REFUSAL as REFUSAL_TYPE
from card_layouts.records.entries_tap import (
    GATE_NONE,
    GATE_OPENED,
    GATE_SHUT,
    HOW_ABANDONED,
    HOW_ANSWER,
    HOW_LATER,
    HOW_NOT_SENT,
    HOW_REPOLL,
    OUTCOME_ABORTED,
    OUTCOME_COMMITTED,
    OUTCOME_ORPHAN,
    PHASE_COMMIT,
    REASON_CARD_ERROR,
    REASON_CLOCK_UNSET,
    REASON_COUNTER_END,
    REASON_JOURNAL_FULL,
    REASON_LEASE,
    TERMINAL_GATE,
    TERMINAL_LIFT,
)
from card_layouts.records.slot import INTENT_ROWS
from firmware.journal_errors import JournalFull
from firmware.tap_card import Refused, Seen
from firmware.tap_entries import PHASES, outcome, refusal
from firmware.tap_resolve import settle

REPOLL_MS = 300  # the field is kept so long after an unknown commit
FLAG_DEGRADED = 2  # SLOT_HEADER.flags
UNKNOWN, COMMITTED, NOT_SENT = 0, 1, 2

ACTIVATE, AUTH, READ, DECIDE, STAGE, FLASH, COMMIT, TOTAL = range(len(PHASES))
GATES = (TERMINAL_GATE, TERMINAL_LIFT)


class Window:
    """Told when the commit window opens and closes; tests lock the heap there."""

    def enter(self):
        """From here nothing may allocate: the announcing entry is durable."""

    def exit(self):
        """The outcome is known, or known to be unknown."""


class CardWriter:
    """One device's way of writing to cards.

    `profile`: dict with device, authority, operator, terminal, cluster, generation, key_version and
    what the trip adds (line, trip, stop, zone, direction, shift). `clock` is a DeviceClock, the
    other ports are those of ports.py.
    """

    def __init__(self, profile, clock, entropy, journal, keys, signals, window=None):
        self.profile = profile
        self.clock = clock
        self.entropy = entropy
        self.journal = journal
        self.keys = keys
        self.signals = signals
        self.window = window or Window()
        self.frame = bytearray(FRAME_BYTES)
        self.session = Session(self.frame)
        self.activated_ms = 0  # how long the reader took to find the card; the app may tell
        self.mode = 0
        self.tariff = None  # a validator's; named in its refusals
        self.hotlist = None  # a validator's
        self.priced = None  # the Pricing of this tap, once there is an amount to tell
        self.listed = 0  # g of the hotlist's entry for this card
        self.told: tuple[str, ...] = ()  # what the passenger reads above the answer
        self._ms = [0] * len(PHASES)
        self._mark = self._start = 0
        self._attempts = 0
        self._last_uid = b""
        self._unknown_uid = b""
        self._unknown_at = 0

    # One presentation of a card -------------------------------------------------------

    def begin(self, uid):
        """Return a fresh Seen for the card `uid` and start the phase times."""
        self._attempts = min(self._attempts + 1, 15) if uid == self._last_uid else 1
        self._last_uid = uid
        for i in range(len(self._ms)):
            self._ms[i] = 0
        self._ms[ACTIVATE] = self.activated_ms
        self._start = self._mark = self.clock.ticks_ms()
        self.mode = self.listed = 0
        self.priced = None
        self.told = ()
        now, source = self.clock.now()
        return Seen(uid, now, source, self._attempts)

    def mark(self, phase):
        """Count the time since the last mark to `phase`."""
        now = self.clock.ticks_ms()
        self._ms[phase] += now - self._mark
        self._mark = now
        self._ms[TOTAL] = now - self._start

    def answered(self, seen, steps):
        """Run the conversation `steps` to an answer, whatever the world does; return it.

        Shape: a conversation itself. A journal with too little room serves only the card whose
        entry is still open: that costs one slot, and the room was kept for it.
        """
        if not self.journal.admits_tap():
            self.mode |= MODE_JOURNAL_FULL
            if self.journal.find_open(seen.uid) is None:
                return self.end(REASON_JOURNAL_FULL)
        try:
            answer = yield from steps
        except CardLost:
            settled = self.journal.find_open(seen.uid) is None
            answer = TAP_AGAIN if settled else HOLD_AGAIN
        except Refused as refused:
            answer = self.refuse(seen, refused.reason, refused.journalled)
        except CardStatusError as error:
            seen.status = error.status
            answer = self.refuse(seen, self.reason_of(error))
        except (LayoutError, SealError):
            answer = self.refuse(seen, REASON_CARD_ERROR)
        except JournalFull:
            answer = REASON_JOURNAL_FULL
        return self.end(answer)

    def reason_of(self, error):
        """Return the reason to refuse with when the card answered a CardStatusError."""
        return REASON_CARD_ERROR

    def lookup(self, uid):
        """Return (action, g) of the hotlist; a list that cannot be read is an old list (X-5)."""
        try:
            if self.hotlist is not None:
                return self.hotlist.lookup(uid)
        except LayoutError:
            pass
        self.mode |= MODE_HOTLIST_OLD
        return HOT_NONE, 0

    def refuse(self, seen, reason, journalled=True):
        """Journal a refusal, one slot program (D15); return the reason as the answer."""
        if reason == REASON_CLOCK_UNSET:
            self.mode |= MODE_CLOCK_UNSET
        elif reason == REASON_LEASE:
            self.mode |= MODE_LEASE_ENDED
        self.mark(DECIDE)
        if journalled and self.journal.admits_tap():
            payload = refusal(
                seen.uid,
                reason,
                seen.phase,
                seen,
                self.priced,
                self.listed,
                self.tariff,
                self.profile,
                self.mode,
            )
            try:
                self.journal.append(REFUSAL_TYPE, payload, self.flags())
            except JournalFull:
                self.mode |= MODE_JOURNAL_FULL  # a worn block took the room: the answer stands
        return reason

    def flags(self):
        """Return the slot flags of an entry written now."""
        return FLAG_DEGRADED if self.mode else 0

    def end(self, answer):
        """Show the answer; open the gate only on a commit that is known (I14). Return it."""
        lamp = lamp_of(answer)
        if opens(answer) and self.profile.get("terminal") in GATES:
            self.signals.signal("gate", "open")
        self.signals.signal("lamp", lamp)
        self.signals.signal("answer", name_of(answer))
        return answer

    # Writing --------------------------------------------------------------------------

    def next_seq(self):
        """Return the seq the next entry will get, once there is room for another open intent.

        The oldest open one is given up: whoever held that card walked away, and others wait.
        Its fate is the ledger's (card evidence), so nothing is decided about it here.
        """
        rows = self.journal.open_intents
        if len(rows) >= INTENT_ROWS:
            now, source = self.clock.now()
            given_up = Seen(b"", now, source, 0)
            self._append_outcome(rows[0][2], OUTCOME_ORPHAN, HOW_ABANDONED, given_up, GATE_SHUT)
        return self.journal.head_seq + 1

    def follow(self, seen, seq, kind, b):
        """Return the fields of the card's next record, written as entry `seq`. Raises: Refused."""
        if seen.n >= N_MAX:
            raise Refused(REASON_COUNTER_END)
        writer = (self.journal.device, self.journal.epoch, seq)
        values = next_record(seen.newest, seen.n + 1, b, kind, seen.time, writer)
        values["clock"] = 1 if seen.clock == CLOCK_SIGNED else 0
        return values

    def chain(self, seen, values):
        """Return the 44 bytes of the record `values` that follows the one seen."""
        return chain_record(values, seen.newest["h"], self.keys.chain)

    def commit(self, seen, entry_type, payload, seq, gate):
        """Commit what is staged as journal entry `seq`; return COMMITTED, NOT_SENT or UNKNOWN.

        Two slot programs: `payload` before the commit, OUTCOME after it; no OUTCOME while the
        result is unknown. Raises: JournalFull before anything was announced.
        """
        seen.phase = PHASE_COMMIT
        session = self.session
        window = self.window
        session.prepare_commit()
        steps = session.commit()
        durable = self.journal.append(entry_type, payload, self.flags())
        assert durable == seq, (durable, seq)
        self.mark(FLASH)
        known = UNKNOWN
        window.enter()
        try:
            if (yield from steps):
                known = COMMITTED
        except CardLost as lost:
            if not lost.sent:
                known = NOT_SENT
        window.exit()
        self.mark(COMMIT)
        try:
            if known == COMMITTED:
                seen.status = session.status
                self._append_outcome(seq, OUTCOME_COMMITTED, HOW_ANSWER, seen, gate)
            elif known == NOT_SENT:
                self._append_outcome(seq, OUTCOME_ABORTED, HOW_NOT_SENT, seen, GATE_SHUT)
        except JournalFull:
            pass  # the flash failed meanwhile: who paid is let through, the card tells the ledger
        if known == UNKNOWN:
            self._unknown_uid = seen.uid
            self._unknown_at = self.clock.ticks_ms()
        return known

    def settle(self, seen, pending, green):
        """End this device's open entry `pending` (n, seq) of the card seen; return OUTCOME_...

        `green(seen)` says whether the passenger is let through if it was committed last.
        """
        n, seq = pending
        device, epoch = self.journal.device, self.journal.epoch
        result = yield from settle(self.session, seen, n, seq, device, epoch)
        let_through = result == OUTCOME_COMMITTED and seen.n == n and green(seen)
        self.end_open(seen, seq, result, let_through)
        return result

    def end_open(self, seen, seq, result, let_through):
        """Journal what became of the open entry `seq`, as the card that is here shows it."""
        how = HOW_LATER
        if result == OUTCOME_ORPHAN:
            how = HOW_ABANDONED
        elif seen.uid == self._unknown_uid and self._since_unknown() <= REPOLL_MS:
            how = HOW_REPOLL
        gate = self.gate_opened() if let_through else GATE_SHUT
        self._append_outcome(seq, result, how, seen, gate)

    def gate_opened(self):
        """Return what a let-through is called in an OUTCOME of this terminal."""
        return GATE_OPENED if self.profile.get("terminal") in GATES else GATE_NONE

    def _since_unknown(self):
        return self.clock.ticks_ms() - self._unknown_at

    def _append_outcome(self, of, result, how, seen, gate):
        if seen.uid == self._unknown_uid:
            self._unknown_uid = b""
        payload = outcome(of, result, how, seen, gate, self._ms)
        self.journal.append(OUTCOME_TYPE, payload, self.flags())
