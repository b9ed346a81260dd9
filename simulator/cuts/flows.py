"""Every flow that is cut: the bare journal, packages, a driver's shift, then taps and services."""

from collections.abc import Callable

from simulator.cuts.journal_flows import JOURNAL_FLOWS
from simulator.cuts.packages import PACKAGE_FLOWS
from simulator.cuts.shifts import SHIFT_FLOWS
from simulator.cuts.stage import Flow
from simulator.cuts.taps import TapStage, TicketStage
from simulator.tears.flow import Flow as CardFlow
from simulator.tears.services import LoadFlow, ProductFlow, RefundFlow, UnblockFlow
from simulator.tears.taps import (
    Activation,
    BestPrice,
    Block,
    Debit,
    Kill,
    Retap,
    Transfer,
    WebLoad,
)


def _tap(kind: Callable[[], CardFlow], used: int = 0) -> Flow:
    flow = kind()
    if used:
        title = f"{flow.title}, at the end of a block"
        return Flow(f"{flow.name}-{used}", title, lambda: TapStage(kind(), used))
    return Flow(flow.name, flow.title, lambda: TapStage(kind()))


TAP_FLOWS = (
    *(_tap(Debit), _tap(Debit, 29), _tap(Debit, 30), _tap(Transfer), _tap(Activation)),
    *(_tap(BestPrice), _tap(Retap), _tap(Block), _tap(Kill)),
    *(_tap(WebLoad), _tap(WebLoad, 28)),
    *(_tap(LoadFlow), _tap(LoadFlow, 29), _tap(ProductFlow), _tap(RefundFlow), _tap(UnblockFlow)),
    Flow("ticket", "a tourist ticket is used", TicketStage),
)
FLOWS = (*JOURNAL_FLOWS, *PACKAGE_FLOWS, *SHIFT_FLOWS, *TAP_FLOWS)
