"""`tornello demo --story NAME`: short stories about money, each with its own equalities.

A story is a module with `main(arguments) -> exit code`; it loads when it is asked for.
"""

import difflib
import importlib
import sys
from collections.abc import Sequence

OPTION = "--story"
STORIES = {
    "webshop": ("simulator.stories.webshop", "loads bought in the web shop: each executed once"),
    "cash-up": ("simulator.stories.cash_up", "drivers' cash: no false shortage, true ones found"),
    "refund": ("simulator.stories.refund", "cards are emptied and paid out, torn in the middle"),
    "lost-card": (
        "simulator.stories.lost_card",
        "frozen at once; season, then value, to a new card",
    ),
}


def named(arguments: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return (story, the other arguments) if a story is asked for, else None."""
    for at, word in enumerate(arguments):
        if word == OPTION:
            rest = list(arguments)
            name = rest[at + 1] if at + 1 < len(rest) else ""
            return name, rest[:at] + rest[at + 2 :]
        if word.startswith(f"{OPTION}="):
            return word.partition("=")[2], [*arguments[:at], *arguments[at + 1 :]]
    return None


def tell(name: str, arguments: Sequence[str]) -> int:
    """Run one story; return its exit code, 2 for one that is not there."""
    if name not in STORIES:
        near = difflib.get_close_matches(name, STORIES, n=1)
        hint = f"did you mean {near[0]}?" if near else "the stories are:"
        print(f"demo: no story {name!r}; {hint}", file=sys.stderr)
        for known, (_, words) in STORIES.items():
            print(f"  {known:10} {words}", file=sys.stderr)
        return 2
    code: int = importlib.import_module(STORIES[name][0]).main(list(arguments))
    return code
