"""The parts of a gate: histories and the tap model seed by seed, and commands as they are.

A part is what runs overnight (decisions.md D28): histories tap by tap through every program, the
tap model, and the commands whose large figures are too long for a test run.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from simulator.histories.options import draw_options
from simulator.histories.play import play
from simulator.tap_model.histories import MUTANTS, live

# Of a history, by its seed: short ones mix faults, long ones fill and wear.
HISTORY_TAPS = (120, 120, 240, 480)
HISTORIES, MODEL = "histories", "model"
# part -> what `./tornello sim` runs; {jobs}, {seed} and {folder} are filled in (D28, D30)
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "tears": (
        ("tears",),
        ("tears", "--doubles"),
        ("tears", "--triples"),
        ("tears", "--pairs", "20000", "--seed", "{seed}"),
    ),
    "cuts": (
        ("cuts", "--jobs", "{jobs}"),
        ("cuts", "--lives", "20000", "--seed", "{seed}", "--jobs", "{jobs}"),
    ),
    "kills": (("kills", "--jobs", "{jobs}"),),
    "fuzz": (("fuzz", "--jobs", "{jobs}", "--resume", "{folder}/fuzz.json"),),
}
PARTS = (HISTORIES, MODEL, *COMMANDS)
Row = dict[str, Any]


class Part(NamedTuple):
    """A part that is played seed by seed."""

    name: str
    title: str
    play: Callable[[int], Row]
    replay: Callable[[Row], str]  # -> the command that plays it again


def history(seed: int) -> Row:
    """Play one history; return its row."""
    found = play(draw_options(seed, HISTORY_TAPS[seed % len(HISTORY_TAPS)]))
    return {
        "part": HISTORIES,
        "seed": seed,
        "taps": found.taps,
        "cpu_s": round(found.seconds, 3),
        "checks": sum(found.checked.values()),
        "faults": dict(found.injected),
        "hash": found.trace_hash + found.state,
        "wrong": found.violation,
    }


def model(seed: int, mutant: str = "") -> Row:
    """Live through one seed of the tap model; return its row."""
    found = live(seed, MUTANTS.get(mutant))
    return {
        "part": MODEL,
        "seed": seed,
        "taps": found.taps,
        "checks": found.deliveries,
        "faults": dict(found.injected),
        "wrong": found.wrong,
    }


def replay_history(row: Row) -> str:
    """Return the command that plays a history again."""
    taps = HISTORY_TAPS[row["seed"] % len(HISTORY_TAPS)]
    return f"./tornello sim replay --seed {row['seed']} --taps {taps}"


def replay_model(row: Row) -> str:
    """Return the command that plays a seed of the model again."""
    return f"./tornello sim gate --only model --fixed 0 --model-taps 1 --seed {row['seed']}"


def parts(mutant: str) -> dict[str, Part]:
    """Return the parts that are played seed by seed; `mutant` breaks a rule of the model."""
    return {
        HISTORIES: Part(HISTORIES, "byte-exact histories", history, replay_history),
        MODEL: Part(MODEL, "tap model", lambda seed: model(seed, mutant), replay_model),
    }
