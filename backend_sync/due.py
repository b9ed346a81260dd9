"""Which acknowledgements an edge is due: the device's head, or as far as this edge has come.

A device may dock at several depots, so an edge may hold only the older part of its entries. The
acknowledgement of the head means nothing there: the edge cannot compare its H (D16). An edge that
sends again what the ledger holds is therefore also told how far *it* has come, once the ledger has
proved that the edge's H lies on its own chain. What is remembered here may be lost at any time: an
edge without an answer sends again. Source: decisions.md D16; trust.md I12.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from backend_sync.ports import Run
from card_layouts.records.chain import chain_next

Ack = Mapping[str, Any]
Edge = tuple[int, str]  # authority, edge
Device = tuple[int, int]  # device, epoch


class Proves(Protocol):
    """What is needed of the ledger."""

    def leads_to_head(self, device: int, epoch: int, seq: int, chain: bytes) -> bool:
        """Return whether the held entries after `seq` lead from the H `chain` to the head's."""


class Due:
    """What each edge has delivered so far, and what it may be told for that."""

    def __init__(self, ledger: Proves) -> None:
        self._ledger = ledger
        self._reached: dict[tuple[Edge, Device], tuple[int, bytes]] = {}

    def take(
        self, delivered: Sequence[tuple[Edge, Sequence[Run]]], heads: Sequence[Ack]
    ) -> dict[Edge, list[Ack]]:
        """Return the acknowledgements of each edge whose runs were posted just now.

        Shape: `heads` are the ledger's acknowledgements of the devices in `delivered`.
        """
        by_device = {(ack["device"], ack["epoch"]): ack for ack in heads}
        due: dict[Edge, dict[tuple[int, int, int], Ack]] = {}
        for edge, runs in delivered:
            for run in runs:
                head = by_device.get((run[0], run[1]))
                if head is None:
                    continue  # nothing of this device can be said yet
                for ack in (head, self._short(edge, head) if self._sent_again(edge, run) else None):
                    if ack is not None:
                        key = (ack["device"], ack["epoch"], ack["seq"])
                        due.setdefault(edge, {})[key] = ack
        return {edge: list(acks.values()) for edge, acks in due.items()}

    def _sent_again(self, edge: Edge, run: Run) -> bool:
        """Note how far the run reaches; return whether the edge had come that far before."""
        device, epoch, first, chain, slots = run
        seq = first + len(slots) - 1
        before = self._reached.get((edge, (device, epoch)))
        if before is not None and seq <= before[0]:
            return True
        for slot in slots:
            chain = chain_next(chain, slot)
        self._reached[edge, (device, epoch)] = (seq, chain)
        return False

    def _short(self, edge: Edge, head: Ack) -> Ack | None:
        name = (head["device"], head["epoch"])
        seq, chain = self._reached[edge, name]
        if seq >= head["seq"] or not self._ledger.leads_to_head(*name, seq, chain):
            return None
        return {**head, "seq": seq, "H": chain}
