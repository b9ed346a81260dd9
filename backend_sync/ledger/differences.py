"""Every tap that the ledger would have decided otherwise: who, where, and both sides of it.

Source: requirements O-17; decisions.md D14.
"""

from typing import Any

from backend_sync.ledger.choice import ChoiceRater, Commit
from backend_sync.ports import OK, Keyring
from backend_sync.storage.database import Database
from card_layouts.fares.repeat import DIFFERENT
from card_layouts.records.entries import INTENT
from card_layouts.settlement.pricing import Tariffs

NAMES = ("pseudonym", "device", "epoch", "seq", "n", "at", "validator", "ledger")
SQL = (
    "SELECT k.pseudonym, e.device, e.epoch, e.seq, p.n, p.at, d.validator, d.ledger, e.slot"
    " FROM pendings p JOIN entries e ON e.id = p.id JOIN cards k ON k.id = p.card"
    " LEFT JOIN choices c ON c.pending = p.id LEFT JOIN differences d ON d.pending = p.id"
    f" WHERE p.verdict IS NOT NULL AND coalesce(c.verdict, p.verdict) = {DIFFERENT}"
    " ORDER BY p.at, e.device, e.seq"
)


def differences(database: Database, keyring: Keyring, tariffs: Tariffs) -> list[dict[str, Any]]:
    """Return every difference, oldest tap first. The words of a mere price are made here."""
    rater = ChoiceRater(tariffs)
    found = []
    for row in database.rows(SQL):
        values = dict(zip(NAMES, row, strict=False))
        values["pseudonym"] = bytes(row[0]).hex()
        if values["validator"] is None:
            values.update(_price_words(rater, keyring, row))
        found.append(values)
    return found


def _price_words(rater: ChoiceRater, keyring: Keyring, row: Any) -> dict[str, str]:
    device, epoch, seq, n = row[1:5]
    [opened] = keyring.unseal([(device, epoch, seq, bytes(32), [bytes(row[8])])])
    if opened.status != OK:
        return {"validator": "its entry cannot be opened any more", "ledger": ""}
    commit = Commit(0, n, 0, INTENT, device, epoch, seq, opened.payload)
    validator, ledger = rater.price_words(commit)
    return {"validator": validator, "ledger": ledger}
