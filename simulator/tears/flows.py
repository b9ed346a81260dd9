"""Every card flow that is torn, in the order of the table of card.md section 5."""

from simulator.tears.flow import Flow
from simulator.tears.services import (
    Inspection,
    KeyChange,
    LoadFlow,
    ProductFlow,
    RefundFlow,
    UnblockFlow,
)
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
from simulator.tears.ticket import TicketTap

FLOWS: tuple[Flow, ...] = (
    *(Debit(), Transfer(), Activation(), BestPrice(), WebLoad()),
    *(LoadFlow(), ProductFlow(), RefundFlow(), Block(), UnblockFlow()),
    *(Kill(), KeyChange(), Inspection(), Retap(), TicketTap()),
)
