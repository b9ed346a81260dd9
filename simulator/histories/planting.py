"""How a bug gets into a program for a while: one function in the place of another."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

Plant = Callable[[ExitStack], None]


def instead(owner: Any, name: str, value: Any) -> Plant:
    """Return what puts `value` in the place of `owner.name`."""

    def plant(stack: ExitStack) -> None:
        stack.enter_context(patch.object(owner, name, value))

    return plant


def wrapped(owner: Any, name: str, make: Callable[[Any], Any]) -> Plant:
    """Return what puts `make(original)` in the place of `owner.name`."""

    def plant(stack: ExitStack) -> None:
        stack.enter_context(patch.object(owner, name, make(getattr(owner, name))))

    return plant
