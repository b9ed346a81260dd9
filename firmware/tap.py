"""The tap: one card presented to a validator, from select to an answer.

    IDLE -> AUTH(K1) -> READ(C, S, newest record) -> SETTLE own open entry -> barred? grace?
         -> what waits in the action list (tap_actions.py)
         -> DECIDE -> STAGE -> INTENT durable -> COMMIT -> OUTCOME -> answer

Every ending is a code of card_layouts/answers.py. HOLD_AGAIN means that nobody knows yet; the next
presentation of the card, here in 300 ms or anywhere in a month, settles it: it goes the same way.
Knows no reader: it is a conversation, driven by the app. Source: trust.md 4.2; D15.
"""

from card_layouts.answers import (
    ACCEPTED,
    ACCEPTED_GRACE,
    ACCEPTED_SETTLED,
    ALREADY_SHOWN,
    HOLD_AGAIN,
    TAP_AGAIN,
)
from card_layouts.cards.card_layout import (
    KILLED_B,
    KIND_ACTIVATION,
    KIND_ADJUST,
    KIND_BLOCK,
    KIND_DEBIT,
    KIND_KILL,
    KIND_LOAD,
    KIND_PASS,
    KIND_PRODUCT,
    KIND_UNBLOCK,
)
from card_layouts.cards.conversation import CardLost, CardStatusError
from card_layouts.cards.transit_app import block_steps, stage_block, stage_debit
from card_layouts.cards.transit_record import SEQ_MASK, add_debit
from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.errors import LayoutError, SealError
from card_layouts.fares.inputs import D_AMOUNT
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL, HOT_REFUSE
from card_layouts.records.entries import BLOCK as BLOCK_TYPE
from card_layouts.records.entries import INTENT as INTENT_TYPE
from card_layouts.records.entries_tap import (
    GATE_SHUT,
    OUTCOME_COMMITTED,
    PHASE_DECIDE,
    PHASE_STAGE,
    REASON_BLOCKED,
    REASON_CARD_ERROR,
    REASON_FUNDS,
    REASON_JOURNAL_FULL,
    REASON_KILLED,
    REASON_LISTED,
    REASON_TARIFF,
    REASON_TWO_CARDS,
    TERMINAL_HAND_HELD,
)
from firmware.card_writer import AUTH, COMMITTED, DECIDE, NOT_SENT, READ, STAGE, CardWriter
from firmware.journal_errors import JournalFull
from firmware.tap_card import Refused, open_card, read_card
from firmware.tap_decide import Pricing, degraded, refuse_card, ride
from firmware.tap_entries import block, intent, intent_values
from firmware.tap_harvest import harvest

GRACE_S = 10  # a re-tap at the same device so soon is the same tap
SHOWN_MAX = 16  # more cards than pass a gate in GRACE_S
RIDES = (KIND_DEBIT, KIND_PASS, KIND_ACTIVATION)
ACTED = (KIND_LOAD, KIND_PRODUCT, KIND_UNBLOCK, KIND_ADJUST)
# A ride of this device that may still be passed back over the fence: actions wait, for their record
# would hide it from the rule.
PASS_BACK_S = 900
BOUNDARY = 0xBE
COMMAND_DEBIT = 0xDC


def has_room():
    """Do nothing: where there is heap enough."""


