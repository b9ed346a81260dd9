"""What a page tells of a form that was sent: what was wrong, at which field, and what was typed."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from backend_sync.refusal import Refusal

T = TypeVar("T")


class Told(NamedTuple):
    """`form` names the form on its page, `field` one of its fields or "" for all of it."""

    form: str = ""
    field: str = ""
    said: str = ""
    typed: Mapping[str, str] = MappingProxyType({})

    def at(self, form: str, field: str = "") -> str:
        """Return what was wrong there, "" when nothing was."""
        return self.said if (self.form, self.field) == (form, field) else ""

    def value(self, form: str, field: str, usual: object = "") -> str:
        """Return what was typed into a field, or what usually stands there."""
        return self.typed.get(field, str(usual)) if self.form == form else str(usual)


NOTHING = Told()


class WrongField(Exception):
    """One field of a form does not do; `why` is the refusal."""

    def __init__(self, field: str, why: Refusal) -> None:
        super().__init__(str(why))
        self.field = field
        self.why = why


def read(field: str, act: Callable[[], T]) -> T:
    """Return what a field holds, by what reads it. Raises: WrongField."""
    try:
        return act()
    except Refusal as error:
        raise WrongField(field, error) from None
