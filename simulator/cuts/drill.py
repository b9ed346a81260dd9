"""Cut a flow at every flash operation, its recovery at every one of its own, and let writes fail.

Single: the flow is cut at operation k in each torn mode, power comes back, people go on. Nested:
the same first cut, and a second one at every operation of what follows, once for each situation
that can be told apart. Overtaken: an earlier operation that nobody has read since did not take, and
operation k did. Silent: operation k reports done and did not take; the flow goes on unaware, and
power is cut in one of the next operations as well. Deep: the recovery after a silent failure is cut
too, and every recovery in each mode.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.cuts.stage import EXCEPTION, Findings, Flow, Stage
from simulator.flash import (
    FAINT_BITS,
    FAULTS,
    NEARLY_BITS,
    RANDOM_BITS,
    TORN_QUARTERS,
    UNSTABLE_BITS,
    FlashCut,
    FlashFault,
    FlashPowerLost,
)

# Torn mode -> seeds: bits that are not sure read well in one life of a flash and not in another.
MODES = {
    **dict.fromkeys(TORN_QUARTERS, 1),
    UNSTABLE_BITS: 1,
    FAINT_BITS: 12,
    NEARLY_BITS: 12,
}
MODE_NAMES = {
    **{quarters: f"{quarters}/4" for quarters in range(4)},
    RANDOM_BITS: "random bits",
    UNSTABLE_BITS: "unstable bits",
    FAINT_BITS: "faint bits",
    NEARLY_BITS: "nearly all",
    4: "4/4",
}
OVERTAKING = (0, 4, RANDOM_BITS)  # quarters of the operation that was begun last
OVERTAKEN_MAX = 6  # of these the newest, one at a time, and then all of them
FAULT_SEEDS = (1, 2)
LATER_MODE = 2  # quarters of the cut that follows a silent fault
LATER_OPERATIONS = 8
# Of a flow that is many flows one after the other, each of which is drilled by itself.
LONG_SEEDS_MAX, LONG_LATER_OPERATIONS = 2, 1
LIVES = 1000  # what the seeds of one cut are apart


@dataclass
class Drilled:
    """What one flow was put through."""

    flow: Flow
    operations: int
    singles: int = 0
    overtaken: int = 0  # of the singles
    situations: int = 0
    nested: int = 0
    faults: int = 0
    faults_cut: int = 0
    committed: int = 0
    refused: int = 0
    known: set[Hashable] = field(default_factory=set)
    modes: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    deep: bool = False

    @property
    def cuts(self) -> int:
        """How many times power was lost."""
        return self.singles + self.nested + self.faults_cut


def drill(flow: Flow, every: int = 1, nested: bool = True, deep: bool = False) -> Drilled:
    """Put a flow through everything; `every` N takes each Nth cut only, for a first look."""
    stage = flow.begin()
    stage.flash.restart_count()
    stage.flash.reorders = True
    stage.act()
    found = Drilled(flow, stage.flash.operation, deep=deep)
    stage.flash.reorders = False
    overtaken = dict(stage.flash.overtaken)
    _judge(found, stage, "whole")
    nested = nested and flow.nested
    number = 0
    for cut in _cuts(found.operations, LIVES if flow.nested else LONG_SEEDS_MAX):
        number += 1
        if number % every == 0:
            _single(found, cut, nested)
    for cut in _overtaking(overtaken):
        number += 1
        if number % every == 0:
            _single(found, cut, nested)
    for fault in _faults(found.operations):
        number += 1
        if number % every == 0:
            _silent(found, fault, nested and deep)
    return found


def _cuts(operations: int, seeds_max: int) -> Iterator[FlashCut]:
    for operation in range(operations):
        for mode, seeds in MODES.items():
            for seed in range(min(seeds, seeds_max)):
                yield FlashCut(operation, mode, seed=operation + LIVES * seed)


def _overtaking(overtaken: dict[int, list[int]]) -> Iterator[FlashCut]:
    """Yield the cuts of a part that had not done everything in order."""
    for operation, earlier in sorted(overtaken.items()):
        late: list[tuple[int, ...]] = [(one,) for one in earlier[-OVERTAKEN_MAX:]]
        if len(late) > 1:
            late.append(tuple(earlier))
        for some in late:
            for mode in OVERTAKING:
                yield FlashCut(operation, mode, seed=operation, late=some)


def _faults(operations: int) -> Iterator[FlashFault]:
    for operation in range(operations):
        for kind in FAULTS:
            for seed in FAULT_SEEDS if kind == "worn" else FAULT_SEEDS[:1]:
                yield FlashFault(operation, kind, seed)


def _single(found: Drilled, cut: FlashCut, nested: bool) -> None:
    stage = found.flow.begin()
    where = _said(cut)
    if not _cut_act(found, stage, cut, where):
        return
    found.singles += 1
    found.overtaken += bool(cut.late)
    found.modes["overtaken" if cut.late else MODE_NAMES[cut.quarters]] += 1
    kept, situation = stage.keep(), stage.situation()
    stage.flash.restart_count()
    if not _guarded(found, stage, where):
        return
    recovery = stage.flash.operation
    _judge(found, stage, where)
    news = situation not in found.known and cut.seed < LIVES
    found.known.add(situation)
    found.situations = len(found.known)
    if nested and news:
        _nest(found, stage, kept, recovery, where)


def _nest(found: Drilled, stage: Stage, kept: Any, recovery: int, where: str) -> None:
    """Cut the recovery at every operation, in each of the five torn modes; deep: in all eight."""
    for operation in range(recovery):
        for mode in MODES if found.deep else TORN_QUARTERS:
            stage.back(kept)
            stage.told = []
            cut = FlashCut(operation, mode, seed=operation + 1)
            again = f"{where}, then {_said(cut)}"
            stage.flash.restart_count()
            stage.flash.cut_at(cut)
            try:
                stage.recover()
                continue  # the recovery took another way this time and was over before
            except FlashPowerLost:
                found.nested += 1
            except Exception as error:  # noqa: BLE001 - whatever a program may raise is a finding
                _except(found, again, error)
                continue
            stage.flash.cut_at()
            stage.back(stage.keep())
            if _guarded(found, stage, again):
                _judge(found, stage, again)


def _silent(found: Drilled, fault: FlashFault, nested: bool) -> None:
    """Let an operation fail unsaid; then cut power at the end, and at each later operation."""
    later = -1
    later_operations = LATER_OPERATIONS if found.flow.nested else LONG_LATER_OPERATIONS
    while True:
        stage = found.flow.begin()
        stage.flash.restart_count()
        stage.flash.fault_at(fault)
        where = f"operation {fault.operation} {fault.kind}"
        if later >= 0:
            where += f", then {_said(FlashCut(later, LATER_MODE))}"
            stage.flash.cut_at(FlashCut(later, LATER_MODE))
        try:
            stage.act()
        except FlashPowerLost:
            found.faults_cut += 1
        except Exception as error:  # noqa: BLE001 - whatever a program may raise is a finding
            _except(found, where, error)
            return
        else:
            if later >= 0:
                return
            found.faults += 1
            found.modes[fault.kind] += 1
        stage.flash.cut_at()
        stage.flash.fault_at()
        kept = stage.keep() if nested and later < 0 else None
        stage.flash.restart_count()
        if _guarded(found, stage, where):
            recovery = stage.flash.operation
            _judge(found, stage, where)
            if kept is not None:
                _nest(found, stage, kept, recovery, where)
        later = max(later, fault.operation) + 1
        if later > fault.operation + later_operations:
            return


def _cut_act(found: Drilled, stage: Stage, cut: FlashCut, where: str) -> bool:
    stage.flash.restart_count()
    stage.flash.reorders = bool(cut.late)
    stage.flash.cut_at(cut)
    try:
        stage.act()
    except FlashPowerLost:
        return True
    except Exception as error:  # noqa: BLE001 - whatever a program may raise is a finding
        _except(found, where, error)
        return False
    finally:
        stage.flash.cut_at()
        stage.flash.reorders = False
    raise AssertionError(f"{found.flow.name}: {where} was never reached")


def _guarded(found: Drilled, stage: Stage, where: str) -> bool:
    try:
        stage.recover()
    except Exception as error:  # noqa: BLE001 - whatever a program may raise is a finding
        _except(found, where, error, stage)
        return False
    return True


def _judge(found: Drilled, stage: Stage, where: str) -> None:
    try:
        complaints = stage.judge()
    except Exception as error:  # noqa: BLE001 - whatever a program may raise is a finding
        _except(found, where, error, stage)
        return
    found.committed += stage.committed
    found.refused += stage.refused
    stage.committed = stage.refused = 0
    for kind, words in complaints:
        found.findings.note(kind, f"{found.flow.name}: {where}", words)


def _except(found: Drilled, where: str, error: Exception, stage: Stage | None = None) -> None:
    for kind, words in stage.told if stage else []:
        found.findings.note(kind, f"{found.flow.name}: {where}", words)
    if not (stage and stage.told):
        words = f"{type(error).__name__} {error}"
        found.findings.note(EXCEPTION, f"{found.flow.name}: {where}", words)


def _said(cut: FlashCut) -> str:
    late = f" without {', '.join(map(str, cut.late))}" if cut.late else ""
    return f"cut in operation {cut.operation} at {MODE_NAMES[cut.quarters]}{late}"
