"""What sort of history a seed draws: how large, how busy, which faults and how often.

Swarm testing: every seed leaves some faults out and has others often, so that rare combinations
meet. Source: trust.md section 3 "Harness"; Groce et al., Swarm Testing, 2012 (the idea).
"""

from collections.abc import Sequence
from typing import NamedTuple

from simulator.histories.faults import ATLAS, BY_NAME
from simulator.histories.places import CARDS_MAX, EDGES_MAX, GATES_MAX, TICKETS_MAX
from simulator.prng import Prng

TAPS = 100
DOCKINGS_MAX = 24  # of all gates in a history, about: they cost more time than taps
LATE = ("actions-old", "ticket-torn")  # faults that are drawn from streams of their own


class Options(NamedTuple):
    """One history's size and habits; `faults` maps a fault's name to its chance in 1,000."""

    seed: int
    taps: int
    cards: int
    gates: int
    edges: int
    days: int
    sync_hours: int  # how often a validator docks
    load_every: int  # taps between two loads
    lease_hours: int
    keep_days: int  # how long an edge keeps what is acknowledged
    areas: int  # of how many authorities the gates are
    tariffs: int  # how often each tariff changes
    passes: int  # season passes sold
    tickets: int  # tourists with a ticket
    singles: int  # codes sold
    office_hours: int  # how often the control room looks at the books
    faults: dict[str, int]
    online: int = 0  # loads bought on the web
    reported: int = 0  # cards whose holders report them lost
    day_passes: int = 0  # passes for a day, held to a gate on the day after too

    def __str__(self) -> str:
        chances = " ".join(f"{name}:{chance}" for name, chance in self.faults.items())
        return (
            f"{self.taps} taps, {self.cards} cards, {self.gates} gates, {self.edges} edges,"
            f" {self.days} days, docks every {self.sync_hours} h, a load every {self.load_every}"
            f" taps, leases of {self.lease_hours} h, edges keep {self.keep_days} days,"
            f" {self.areas} authorities, {self.tariffs} new tariffs, {self.passes} passes,"
            f" {self.tickets} tickets, {self.singles} codes, {self.online} loads on the web,"
            f" {self.reported} cards reported lost, {self.day_passes} day passes,"
            f" the control room looks every {self.office_hours} h;"
            f" faults in 1,000: {chances or 'none'}"
        )


def draw_options(
    seed: int, taps: int | None = None, faults: Sequence[str] | None = None
) -> Options:
    """Return the options of a seed; `faults` limits the atlas to these, () to none."""
    prng = Prng(seed).fork("options")
    edges = prng.between(1, EDGES_MAX)
    gates = prng.between(max(2, edges), GATES_MAX)
    days = prng.between(1, 4)
    drawn = {
        fault.name: prng.choice(fault.rates)
        for fault in ATLAS
        if fault.name not in LATE
        and (prng.chance(2, 3) or (faults is not None and fault.name in faults))
    }
    # What came later draws from streams of its own: the seeds keep their histories.
    late = Prng(seed).fork("online")
    online = late.choice((0, 2, 6))
    for stream, name in zip((late, Prng(seed).fork("torn tickets")), LATE, strict=True):
        fault = BY_NAME[name]
        if stream.chance(2, 3) or (faults is not None and fault.name in faults):
            drawn[fault.name] = stream.choice(fault.rates)
    life = Prng(seed).fork("lost cards and day passes")
    chosen = drawn if faults is None else {n: c for n, c in drawn.items() if n in faults}
    return Options(
        seed=seed,
        taps=TAPS if taps is None else taps,
        cards=prng.between(2, CARDS_MAX),
        gates=gates,
        edges=edges,
        days=days,
        sync_hours=max(prng.choice((4, 8, 24)), gates * days * 24 // DOCKINGS_MAX),
        load_every=prng.between(5, 15),
        lease_hours=prng.choice((48, 72, 120)),
        keep_days=prng.choice((1, 3, 30)),
        areas=prng.between(1, 2),
        tariffs=prng.choice((0, 1, 2)),
        tickets=prng.choice((0, 0, 1, TICKETS_MAX)),
        singles=prng.choice((0, 0, 1)),
        passes=prng.choice((0, 0, 1, 3)),
        office_hours=prng.choice((4, 12, 30)),
        faults=dict(sorted(chosen.items())),
        online=online,
        reported=life.choice((0, 0, 4)),
        day_passes=life.choice((0, 0, 2)) if days > 1 else 0,
    )
