"""Recorded taps as JSON lines, for `tornello tariff whatif`: each ride with what it rested on.

A line holds the engine's own lists, filled from the INTENT as re-rating fills them, what was
charged, and a number for the card that means nothing outside the file. No UID, no pseudonym.
Source: requirements O-17; decisions.md D11, D14.
"""

import json
from collections.abc import Iterator, Mapping

from backend_sync.ports import OK, Keyring
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import G
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.repeat import UNRATED, Repeater
from card_layouts.records.entries_tap import INTENT

AT_ONCE = 500
RIDES = """
SELECT e.device, e.epoch, e.seq, e.slot, p.card FROM pendings p JOIN entries e ON e.id = p.id
WHERE p.verdict IS NOT NULL AND EXISTS (
    SELECT 1 FROM evidence r WHERE r.pending = p.id AND r.rule IN ('P1', 'P2', 'P3'))
ORDER BY p.at, p.card, p.n
"""


def recorded_taps(
    database: Database, keyring: Keyring, tariffs: Mapping[tuple[int, int], Tariff]
) -> Iterator[str]:
    """Yield one JSON line for each ride that took place, in order of time.

    Left out: rides whose tariff is not in `tariffs`, and what an entry alone cannot repeat.
    """
    numbers: dict[int, int] = {}
    rows = database.rows(RIDES)
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        runs = [(row[0], row[1], row[2], bytes(32), [row[3]]) for row in part]
        for one, row in zip(keyring.unseal(runs), part, strict=True):
            if one.status != OK:
                continue
            intent = INTENT.unpack(one.payload)
            body = G.unpack(bytes(7) + intent["body"] + bytes(8))
            tariff = tariffs.get((body["authority"], intent["tariff"]))
            repeater = Repeater(tariff)
            if tariff is None or repeater.verdict(intent) == UNRATED:
                continue
            line = {
                "id": f"card {numbers.setdefault(row[4], len(numbers) + 1)}",
                "card": repeater.card,
                "tap": repeater.tap,
                "charged": body["amount"],
            }
            yield json.dumps(line)
