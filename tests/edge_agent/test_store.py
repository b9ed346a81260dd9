"""The edge's database: whole transactions, one process, and a full disk that loses nothing."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_layouts.records.chain import chain_start
from edge_agent.marks import Mark
from edge_agent.outbox import SlotDiffers
from edge_agent.store import Store, StoreRefused, immediate
from tests.edge_agent.soft_board import NOW, SoftBoard

H0 = chain_start(7, 0)


def stored(store):
    return store.connection.execute("SELECT count(*) FROM entries").fetchone()[0]


@pytest.mark.requirement("D20", "T17")
def test_a_transaction_that_fails_leaves_nothing(store):
    board = SoftBoard(entries=5)
    with pytest.raises(RuntimeError, match="cut"), store.immediate():
        store.outbox.add(7, 0, 1, H0, board.slots, NOW)
        raise RuntimeError("cut")
    assert stored(store) == 0
    assert store.outbox.head(7, 0) is None
    assert store.evidence.counters().get("stored", 0) == 0


@pytest.mark.requirement("D20")
def test_immediate_takes_the_write_lock_at_once(store):
    other = sqlite3.connect(store.path, timeout=0, isolation_level=None)
    with immediate(store.db), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.requirement("D20")
def test_the_file_is_wal_with_full_synchronous_and_strict_tables(store):
    assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    tables = store.connection.execute("PRAGMA table_list").fetchall()
    loose = [row[1] for row in tables if row[2] == "table" and not row[5]]
    assert [name for name in loose if not name.startswith(("_sqlite", "sqlite_"))] == []


@pytest.mark.requirement("D20", "T17")
def test_what_was_committed_is_there_after_opening_again(tmp_path):
    board = SoftBoard(entries=40)
    store = Store(tmp_path / "edge.db")
    store.outbox.add(7, 0, 1, H0, board.slots, NOW)
    store.close()
    store = Store(tmp_path / "edge.db")
    assert store.outbox.slots(7, 0, 1, 40) == board.slots
    assert store.outbox.head(7, 0) == (40, board.chain[40])
    store.close()


@pytest.mark.requirement("D20")
def test_a_second_process_is_refused_with_a_sentence(store):
    with pytest.raises(StoreRefused, match="another edge agent has it open"):
        Store(store.path)


@pytest.mark.requirement("T17")
def test_a_full_disk_is_one_sentence_and_the_same_entries_fit_later(store):
    board = SoftBoard(entries=600)
    store.outbox.add(7, 0, 1, H0, board.slots[:100], NOW)
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StoreRefused, match="the disk is full: make room"):
        store.outbox.add(7, 0, 101, board.chain[100], board.slots[100:], NOW)
    assert stored(store) == 100
    assert not store.connection.in_transaction
    store.connection.execute("PRAGMA max_page_count=1000000")
    store.outbox.add(7, 0, 101, board.chain[100], board.slots[100:], NOW)
    assert store.outbox.head(7, 0) == (600, board.chain[600])


def test_a_folder_that_cannot_be_made_and_a_file_that_is_no_database_are_sentences(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreRefused, match="choose a folder"):
        Store(tmp_path / "file" / "edge.db")
    (tmp_path / "edge.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreRefused, match="not a database"):
        Store(tmp_path / "edge.db")


@pytest.mark.requirement("D20")
def test_others_read_a_copy(store, tmp_path):
    board = SoftBoard(entries=3)
    store.outbox.add(7, 0, 1, H0, board.slots, NOW)
    store.copy_to(tmp_path / "copy.db")
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT count(*), sum(acked) FROM v_entries").fetchone() == (3, 0)
    copy.close()


@pytest.mark.requirement("T11")
def test_the_same_entries_twice_are_stored_once(store):
    board = SoftBoard(entries=9)
    store.outbox.add(7, 0, 1, H0, board.slots[:6], NOW)
    assert store.outbox.add(7, 0, 4, board.chain[3], board.slots[3:], NOW) == board.chain[9]
    assert stored(store) == 9
    assert store.evidence.counters()["stored"] == 9


@pytest.mark.requirement("I9", "T11")
def test_another_entry_under_the_same_seq_is_refused_whole(store):
    board = SoftBoard(entries=6)
    store.outbox.add(7, 0, 1, H0, board.slots[:4], NOW)
    forged = board.slots[3][:-1] + bytes([board.slots[3][-1] ^ 1])
    with pytest.raises(SlotDiffers, match="device 7 epoch 0 seq 4"):
        store.outbox.add(7, 0, 4, board.chain[3], [forged, *board.slots[4:]], NOW)
    assert stored(store) == 4
    assert store.outbox.slots(7, 0, 4, 4) == [board.slots[3]]


@pytest.mark.requirement("D16", "I12")
def test_entries_go_only_when_acknowledged_and_the_retention_is_over(store):
    board = SoftBoard(entries=50)
    store.outbox.add(7, 0, 1, H0, board.slots, NOW)
    assert store.marks.expire(NOW + 10_000, 100) == 0, "never without an acknowledgement"
    store.marks.take(7, 0, Mark(30, 1, bytes(64)), NOW + 1000)
    assert store.marks.expire(NOW + 1099, 100) == 0, "retention counts from the acknowledgement"
    store.marks.take(7, 0, Mark(40, 1, bytes(64)), NOW + 1050)
    assert store.marks.expire(NOW + 1100, 100) == 30
    assert store.marks.expire(NOW + 1150, 100) == 10
    assert stored(store) == 10
    assert store.evidence.counters()["deleted"] == 40
    assert store.outbox.chain_at(7, 0, 40) == board.chain[40]
    assert store.outbox.unsent() == [(7, 0, 41, 50)]


@pytest.mark.requirement("T17", "I12")
def test_what_is_deleted_is_counted_in_the_same_transaction(store, monkeypatch):
    """Found by `sim kills --program edge`, at boundary 920."""
    board = SoftBoard(entries=5)
    store.outbox.add(7, 0, 1, H0, board.slots, NOW)
    store.marks.take(7, 0, Mark(5, 1, bytes(64)), NOW)

    def killed(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as context, pytest.raises(RuntimeError):
        context.setattr(store.evidence, "count", killed)
        store.marks.expire(NOW + 1000, 100)
    assert stored(store) == 5
    assert store.marks.expire(NOW + 1000, 100) == 5
    assert store.evidence.counters()["deleted"] == 5


@pytest.mark.requirement("D16", "I12")
def test_a_restored_ledger_stops_the_deletion_of_what_it_lost(store):
    board = SoftBoard(entries=50)
    store.outbox.add(7, 0, 1, H0, board.slots, NOW)
    store.marks.take(7, 0, Mark(50, 1, bytes(64)), NOW)
    store.marks.take(7, 0, Mark(20, 2, bytes(64)), NOW + 90)
    assert store.outbox.unsent() == [(7, 0, 21, 50)]
    assert store.marks.expire(NOW + 1000, 100) == 20
    assert store.outbox.slots(7, 0, 21, 50) == board.slots[20:]


@pytest.mark.requirement("I12")
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_not_acknowledged_is_never_deleted_in_any_order(tmp_path_factory, data):
    store = Store(tmp_path_factory.mktemp("any") / "edge.db")
    board = SoftBoard(entries=24)
    now, acked, taken, incarnation = NOW, 0, 0, 1
    for _ in range(data.draw(st.integers(1, 12))):
        now += data.draw(st.integers(0, 60))
        step = data.draw(st.sampled_from(["store", "ack", "rewind", "expire"]))
        if step == "store" and taken < 24:
            count = data.draw(st.integers(1, 24 - taken))
            part = board.slots[taken : taken + count]
            store.outbox.add(7, 0, taken + 1, board.chain[taken], part, now)
            taken += count
        elif step in ("ack", "rewind") and taken:
            lowest, highest = (acked, taken) if step == "ack" else (0, acked)
            incarnation += step == "rewind"
            acked = data.draw(st.integers(lowest, highest))
            store.marks.take(7, 0, Mark(acked, incarnation, bytes(64)), now)
        else:
            store.marks.expire(now, 50)
        assert store.outbox.slots(7, 0, acked + 1, 24) == board.slots[acked:taken] or (
            # A ledger that lost more than the retention asks for what is gone here:
            # the board still has it, or nobody.
            store.evidence.counters().get("deleted", 0) > acked
        )
    store.close()
