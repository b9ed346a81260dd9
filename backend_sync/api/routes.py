"""What a row of the table of routes says; every interface brings its own rows.

A row without a right cannot be written, and a path without a row does not exist.
"""

from typing import Any, NamedTuple

BASE = "/api/v1"
PUBLIC = "public"  # whoever asks
SIGNED_IN = "signed in"  # whoever has a key or a token
OWN = "own"  # users of an operator or a point too: they find their own only
WHOLE = "whole"  # only who is bound to no part of his authority
BODY_MOST = 64 * 1024


class Route(NamedTuple):
    """One operation that wants an Idempotency-Key, if `once`: its answer is kept under it; or if
    `remade`: its answer is a secret, so it is kept nowhere and made again from the key."""

    method: str
    path: str  # behind BASE
    right: str
    reach: str
    interface: str  # the requirement that it stands for
    handler: str  # method of its part, and the operation's id
    answer: Any  # model of the body, None: bytes of `media`
    summary: str
    status: int = 200
    once: bool = False
    remade: bool = False
    media: tuple[str, ...] = ("application/json",)  # of the answer
    takes: str = ""  # of a body that is no JSON
    body_most: int = BODY_MOST