class Tap(CardWriter):
    """One validator's taps; `run` is one of them."""

    def __init__(
        self, profile, clock, entropy, journal, keys, tariff, hotlist, lease, signals, window=None
    ):
        super().__init__(profile, clock, entropy, journal, keys, signals, window)
        self.tariff = tariff
        self.hotlist = hotlist
        self.lease = lease
        self.actions = None  # the ActionList in force, open
        self.first = self.lines = 0  # of it, this card's
        self.act = None  # what carries them out, as long as this tap
        self.make_room = has_room  # the app's: frees heap before that is loaded
        self.spoilt = False  # the list turned out to be damaged: the app journals it
        self.pricing = Pricing()
        self.values = intent_values()
        # Since power-up: seq of our records, or (uid, count, second) of tickets, shown green.
        self.shown = []

    def two_cards(self):
        """Answer for two cards in the field: no exchange, no entry."""
        return self.end(REASON_TWO_CARDS)

    def run(self, uid):
        """Treat the card `uid` (7 bytes) as one tap; return its answer.

        Shape: a conversation over `self.frame`. Raises nothing the world can cause.
        """
        seen = self.begin(bytes(uid))
        self._look_up(seen)
        answer = yield from self.answered(seen, self._tap(seen))
        self.act = None
        lost = self.profile.get("lost")
        if answer == ACCEPTED and lost:
            yield from self._harvest(seen, lost)
        return answer

    def _tap(self, seen):
        action, self.listed = self.lookup(seen.uid)
        yield from open_card(self.session, seen, self.profile, self.keys, self.entropy.random_bytes)
        self.mark(AUTH)
        yield from read_card(self.session, seen, action == HOT_KILL)
        self.mark(READ)
        barred = self._barred(seen, action)
        pending = self.journal.find_open(seen.uid)
        if pending is not None:
            let_through = yield from self._settle(seen, pending, barred)
            if let_through:
                return ACCEPTED_SETTLED
        again = 0 if barred else self._grace(seen)
        if again:
            return again
        if barred in (0, REASON_BLOCKED):
            answer = yield from self._act(seen, barred)
            if answer:
                return answer
            barred = self._barred(seen, action)
        if barred:
            return (yield from self._enforce(seen, action, barred))
        return (yield from self._charge(seen))

    # What waits in the action list -----------------------------------------------------

    def _look_up(self, seen):
        """Find the card's lines in the list: flash reads, no exchange.

        What carries them out is loaded now: later there is no heap for it in one piece.
        """
        self.lines = 0
        if self.actions is None or seen.clock == CLOCK_UNSET:
            return
        try:
            self.first, self.lines = self.actions.find(seen.uid)
        except LayoutError:
            self.drop_actions()
        if self.lines:
            self.make_room()
            from firmware.tap_actions import run_actions

            self.act = run_actions

    def _act(self, seen, barred):
        """Carry out what waits for the card; return 0 when the tap goes on, else its answer."""
        if not self.lines:
            return 0
        if self._same_device(seen.newest) and 0 <= self._age(seen) < PASS_BACK_S:
            return 0
        return (yield from self.act(self, seen, barred))

    def tell(self, seen):
        """Tell the passenger and the world what the newest record loaded."""
        from firmware.ui.loaded_text import loaded_text

        kind, cents = seen.newest["kind"], seen.newest["amount"]
        text = loaded_text(kind, cents, seen.head["language"])
        if text:
            self.told += (text,)
        self.signals.signal("action", "kind %d cents %d" % (kind, cents))

    def drop_actions(self):
        """Use the list no more: it is damaged. The app journals it."""
        self.actions = None
        self.spoilt = True

    def _harvest(self, seen, lost):
        """Read older records after green (D6); whatever goes wrong, the tap has ended already."""
        try:
            yield from harvest(self.session, seen, lost, self.journal)
        except (CardLost, CardStatusError, LayoutError, SealError, JournalFull):
            self.session.close()

    # Cards that must not pass ---------------------------------------------------------

    def _barred(self, seen, action):
        """Return the reason why this card must not pass, or 0.

        S.u says how many block generations are forgiven; a list that names a forgiven one is old.
        """
        if seen.killed or action == HOT_KILL:
            return REASON_KILLED
        if action == HOT_BLOCK and self.listed > seen.b:
            return REASON_LISTED
        if seen.b > seen.head["u"]:
            return REASON_BLOCKED
        if action == HOT_REFUSE and self.listed >= seen.head["u"]:
            return REASON_LISTED
        return 0

    def _enforce(self, seen, action, reason):
        """Write a block or kill that the card does not have yet; refuse in any case."""
        to_kill = action == HOT_KILL and not seen.killed
        to_block = action == HOT_BLOCK and reason == REASON_LISTED
        if not (to_kill or to_block) or not self.journal.admits_tap():
            return self.refuse(seen, reason)
        try:
            yield from self._write_block(seen, action)
        except CardLost:
            pass  # torn before the commit: the next tap anywhere tries again
        return reason

    def _write_block(self, seen, action):
        seen.phase = PHASE_STAGE
        seq = self.next_seq()
        if action == HOT_KILL:
            kind, b, steps = KIND_KILL, KILLED_B, seen.counter
        else:
            kind, b, steps = KIND_BLOCK, self.listed, block_steps(seen.b, self.listed)
        record = self.chain(seen, self.follow(seen, seq, kind, b))
        payload = block(
            seen.uid, record, action, self.listed, seen.b, self.hotlist, self.profile, self.mode
        )
        yield from stage_block(self.session, steps, record)
        self.mark(STAGE)
        yield from self.commit(seen, BLOCK_TYPE, payload, seq, GATE_SHUT)

    # Taps that were made already ------------------------------------------------------

    def _settle(self, seen, pending, barred):
        """End our open entry; return whether it was this passenger's unfinished tap."""

        def green(seen):
            return not barred and seen.newest["kind"] in RIDES and self._same_journey(seen)

        result = yield from self.settle(seen, pending, green)
        if result != OUTCOME_COMMITTED or seen.n != pending[0]:
            return False
        if seen.newest["kind"] in ACTED and seen.head is not None:
            self.tell(seen)
        if not green(seen):
            return False
        self.show(seen.newest["seq"])
        return True

    def _same_journey(self, seen):
        """Return whether a tap now would be covered by what the newest record has paid."""
        if seen.clock == CLOCK_UNSET or self._age(seen) <= GRACE_S or self.tariff is None:
            return True
        return self.pricing.covers(seen, self.tariff, self.profile)

    def _grace(self, seen):
        """Return an answer if this is the tap this device committed a moment ago, else 0.

        Once per record: green that was not shown is shown, green that was shown opens nothing.
        """
        newest = seen.newest
        journal = self.journal
        mine = newest["device"] == journal.device and newest["epoch"] == journal.epoch
        if not mine or newest["kind"] not in RIDES:
            return 0
        if self._accepted_in_run(newest["seq"]):
            return ALREADY_SHOWN
        if not 0 <= self._age(seen) <= GRACE_S:
            return 0
        if newest["seq"] in self.shown:
            return ALREADY_SHOWN
        self.show(seen.newest["seq"])
        return ACCEPTED_GRACE

    def _accepted_in_run(self, seq):
        """Return whether a conductor's device took this record since its last run reset (R-22).

        No list is needed (D7a): our records since then have a seq from the reset's on.
        """
        run_seq = self.journal.counters.values["run_seq"]
        conductor = self.profile.get("terminal") == TERMINAL_HAND_HELD
        return conductor and run_seq > 0 and seq >= run_seq & SEQ_MASK

    def _age(self, seen):
        return seen.time - seen.newest["time"]

    def show(self, what):
        """Remember what green was shown for: it opens nothing twice."""
        if len(self.shown) >= SHOWN_MAX:
            self.shown.pop(0)
        self.shown.append(what)

    # The charge -----------------------------------------------------------------------

    def _charge(self, seen):
        seen.phase = PHASE_DECIDE
        yield from self._decide(seen)
        pricing = self.pricing
        cents = pricing.decision[D_AMOUNT]
        seq = self.next_seq()
        values = self.follow(seen, seq, pricing.kind(), seen.b)
        add_debit(values, cents)
        ride(values, pricing.decision, self.profile.get("line", 0))
        record = self.chain(seen, values)
        payload = intent(self.values, seen, record, pricing, self.tariff, self.profile, self.mode)
        usage = pricing.usage_to_write(seen.head)
        self.mark(DECIDE)
        seen.phase = PHASE_STAGE
        yield from stage_debit(self.session, cents, record, usage)
        self.mark(STAGE)
        known = yield from self.commit(seen, INTENT_TYPE, payload, seq, self.gate_opened())
        if known == COMMITTED:
            self.show(values["seq"])
            return ACCEPTED
        return TAP_AGAIN if known == NOT_SENT else HOLD_AGAIN

    def _decide(self, seen):
        """Fill the decision of this tap. Shape: a conversation. Raises: Refused."""
        reason = refuse_card(seen.head, seen.n, self.profile, seen.time, seen.clock)
        if not reason and self.tariff is None:
            reason = REASON_TARIFF
        if not reason:
            pricing = self.pricing
            pricing.begin(seen, self.profile, self._same_device(seen.newest))
            reason = yield from pricing.decide(self.session, seen, self.tariff)
            self.mode |= degraded(self.tariff)
            if pricing.asks():
                self.priced = pricing
                cents = pricing.decision[D_AMOUNT]
                reason = self.lease.allows(seen.time, seen.clock, cents, self.journal) or reason
        if not self.journal.admits_tap():
            reason = REASON_JOURNAL_FULL
        if reason:
            raise Refused(reason, reason != REASON_JOURNAL_FULL)

    def _same_device(self, newest):
        """Return whether this device took this ride, and in the run it is on now (R-22)."""
        journal = self.journal
        run_seq = journal.counters.values["run_seq"] & SEQ_MASK
        mine = newest["device"] == journal.device and newest["epoch"] == journal.epoch
        return mine and newest["kind"] in RIDES and newest["seq"] >= run_seq

    def reason_of(self, error):
        """A debit beyond the purse is insufficient funds, whatever the record said (D5)."""
        if error.command == COMMAND_DEBIT and error.status == BOUNDARY:
            return REASON_FUNDS
        return REASON_CARD_ERROR
