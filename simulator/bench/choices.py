"""Bench row of the audit: choices repeated a second, entries opened, verdicts durable.

One card with a season and a purse at two real gates in process, until their journals are full; its
taps are audited again and again. Making them is not timed. Source: decisions.md D14, D28.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.batches import CardBatch
from backend_sync.ledger.ledger import Ledger
from card_layouts.answers import ACCEPTED
from card_layouts.cards.card_layout import CHANNEL_COUNTER, M_FIRST_USE, P_SLOT, S, zone_bit
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from firmware.station import Order
from firmware.station_services import Product
from simulator.bench.row import BenchError, Row
from simulator.worlds import product_tariff as p
from simulator.worlds.small_tariffs import mounted
from simulator.worlds.tap_world import (
    AUTHORITY,
    EPOCH,
    GATE_A,
    GATE_B,
    NOW,
    PURSE,
    ROOT_KEY,
    STATION,
    UID,
    Device,
    head_of,
    lease,
    new_card,
    recipe,
)

ROUNDS = 15
BATCH, HOUR_S = 1, 3600
TAPS_MAX = 100  # two journals hold as many


class _Clock:
    def utc_seconds(self) -> int:
        return NOW

    def monotonic_ms(self) -> int:
        return 0


def rows() -> Iterator[Row]:
    """Yield the row. Raises: BenchError when a choice is not repeated."""
    with tempfile.TemporaryDirectory(prefix="tornello-bench-") as name:
        folder = Path(name)
        keys = make_keys([AUTHORITY], seed="bench")._replace(root=ROOT_KEY)
        write_keys(folder / "keys.json", keys)
        keyring = LocalKeyring(folder)
        tariff = mounted(p.product_tariff(AUTHORITY))
        ledger = Ledger(
            f"sqlite:///{folder / 'ledger.db'}",
            _Clock(),
            keyring,
            {(AUTHORITY, tariff.version): tariff},
            AUTHORITY,
        )
        for number in (GATE_A, GATE_B, STATION):
            keyring.provision(number, EPOCH, AUTHORITY, 12, "bench")
        _enter(ledger)
        ledger.post([("bench", _played(tariff))])
        speeds = [_audited_per_second(ledger) for _ in range(ROUNDS)]
        ledger.close()
        keyring.close()
    yield Row("ledger.choices_per_s", round(median(speeds)), "taps/s")


def _audited_per_second(ledger: Ledger) -> float:
    ledger.auditor.begin_again()
    start = time.perf_counter()
    while ledger.audit():
        pass
    took = time.perf_counter() - start
    found = ledger.report()["rerated"]
    if found["same"] != found["rateable"] or not found["same"]:
        raise BenchError(f"ledger: choices that are not repeated: {found}")
    return found["same"] / took


def _enter(ledger: Ledger) -> None:
    head = bytearray(head_of())
    for name in ("serial", "issued"):
        S.put(head, name, 0)
    ledger.import_batches([CardBatch(AUTHORITY, BATCH, bytes(head))])
    issue = {"uid": UID, "layout": 1, "state": STATE_VERIFIED, "authority": AUTHORITY}
    row = ISSUE.pack({**issue, "batch": BATCH, "generation": 1, "h0": recipe().record[36:44]})
    ledger.import_issues([row])


def _played(tariff: object) -> list[tuple[int, int, int, bytes, list[bytes]]]:
    """Return every slot of the two gates and the desk, as runs of one slot."""
    card, desk = new_card(purse=0), Device(STATION, station=True)
    desk.load(card, Order(1, 1, 1, PURSE, CHANNEL_COUNTER))
    season = {"mechanism": M_FIRST_USE, "product": p.SEASON, "length": 30, "zones": zone_bit(1)}
    order = Order(2, 2, 1, 0, CHANNEL_COUNTER)
    desk.present(card, order=order, service=Product(0, P_SLOT.pack({**season, "k": 2})))
    gates = [
        Device(number, tariff=tariff, lease=lease(not_after=NOW + 400 * 86_400))
        for number in (GATE_A, GATE_B)
    ]
    for tap in range(TAPS_MAX):
        gate = gates[tap % 2]
        gate.watch.seconds = NOW + tap * HOUR_S
        if gate.present(card) != ACCEPTED:
            break
    runs = []
    for device in (desk, *gates):
        journal = device.journal
        for seq in range(journal.first_kept_seq, journal.head_seq + 1):
            slot = bytearray(128)
            journal.read_slot(seq, slot)
            runs.append((device.number, EPOCH, seq, bytes(32), [bytes(slot)]))
    return runs
