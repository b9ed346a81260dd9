"""Which worker of a parallel run gets which tests: a file is one piece of work, long ones first.

What a file's tests share is made once then. xdist's own `loadgroup` does not group under pytest 9.2
(pytest-dev/pytest-xdist#1386): every worker made everything.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

# Each of their tests is a whole system or a history of its own; any worker may take the next one.
SPREAD = (
    "tests/simulator/test_demo.py",
    "tests/simulator/test_histories.py",
    "tests/simulator/test_sim_kills.py",
    "tests/simulator/test_sim_cuts.py",
    "tests/simulator/test_fuzz.py",
)
# One machine has one pcscd: one worker takes the folder.
TOGETHER = ("tests/outside/",)
# Long pieces that began last would leave the other worker idle.
FIRST = (
    "tests/simulator/test_demo_kept.py",
    "tests/fares/test_fares_comparison.py",
    "tests/outside/",
    "tests/backend_sync/test_ledger_order.py",
    "tests/fares/test_fares_mutants.py",
    "tests/simulator/test_tap_model.py",
)


def piece_of(nodeid: str) -> str:
    """Return the name of the piece of work a test belongs to."""
    file = nodeid.split("::")[0]
    if file in SPREAD:
        return nodeid
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which their pieces are handed out."""
    rank = {name: place for place, name in enumerate((*FIRST, *SPREAD))}

    def place(item: pytest.Item) -> int:
        names = (piece_of(item.nodeid), item.nodeid.split("::")[0])
        return min(rank.get(name, len(rank)) for name in names)

    return sorted(items, key=place)


class ByFile(LoadScopeScheduling):
    """xdist's scheduler of pieces, with ours."""

    def _split_scope(self, nodeid: str) -> str:
        return piece_of(nodeid)
