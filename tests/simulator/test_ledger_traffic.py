"""The bench's traffic is what devices would write: same seals, same prices, nothing left open."""

import pytest

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from card_layouts.crypto.kdf import block_key, device_key
from card_layouts.records import entries
from card_layouts.records.slot import Sealer
from simulator.bench import ledger as bench_ledger
from simulator.bench.ledger_traffic import AUTHORITY, Traffic


@pytest.fixture
def keyring(tmp_path):
    write_keys(tmp_path / "keys.json", make_keys([AUTHORITY], seed="bench"))
    made = LocalKeyring(tmp_path)
    yield made
    made.close()


@pytest.mark.requirement("D13")
def test_a_slot_of_the_bench_is_sealed_as_a_device_seals(keyring):
    journal = Traffic(keyring, cards=1, devices=1).devices[0]
    payload = bytes(range(96))
    slot = journal.seal(entries.BOOT, payload)
    sealer = Sealer(block_key(device_key(keyring.keys.root, 1, 0)))
    assert sealer.open_seal(slot) == payload
    assert sealer.seal(slot[:12], payload) == slot


@pytest.mark.requirement("D28")
def test_the_benchs_rows_come_from_books_that_reconcile(monkeypatch):
    monkeypatch.setattr(bench_ledger, "WINDOW", 5000)
    found = {row.name: row for row in bench_ledger.rows(entries=10_000)}
    assert set(found) == {
        "ledger.choices_per_s",
        "ledger.entries_per_s",
        "ledger.ratio_to_bare_insert",
        "ledger.wal_frames_1m_over_100k",
    }
    assert all(row.value > 0 for row in found.values())
