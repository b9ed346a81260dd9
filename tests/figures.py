"""Counts that tests hand to the summary: `figures.add("tear positions tried", 345)`.

Every worker of a parallel run adds on its own; `conftest.py` sums them up at the end.
"""

VECTORS = "vectors run under MicroPython"
COMPILED = "files compiled by mpy-cross"
TEARS = "tear positions tried"

_counts: dict[str, int] = {}


def add(name: str, count: int) -> None:
    """Add `count` to the figure `name`, words that follow a number: "tear positions tried"."""
    _counts[name] = _counts.get(name, 0) + count


def merge(counts: dict[str, int]) -> None:
    for name, count in counts.items():
        add(name, count)


def counted() -> dict[str, int]:
    return dict(_counts)
