"""Who taps where, when, and what goes wrong: the whole story of a demo, drawn from one seed.

A plan is a list of Steps in order of virtual time over five service days. Nothing here knows
bytes, keys or processes; `demo.py` makes each step happen on real parts and checks that the
validator answered what a passenger may expect (`EXPECTED`).

Why five days: validators dock at night. The last one stays out for three nights, so its lease of
72 hours ends and the taps of the fourth morning are refused, as they must be (T6, D9).
"""

from typing import NamedTuple

from backend_sync.tariffs.gtfs import Feed
from simulator.prng import Prng

DAYS = 5
DAY_S = 86_400
MORNING_S = 3 * 3600  # UTC: the first tap of a day, 05:00 or 06:00 on Finnish walls
PASS_BACK_S = 300  # of the shipped tariff
LEASE_DAY = 3  # counted from 0: the day on which the validator that stayed out must refuse

# Kinds of tap, in the words of the report.
PLAIN = "plain"
TORN_BEFORE = "torn before commit"
TORN_COMMIT = "torn, commit lost"
TORN_ANSWER = "torn, answer lost"
POWER_CUT = "power cut"
RETAP = "re-tapped"
INSUFFICIENT = "insufficient"
HOTLISTED = "hotlisted"
KILLED = "killed"
EXPIRED = "expired lease"
TOURIST = "tourist ticket"
LAST = "last tap"
KINDS = (
    PLAIN,
    TORN_BEFORE,
    TORN_COMMIT,
    TORN_ANSWER,
    POWER_CUT,
    RETAP,
    INSUFFICIENT,
    HOTLISTED,
    KILLED,
    EXPIRED,
    TOURIST,
    LAST,
)

# Taps of 500 that go wrong in each way; scaled to the number of taps asked for, at least one.
SHARES = (
    (TORN_BEFORE, 12),
    (TORN_COMMIT, 18),
    (TORN_ANSWER, 18),
    (POWER_CUT, 8),
    (INSUFFICIENT, 10),
    (HOTLISTED, 12),
    (KILLED, 5),
    (EXPIRED, 6),
    (TOURIST, 20),
)
TEARS = (TORN_COMMIT, TORN_ANSWER, POWER_CUT)

# What the passenger does after a tear: holds the card again, boards elsewhere, or walks away
# until the last taps (then the ledger keeps the intent open meanwhile).
SAME, OTHER, AWAY = "same", "other", "away"
TICKETS = 6  # tourist tickets; as cards they are numbered behind the riders
FREE_GROUPS = (0, 1, 2)  # whom the shipped tariff lets hold a right that is billed later
TAPS_MIN = 40
CARDS_MIN = 10


class Step(NamedTuple):
    """One presentation of a card; `at_s` in UTC seconds since the plan's first midnight."""

    at_s: int
    kind: str
    card: int  # index of a rider; from len(riders) on, of a tourist's ticket
    validator: int
    trip: int  # index into the feed's trips
    call: int  # position of the stop on that trip
    tear: str  # "" or the kind of tear of the tap a RETAP or LAST follows


class Rider(NamedTuple):
    """One card as it is sold."""

    group: int  # 0 adult, 1 child, 2 youth, 3 senior
    zones: tuple[int, int]  # default run of zones, (0, 0) for none
    load_cents: int
    fate: str  # PLAIN, INSUFFICIENT, HOTLISTED, KILLED
    rides_free: bool = False  # a right billed to somebody else; the purse pays where it ends


