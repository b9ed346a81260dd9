"""Ends a demo with a settled day: closes it, and leaves what an outsider needs to check it.

DIR/settlement holds the signed batch, its lines, the tariffs and the slots that the edge carried:
`./tornello verify-settlement DIR` needs nothing else.
"""

from typing import Any

from backend_sync.ledger import Ledger
from backend_sync.settlement.close import SettlementError, close_day
from backend_sync.settlement.export import export, hashes_of, read_packages
from backend_sync.settlement.words import equality
from edge_agent.slots_file import write_slots
from edge_agent.store import Store
from simulator.demo.files import DemoFiles

FOLDER = "settlement"


def settle(files: DemoFiles, ledger: Ledger, edge: str, day: int) -> dict[str, Any]:
    """Close service day `day` and write DIR/settlement; return the batch's figures.

    What cannot be closed or written is said under "refused", and no file is written.
    """
    packages = read_packages(files / "tariffs")
    try:
        closed = close_day(ledger, day, hashes_of(packages))
        export(ledger.database, files / FOLDER, ledger.keyring, packages)
    except SettlementError as error:
        return {"refused": str(error)}
    (files / FOLDER / "ciphertext").mkdir(exist_ok=True)
    store = Store(files / "edge" / "edge.db")
    try:
        write_slots(store, edge, files / FOLDER / "ciphertext" / f"{edge}.slots")
    finally:
        store.close()
    values = closed.values
    lines, batch, revenue, unassigned = values["sums"]
    return {
        "batch": closed.number,
        "lines": values["lines"],
        "lines_cents": lines,
        "batch_cents": batch,
        "revenue_cents": revenue,
        "unassigned_cents": unassigned,
        "sentence": equality(values),
    }
