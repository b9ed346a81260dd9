"""Who is asking, and may he: sign-in, and the mark of a right that every page carries.

A page without a mark cannot be added (`app.py`); what a page shows is bound to its user's scope
by the page itself. Source: W-8..W-11, T20; dependencies.md section 3.
"""

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from fastapi import Request

from backend_sync.office.sessions import Session, Sessions
from backend_sync.registers.opening import Registers
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User, at_hand, may

PUBLIC = "public"  # before anybody has signed in
SIGNED_IN = "signed in"  # everybody who has
COOKIE = "session"


class SignInNeeded(Exception):
    """Nobody is signed in there, or not any more."""


class NotAllowed(Exception):
    """This user may not; the message names the right."""


class Visit(NamedTuple):
    """One request of a user who has signed in."""

    user: User
    token: str


def may_open(user: User, right: str) -> bool:
    """Say whether a user may open a page of this right, or of one of several: "a|b"."""
    own = at_hand(user, user.scope.authority)._replace(person=user.scope.person)
    return any(may(user, one, own) for one in right.split("|"))


class Gate:
    """`secure`: browsers bring the cookie over TLS only."""

    def __init__(self, registers: Registers, sessions: Sessions, secure: bool) -> None:
        self.registers = registers
        self.sessions = sessions
        self.secure = secure
        self.cookie = f"__Host-{COOKIE}" if secure else COOKIE
        # One at a time: guesses side by side would all be counted as one.
        self.turn = Lock()

    def sign_in(self, name: str, secret: str) -> str:
        """Return the token of a new session. Raises: Refused."""
        with self.turn:
            user = self.registers.users.sign_in(name, secret)
            mark = self.registers.users.secret_mark(user.name)
        return self.sessions.begin(Session(user.name, mark))

    def visit(self, request: Request) -> Visit | None:
        """Return who asks, with the rights that he has at this moment."""
        token = request.cookies.get(self.cookie, "")
        session = self.sessions.find(token) if token else None
        if session is None:
            return None
        users = self.registers.users
        try:
            user = users.get(session.name)
        except Refused:
            return None
        stands = not user.disabled and users.secret_mark(user.name) == session.mark
        return Visit(user, token) if stands else None

    def need(self, right: str) -> Callable[[Request], None]:
        """Return the mark of a page: what FastAPI asks before the page is made."""

        def check(request: Request) -> None:
            request.state.visit = visit = self.visit(request)
            if right == PUBLIC:
                return
            if visit is None:
                raise SignInNeeded()
            if right != SIGNED_IN and not may_open(visit.user, right):
                raise NotAllowed(right)

        check.right = right  # type: ignore[attr-defined]
        return check