class Plan(NamedTuple):
    riders: list[Rider]
    steps: list[Step]

    def day_of(self, index: int) -> int:
        """Return the service day 0..4 on which step `index` happens."""
        return min(self.steps[index].at_s // DAY_S, DAYS - 1)


class PlanError(ValueError):
    """The demo asked for is too small to show every kind of tap."""


class Event(NamedTuple):
    """A tap to come, not yet given a card or a minute."""

    kind: str
    after: str  # "", SAME, OTHER or AWAY
    day: int
    validator: int


def make_plan(
    prng: Prng,
    feed: Feed,
    zone_count: int,
    taps: int,
    cards: int,
    validators: int,
    last_taps: bool = True,
) -> Plan:
    """Return the plan of `taps` taps by `cards` cards; same arguments and seed, same plan.

    Raises: PlanError when so few taps or cards cannot show every kind.
    """
    if taps < TAPS_MIN or cards < CARDS_MIN or validators < 1:
        raise PlanError(
            f"--taps {taps} --cards {cards} --validators {validators}: wanted at least "
            f"{TAPS_MIN} taps, {CARDS_MIN} cards and 1 validator to show every kind of tap"
        )
    riders = [_rider(prng, index, cards, zone_count) for index in range(cards)]
    events = _events(prng, taps, len([r for r in riders if r.fate == PLAIN]) // 3, validators)
    return Plan(riders, _Walk(prng, feed, riders, validators).steps(events, last_taps))


def _rider(prng: Prng, index: int, cards: int, zone_count: int) -> Rider:
    # A tenth each of the cards is poor, listed and to be killed, so that every kind has takers.
    tenth = max(cards // 10, 1)
    fate = (INSUFFICIENT, HOTLISTED, KILLED)[index // tenth] if index < 3 * tenth else PLAIN
    low = 1 + prng.below(zone_count)
    high = low + prng.below(zone_count - low + 1)
    zones = (low, high) if prng.below(3) else (0, 0)
    group = prng.choice((0, 0, 0, 1, 2, 3))
    free = fate == PLAIN and group in FREE_GROUPS and index % 3 == 0
    return Rider(group, zones, 50 if fate == INSUFFICIENT else 10_000, fate, free)


def _events(prng: Prng, taps: int, away_max: int, validators: int) -> list[Event]:
    """Return what happens, shuffled within each day; the re-taps and last taps are counted in."""
    events: list[Event] = []
    used = away = 0
    for kind, of_500 in SHARES:
        for number in range(max(taps * of_500 // 500, 3 if kind in TEARS else 1)):
            after = (SAME, OTHER, AWAY)[number % 3] if kind in TEARS else ""
            after = SAME if kind == TORN_BEFORE else after
            if after == AWAY and away == away_max:
                after = SAME
            away += after == AWAY
            used += 2 if after else 1
            events.append(Event(kind, after, *_when(prng, kind, validators)))
    for _ in range(taps - used):
        events.append(Event(PLAIN, "", *_when(prng, PLAIN, validators)))
    prng.shuffle(events)
    return sorted(events, key=lambda event: event.day)


def _when(prng: Prng, kind: str, validators: int) -> tuple[int, int]:
    """Return (day, validator) on which a tap of `kind` can happen."""
    out = validators - 1  # the validator that stays out of the depot for three nights
    if kind == EXPIRED:
        return LEASE_DAY, out
    pairs = [
        (day, v) for day in range(DAYS) for v in range(validators) if (day, v) != (LEASE_DAY, out)
    ]
    if kind == TOURIST and validators > 1:  # the last one is another authority's, the ferry's
        pairs = [(day, v) for day, v in pairs if v != out]
    if kind == KILLED:  # listed in the first night
        pairs = [(day, v) for day, v in pairs if (day == DAYS - 1 if v == out else day >= 1)]
    return prng.choice(pairs)


class _Walk:
    """Gives each event its minute, vehicle position and card."""

    def __init__(self, prng: Prng, feed: Feed, riders: list[Rider], validators: int) -> None:
        self.prng = prng
        self.feed = feed
        self.validators = validators
        self.riders = len(riders)
        self.takers = {
            fate: [i for i, r in enumerate(riders) if r.fate == fate]
            for fate in (PLAIN, INSUFFICIENT, HOTLISTED, KILLED)
        }
        self.kills = 0
        self.away: list[tuple[int, str, int]] = []  # card, tear, validator
        self.rides = [(prng.below(len(feed.trips)), 0) for _ in range(validators)]
        self.now = 0
        self.tapped: dict[tuple[int, int], int] = {}  # (card, validator) -> second

    def steps(self, events: list[Event], last_taps: bool) -> list[Step]:
        found: list[Step] = []
        for event in events:
            self.now = max(self.now, event.day * DAY_S + MORNING_S)
            card = self._card(event)
            found.append(self._step(event.kind, card, event.validator, 30 + self.prng.below(400)))
            if event.after in (SAME, OTHER):
                validator, gap = self._after(event, card)
                found.append(self._step(RETAP, card, validator, gap, event.kind))
        for number, (card, tear, torn_at) in enumerate(self.away if last_taps else ()):
            # Mostly elsewhere, so that the ledger settles it and not the validator itself.
            validator = torn_at if number % 4 == 3 else (torn_at + 1) % self.validators
            found.append(self._step(LAST, card, validator, 30 + self.prng.below(60), tear))
        return found

    def _card(self, event: Event) -> int:
        if event.kind == TOURIST:
            return self.riders + self.prng.below(TICKETS)
        fate = event.kind if event.kind in (INSUFFICIENT, HOTLISTED, KILLED) else PLAIN
        takers = self.takers[fate]
        if event.kind == KILLED:  # each in turn: a killed card answers nothing new
            self.kills += 1
            return takers[self.kills % len(takers)]
        # Twice at one gate within minutes is pass-back: refused, and no story of this plan.
        fresh = [card for card in takers if not self._just_tapped(card, event.validator)]
        card = self.prng.choice(fresh or takers)
        if event.after == AWAY:
            takers.remove(card)
            self.away.append((card, event.kind, event.validator))
        return card

    def _just_tapped(self, card: int, validator: int) -> bool:
        return self.now - self.tapped.get((card, validator), -PASS_BACK_S) < PASS_BACK_S

    def _after(self, event: Event, card: int) -> tuple[int, int]:
        """Return (validator, seconds later) of the re-tap that follows a tear."""
        out = self.validators - 1
        others = [
            v
            for v in range(self.validators)
            if v != event.validator
            and not (event.day == LEASE_DAY and v == out)
            and not self._just_tapped(card, v)
        ]
        if event.after == OTHER and others:
            return self.prng.choice(others), 60 + self.prng.below(240)
        return event.validator, 4 + self.prng.below(40)

    def _step(self, kind: str, card: int, validator: int, gap_s: int, tear: str = "") -> Step:
        self.now += gap_s
        # A re-tap at the same validator happens at the same stop: the vehicle has not moved on.
        if kind != RETAP:
            self._drive(validator)
        trip, call = self.rides[validator]
        self.tapped[card, validator] = self.now
        return Step(self.now, kind, card, validator, trip, call, tear)

    def _drive(self, validator: int) -> None:
        """Move the validator's vehicle on by up to two stops; at the terminus it turns."""
        trip, call = self.rides[validator]
        call += self.prng.below(3)
        if call >= len(self.feed.trips[trip].stops) - 1:
            trip, call = self.prng.below(len(self.feed.trips)), 0
        self.rides[validator] = trip, call
