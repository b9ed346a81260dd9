"""Mistakes planted on purpose, each of which `sim kills --plant NAME` must find: it ends with 1.

Each is a real class of the edge or the ledger with one rule broken, while the plant is in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from backend_sync.storage.database import Database
from card_layouts.records.chain import chain_next
from edge_agent.outbox import Outbox
from simulator.kills import ledger

Replace = Callable[[Any, str, Any], None]


class Plant(NamedTuple):
    """A mistake: what it is, the program that has it, and how it is put in."""

    what: str
    program: str
    put: Callable[[Replace], None]


def _run_first(replace: Replace) -> None:
    def add(
        self: Any, device: int, epoch: int, first: int, before: bytes, slots: Any, now: int
    ) -> bytes:
        """Say in one transaction that the entries are there, and store them in another."""
        rows, chain, last = [], before, first + len(slots) - 1
        for seq, slot in enumerate(slots, first):
            chain = chain_next(chain, slot)
            rows.append((device, epoch, seq, slot, chain, now))
        with self._store.immediate() as connection:
            if first == 1:
                run = (device, epoch, first, before, last, chain)
                connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", run)
            else:
                connection.execute("UPDATE runs SET last_seq = ?, H_last = ?", (last, chain))
        with self._store.immediate() as connection:
            connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._store.evidence.count("stored", len(rows))
        self.changes += 1
        return chain

    replace(Outbox, "add", add)


def _no_transaction(replace: Replace) -> None:
    @contextmanager
    def piecemeal(self: Any) -> Iterator[None]:
        """Every statement is a commit of its own."""
        driver = self.connection.connection.driver_connection
        with self.connection.begin():
            driver.execute("COMMIT")
            yield
            driver.execute("BEGIN IMMEDIATE")

    replace(Database, "transaction", piecemeal)


def _told_early(replace: Replace) -> None:
    def early(line: int, number: int, acks: list[dict[str, Any]]) -> None:
        """Tell the edge of the next group too: it will come, will it not."""
        tell(line, number + 1, [{**ack, "seq": ack["seq"] + 25} for ack in acks])

    tell = ledger._tell
    replace(ledger, "_tell", early)


PLANTS = {
    "run-first": Plant("a run is written before its entries", "edge", _run_first),
    "piecemeal": Plant("a group is posted without a transaction", "ledger", _no_transaction),
    "told-early": Plant("an acknowledgement names what is not yet held", "ledger", _told_early),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Break the rule while the block runs; "" breaks none."""
    sound: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, attribute: str, broken: Any) -> None:
        sound.append((owner, attribute, getattr(owner, attribute)))
        setattr(owner, attribute, broken)

    if name:
        PLANTS[name].put(replace)
    try:
        yield
    finally:
        for owner, attribute, whole in sound:
            setattr(owner, attribute, whole)
