"""What is fuzzed: a parser, bytes it takes, how it may refuse, and what must hold of its answer.

A target is a row of `targets.py`; its `Work` is made once a run, because real encoders make the
seeds. A case is one byte string, whatever the parser wants: a text is UTF-8, a conversation or a
flash image is parts with their lengths (`shared/parts.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulator.prng import Prng

Read = Callable[[bytes], Any]
Operation = Callable[[bytes, Prng, "Work"], bytes]

LINES_MAX = 60_000  # executed by one case, whatever it is; 600 more for each byte of it
LINES_A_BYTE = 600
MEMORY_MAX = 256 << 10  # allocated at once by one case; 400 bytes more for each byte of it
MEMORY_A_BYTE = 400


class Broken(AssertionError):
    """A parser took a case and what it made of it breaks one of the target's rules."""


def must(holds: object, rule: str) -> None:
    """Raise Broken unless the rule holds: unlike an assert, whatever Python is told."""
    if not holds:
        raise Broken(rule)


@dataclass
class Work:
    """A parser ready to be fed.

    `read` raises one of `refusals` for what it does not take, nothing else. `check(case, value)`
    raises Broken. `repair` makes a mutated case pass the seal again, so that what stands behind it
    is reached. `words` are pieces that mean something here.
    """

    read: Read
    refusals: tuple[type[BaseException], ...]
    seeds: Sequence[bytes]
    operations: Sequence[Operation]
    check: Callable[[bytes, Any], None] = lambda case, value: None
    repair: Operation | None = None
    words: Sequence[bytes] = ()
    setup: Sequence[bytes] = ()  # what a shared reader is given besides, on either runtime
    lines_max: int = LINES_MAX
    memory_max: int = MEMORY_MAX
    close: Callable[[], None] = lambda: None


class Target(NamedTuple):
    """A row of the table: what it is, and whose lines count.

    `shared` names the reader in `shared/readers.py`, "" where only CPython has the parser.
    """

    name: str
    title: str
    modules: tuple[str, ...]
    make: Callable[[], Work]
    shared: str = ""


@dataclass
class Outcome:
    """What became of one case: `kind` "taken", "refused", "untyped" or "broken".

    `name` is the exception's, `where` the line that raised it.
    """

    kind: str
    name: str = ""
    where: str = ""
    error: BaseException | None = field(default=None, repr=False)

    @property
    def failed(self) -> bool:
        """Return whether this is what must not happen."""
        return self.kind in ("untyped", "broken")

    def same_fault(self, other: "Outcome") -> bool:
        """Return whether both fail alike: a shrunk case must not show another fault."""
        return (self.kind, self.name, self.where) == (other.kind, other.name, other.where)


def outcome_of(work: Work, case: bytes) -> Outcome:
    """Feed one case and say what became of it; nothing but the end of the program gets out."""
    try:
        value = work.read(case)
    except work.refusals as error:
        return Outcome("refused", type(error).__name__, _where(error), error)
    except Broken as error:  # a rule the reader itself looks after
        return Outcome("broken", "Broken", str(error)[:60], error)
    except Exception as error:  # noqa: BLE001  any exception but a refusal is what is looked for
        return Outcome("untyped", type(error).__name__, _where(error), error)
    try:
        work.check(case, value)
    except Exception as error:  # noqa: BLE001  a check that falls over has found something too
        return Outcome("broken", type(error).__name__, str(error)[:60], error)
    return Outcome("taken")


def _where(error: BaseException) -> str:
    """Return "module:line" of the innermost frame, which names a refusal better than its words."""
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{name}:{trace.tb_lineno}"
