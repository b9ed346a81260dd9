"""What all requests and answers are made of: strict models, and the few types they share.

A field that nobody asked for, a number in quotes, `true` for 1: refused, never guessed at.
Source: T20; dependencies.md section 3.
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

NUMBER_MOST = 10**15 - 1  # that a database can hold
CENTS_MOST = 65_535  # of one sale or order: a line of a card's action
LIMIT_MOST = 500
CHOICE = r"^(load|[0-9a-f]{16})$"  # what is sold: a load, or a key of the products
IN_DIGITS = re.compile(r"-?[0-9]{1,16}")


class Model(BaseModel):
    """Strict and closed: bodies and answers."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Query(BaseModel):
    """The part behind the question mark; text, so numbers are read, and only in digits."""

    model_config = ConfigDict(extra="forbid")


def _digits(value: Any) -> Any:
    # The lax reader takes " 7", "7.0" and "1_000" too.
    if isinstance(value, str) and not IN_DIGITS.fullmatch(value):
        raise ValueError("wanted a number in digits")
    return value


DIGITS = BeforeValidator(_digits)  # behind the bounds: these stand in the document then
Number = Annotated[int, Field(ge=0, le=NUMBER_MOST), DIGITS]
Cursor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")]


class Paging(Query):
    """Which part of a list: `after` is the `next` of the page before."""

    after: Cursor = ""
    limit: Annotated[int, Field(ge=1, le=LIMIT_MOST), DIGITS] = 100
