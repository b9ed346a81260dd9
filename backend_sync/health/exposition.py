"""Figures in the text format of Prometheus (version 0.0.4).

Source: prometheus.io "Exposition formats".
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

COUNTER, GAUGE = "counter", "gauge"
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]


class Metric(NamedTuple):
    """One figure, or one for each set of labels. Labels have few values: no card, no person."""

    name: str  # tornello_..., its unit last
    kind: str  # COUNTER, GAUGE
    words: str
    samples: tuple[tuple[Labels, int | float], ...]


def metric(name: str, kind: str, words: str, value: int | float, **labels: str) -> Metric:
    """Return a figure of one sample."""
    return Metric(name, kind, words, ((labels, value),))


def exposition(metrics: Iterable[Metric]) -> str:
    """Return the text that a server of Prometheus reads."""
    lines = []
    for name, kind, words, samples in metrics:
        lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{_labels(labels)} {value}" for labels, value in samples]
    return "\n".join([*lines, ""])


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
