"""Which requirement is shown by which test: marks on the tests, ids in requirements.toml."""

import json
import tomllib
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("requirements.toml")
OF_THIS_RUN = pytest.StashKey[dict[str, list[str]]]()  # in pytest's config, of what it collected


def known() -> dict[str, dict[str, str]]:
    """Every id with its title, by the document it comes from."""
    return tomllib.loads(LIST.read_text(encoding="utf-8"))


def known_ids() -> set[str]:
    return {id_ for group in known().values() for id_ in group}


def traced(items) -> dict[str, list[str]]:
    """Return id -> names of the tests that carry it, and complain about ids nobody knows.

    Raises: ValueError naming the test and the id.
    """
    ids, trace = known_ids(), {}
    for item in items:
        name = item.nodeid.split("[")[0]
        for mark in item.iter_markers("requirement"):
            for id_ in mark.args:
                if id_ not in ids:
                    raise ValueError(f"{name} names requirement '{id_}', not in {LIST.name}")
                if name not in trace.setdefault(id_, []):
                    trace[id_].append(name)
    return trace


def report(trace: dict[str, list[str]]) -> str:
    """Every id, its title and its tests; then how many have none."""
    lines, total, without = [], 0, 0
    for title, group in known().items():
        lines += ["", title]
        for id_, words in group.items():
            tests = trace.get(id_, [])
            total += 1
            without += not tests
            lines.append(f"  {id_:<6} {words}{'' if tests else '  (no test)'}")
            lines += [f"           {test}" for test in tests]
    lines += ["", f"{total} ids, {total - without} with tests, {without} without"]
    return "\n".join(lines)


def report_json(trace: dict[str, list[str]]) -> str:
    rows = [
        {"id": id_, "title": words, "source": title, "tests": trace.get(id_, [])}
        for title, group in known().items()
        for id_, words in group.items()
    ]
    without = sum(not row["tests"] for row in rows)
    return json.dumps(
        {"requirements": rows, "without_tests": without}, indent=1, ensure_ascii=False
    )
