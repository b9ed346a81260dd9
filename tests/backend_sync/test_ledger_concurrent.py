"""The same sales from several processes and threads at once, some of them killed: each once."""

import contextlib
import subprocess
import sys

import pytest

from backend_sync.ledger.opening import open_database
from backend_sync.storage.database import Database
from tests import figures
from tests.backend_sync.book_writers import cents_of

SAMPLE = 100


@pytest.fixture
def writers():
    started = []

    def start(url, seed, count):
        command = [sys.executable, "-m", "tests.backend_sync.book_writers", url, str(seed)]
        process = subprocess.Popen(
            [*command, str(count)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.system
@pytest.mark.requirement("D21", "D20", "I3")
@pytest.mark.parametrize(
    "count",
    [SAMPLE, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(1200)])],
    ids=["sample", "whole"],
)
def test_concurrent_sales_are_each_booked_once_also_when_writers_are_killed(
    ledger_url, writers, count
):
    open_database(ledger_url).close()
    killed = writers(ledger_url, 0, count)
    others = [writers(ledger_url, seed, count) for seed in (1, 2)]
    # One transaction is done, the next has begun.
    assert killed.stdout.readline(), killed.stderr.read()
    killed.kill()
    reader = Database(ledger_url)
    samples = 0
    while any(process.poll() is None for process in others):
        assert int(reader.value("SELECT coalesce(sum(cents), 0) FROM postings")) == 0
        samples += 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            others[samples % 2].wait(0.2)  # this reader leaves the machine to the writers
    for process in others:
        assert process.wait() == 0, process.stderr.read()
    earned = reader.value("SELECT sum(cents) FROM balances WHERE kind = 'REV'")
    assert int(earned) == 2 * sum(map(cents_of, range(count)))
    for table in ("bookings", "hold_ends"):
        wanted = 2 * count if table == "bookings" else count
        assert reader.value(f"SELECT count(*) FROM {table}") == wanted
    off = "SELECT count(*) FROM (SELECT transfer FROM postings GROUP BY transfer HAVING {}) t"
    assert reader.value(off.format("count(*) <> 2")) == 0
    assert reader.value("SELECT count(*) FROM postings") == 4 * count
    reader.close()
    assert samples
    figures.add("concurrent sales, each booked once", count)
