"""Who asks, and may he: a key or a signed token, then the right that the route is marked with.

An answer is bound to its user's authority, operator or point by the interface itself.
Source: W-8..W-11, T20.
"""

from typing import NamedTuple

from fastapi import Request

from backend_sync.api.keys import Keys
from backend_sync.api.problems import ApiError
from backend_sync.api.rates import Rates
from backend_sync.api.routes import PUBLIC, SIGNED_IN, WHOLE, Route
from backend_sync.api.tokens import TokenRefused, Tokens
from backend_sync.registers.opening import Registers
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import Scope, User, at_hand, may

BEARER = "Bearer "
ASK = {"WWW-Authenticate": 'Bearer realm="tornello"'}


class Caller(NamedTuple):
    """Who asks, with the rights that he has at this moment and his key lets him use."""

    user: User
    key: str  # the part of his key that may be seen; "token"
    expires: int  # s since 2020; 0: his key has no end

    @property
    def scope(self) -> Scope:
        return self.user.scope


class Gate:
    """Every request passes here first."""

    def __init__(self, registers: Registers, keys: Keys, tokens: Tokens, rates: Rates) -> None:
        self.registers = registers
        self.keys = keys
        self.tokens = tokens
        self.rates = rates

    def admit(self, request: Request, route: Route) -> Caller | None:
        """Return who asks, None where nobody needs to say. Raises: ApiError."""
        address = request.client.host if request.client else ""
        self.rates.count("address", address)
        if route.right == PUBLIC:
            return None
        caller = self._caller(request.headers.get("authorization", ""), address)
        self.rates.count("key", caller.key if caller.key != "token" else caller.user.name)
        _demand(caller.user, route)
        return caller

    def _caller(self, said: str, address: str) -> Caller:
        try:
            if not said.startswith(BEARER):
                raise TokenRefused("no `Authorization: Bearer ...`; `tornello api key add` makes a"
                                   " key")  # fmt: skip
            return self._found(said.removeprefix(BEARER).strip())
        except TokenRefused as error:
            # Good keys go on: behind a proxy all callers have one address.
            self.rates.count("wrong", address)
            raise ApiError(401, str(error), ASK) from None

    def _found(self, text: str) -> Caller:
        key = None if text.count(".") == 2 else self.keys.find(text)
        name = key.name if key else self._named(text)
        try:
            user = self.registers.users.get(name)
        except Refused:
            raise TokenRefused("its user is not in the register") from None
        if user.disabled:
            raise TokenRefused("its user is disabled")
        if key:
            return Caller(key.of(user), key.id, key.expires)
        return Caller(user, "token", 0)

    def _named(self, text: str) -> str:
        if text.count(".") == 2:
            return self.tokens.user(text)
        raise TokenRefused("the key is none, has ended or was withdrawn")


def _demand(user: User, route: Route) -> None:
    if route.right == SIGNED_IN:
        return
    if not user.scope.authority:
        raise ApiError(403, f"user {user.name} is bound to no authority: interfaces are one's own")
    own = at_hand(user, user.scope.authority)._replace(person=user.scope.person)
    if not may(user, route.right, own):
        raise ApiError(403, f"wanted the right {route.right}, of the user and of his key")
    if route.reach == WHOLE and own != Scope(user.scope.authority):
        raise ApiError(403, "this is of a whole authority; its user is bound to a part of it")
