"""Counts that tests hand to the summary: `figures.add("tear positions tried", 345)`.

Every worker of a parallel run adds on its own; `conftest.py` sums them up at the end. A set is
played share by share, a test each, by any worker: what must be in it is looked for in the sum.
"""

VECTORS = "vectors run under MicroPython"
COMPILED = "files compiled by mpy-cross"
TEARS = "tear positions tried"

_counts: dict[str, int] = {}
_sections: dict[str, list[str]] = {}
_sets: dict[str, tuple[int, int, dict[str, int]]] = {}  # name -> (shares wanted, come, counts)


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


def share(of: str, wanted: int, counts: dict[str, int], came: int = 1) -> None:
    """Add one of the `wanted` shares of a set, or `came` of them at once.

    When all have come, a count that is still 0 fails the run: see `absent`.
    """
    _, before, total = _sets.get(of, (wanted, 0, {}))
    total = total | {name: total.get(name, 0) + count for name, count in counts.items()}
    _sets[of] = (wanted, before + came, total)


def sets() -> dict[str, tuple[int, int, dict[str, int]]]:
    return dict(_sets)


def absent() -> list[str]:
    """Return what is nowhere in a set, of the sets whose shares have all come."""
    return [
        f"{of}: {name} never came to pass"
        for of, (wanted, came, counts) in _sets.items()
        for name, count in counts.items()
        if came >= wanted and not count
    ]
