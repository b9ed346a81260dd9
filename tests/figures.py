"""Counts that tests hand to the summary: `figures.add("tear positions tried", 345)`.

Every worker of a parallel run adds on its own; `conftest.py` sums them up at the end.
"""

VECTORS = "vectors run under MicroPython"
COMPILED = "files compiled by mpy-cross"
TEARS = "tear positions tried"

_counts: dict[str, int] = {}
_sections: dict[str, list[str]] = {}


def add(name: str, count: int) -> None:
    """Add `count` to the figure `name`, words that follow a number: "tear positions tried"."""
    _counts[name] = _counts.get(name, 0) + count


def merge(counts: dict[str, int]) -> None:
    for name, count in counts.items():
        add(name, count)


def counted() -> dict[str, int]:
    return dict(_counts)


def say(title: str, lines: list[str]) -> None:
    """Add a section of the summary: a table that a test has to show."""
    _sections[title] = list(lines)


def sections() -> dict[str, list[str]]:
    return dict(_sections)
