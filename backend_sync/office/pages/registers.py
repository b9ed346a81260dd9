"""Registers: users, their rights and tills, matters of two people."""

import re
from collections.abc import Callable

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.office.money import cents_of
from backend_sync.office.pages.forms import NOTHING, Told, WrongField, read
from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.registers.proposals import (
    APPROVED,
    KINDS,
    OPEN,
    REFUSED,
    Kind,
    Proposal,
    kind_of,
)
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import ROLES, Scope, User, at_hand, may, role_of

AT_ONCE = 50
NUMBER_MOST = 10**15
EURO_DIGITS = 6
DIGEST = re.compile("[0-9a-f]{64}")
BY_DIGEST = ("hotlist", "question")  # approved for one list of entries, or one question
ASK = "|".join(sorted({kind.right for kind in KINDS}))
TWO_PEOPLE = "|".join(sorted({right for kind in KINDS for right in (kind.right, kind.second)}))


class Registers(Subject):
    ROUTES = (
        ("GET", "/users", "users.see", "users"),
        ("POST", "/users", "users.change", "add"),
        ("GET", "/users/{name}", "users.see", "user"),
        ("POST", "/users/{name}/disable", "users.change", "disable"),
        ("POST", "/users/{name}/enable", "users.change", "enable"),
        ("POST", "/users/{name}/secret", "users.change", "secret"),
        ("POST", "/users/{name}/grant", "users.grant", "grant"),
        ("POST", "/users/{name}/revoke", "users.grant", "revoke"),
        ("POST", "/users/{name}/till", "places.change", "till"),
        ("GET", "/proposals", TWO_PEOPLE, "proposals"),
        ("POST", "/proposals", ASK, "ask"),
        ("POST", "/proposals/{number}", TWO_PEOPLE, "decide"),
    )
    MENU = (
        ("users.see", "/users", "users"),
        (TWO_PEOPLE, "/proposals", "proposals"),
    )

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.registers = frame.parts.registers
        self.accounts = self.registers.users

    def users(self, request: Request, after: str = Query("", max_length=32)) -> Response:
        return self._users(request, after, "")

    def add(
        self,
        request: Request,
        name: str = Field(max_length=32),
        role: str = Field(max_length=32),
        secret: str = Field(max_length=200),
        operator: int = Field(0, ge=0, le=65_535),
        point: str = Field("", max_length=34),
        every_right: bool = Field(False),
    ) -> Response:
        """Add an account within the area of who adds it; its rights are all of its role or none."""
        user, made = user_of(request), role_of(role)
        bonds = made.bound_to if made else ()
        scope = Scope(
            user.scope.authority if bonds else 0,
            (user.scope.operator or operator) if "operator" in bonds else 0,
            point if "point" in bonds else "",
            name if "person" in bonds else "",
        )
        rights = made.rights if made and every_right else ()
        try:
            self.accounts.add(user, name, role, scope, rights, secret)
        except Refused as error:
            return self._users(request, "", self.frame.refusal(request, error))
        return lead_to(f"/users/{name}")

    def user(self, request: Request, name: str) -> Response:
        return self._user(request, name, "")

    def disable(self, request: Request, name: str) -> Response:
        return self._change(request, name, lambda by: self.accounts.disable(by, name))

    def enable(self, request: Request, name: str) -> Response:
        return self._change(request, name, lambda by: self.accounts.disable(by, name, False))

    def secret(self, request: Request, name: str, secret: str = Field(max_length=200)) -> Response:
        return self._change(request, name, lambda by: self.accounts.set_secret(by, name, secret))

    def grant(self, request: Request, name: str, right: str = Field(max_length=32)) -> Response:
        return self._change(request, name, lambda by: self.accounts.grant(by, name, right))

    def revoke(self, request: Request, name: str, right: str = Field(max_length=32)) -> Response:
        return self._change(
            request, name, lambda by: self.accounts.grant(by, name, right, taken=True)
        )

    def till(
        self,
        request: Request,
        name: str,
        device: int = Field(ge=0, le=NUMBER_MOST),
        clerk: int = Field(ge=0, le=NUMBER_MOST),
    ) -> Response:
        """Give a seller the device and clerk number that he sells under, for ever."""

        def act(by: User) -> object:
            return self.frame.tills.give(by, self.accounts.get(name), device, clerk)

        return self._change(request, name, act)

    def ask(
        self,
        request: Request,
        kind: str = Field(max_length=16),
        amount: str = Field(max_length=12),
        content: str = Field(max_length=200),
        digest: str = Field("", max_length=64),
        authority: int = Field(0, ge=0, le=255),
    ) -> Response:
        """Ask for what takes two people."""
        user, desk = user_of(request), self.registers.proposals
        typed = {"kind": kind, "amount": amount, "content": content, "digest": digest}
        try:
            found = read("kind", lambda: kind_of(kind))
            much = read("amount", lambda: _amount(found, amount))
            read("digest", lambda: _check_digest(found, digest))
            desk.propose(user, kind, user.scope.authority or authority, much, content, digest)
        except WrongField as error:
            said = self.frame.refusal(request, error.why)
            return self._proposals(request, 0, "", Told("ask", error.field, said, typed))
        except Refused as error:
            said = self.frame.refusal(request, error)
            return self._proposals(request, 0, "", Told("ask", "", said, typed))
        return lead_to("/proposals")

    def proposals(self, request: Request, before: int = Query(0, ge=0, le=NUMBER_MOST)) -> Response:
        return self._proposals(request, before, "")

    def decide(self, request: Request, number: int, step: str = Field(max_length=16)) -> Response:
        """Agree to another person's proposal, or refuse it."""
        user, desk = user_of(request), self.registers.proposals
        try:
            if not 0 < number <= NUMBER_MOST or not _concerns(user, desk.get(number)):
                return self.frame.message(request, "no_page", 404)
        except Refused:
            return self.frame.message(request, "no_page", 404)
        try:
            if step not in (APPROVED, REFUSED):
                raise Refused(f"step {step!r}: wanted {APPROVED} or {REFUSED}")
            desk.decide(user, number, step)
        except Refused as error:
            return self._proposals(request, 0, self.frame.refusal(request, error))
        return lead_to("/proposals")

    def _users(self, request: Request, after: str, refused: str) -> Response:
        user = user_of(request)
        found = [one for one in self.accounts.seen_by(user) if one.name > after]
        bound = [role for role in ROLES if bool(role.bound_to) == bool(user.scope.authority)]
        return self.frame.shown(
            request, "users.html", 409 if refused else 200, found=found[:AT_ONCE],
            more=found[AT_ONCE - 1].name if len(found) > AT_ONCE else "", roles=bound,
            refused=refused, may_add="users.change" in user.rights,
        )  # fmt: skip

    def _user(self, request: Request, name: str, refused: str) -> Response:
        by = user_of(request)
        found = self._seen(by, name)
        if found is None:
            return self.frame.message(request, "no_page", 404)
        role = role_of(found.role)
        return self.frame.shown(
            request, "user.html", 409 if refused else 200, found=found, refused=refused,
            can_have=role.rights if role else (), himself=by.name == name,
            till=self.frame.tills.of(found), sells="sales.make" in found.rights,
            may_give=may(by, "places.change", found.scope),
            may_change=may(by, "users.change", found.scope),
            may_grant=may(by, "users.grant", found.scope),
        )  # fmt: skip

    def _change(self, request: Request, name: str, act: Callable[[User], object]) -> Response:
        """Change a user whom one sees; others are as if they were not there."""
        by = user_of(request)
        if self._seen(by, name) is None:
            return self.frame.message(request, "no_page", 404)
        try:
            act(by)
        except Refused as error:
            return self._user(request, name, self.frame.refusal(request, error))
        return lead_to(f"/users/{name}")

    def _seen(self, by: User, name: str) -> User | None:
        try:
            found = self.accounts.get(name)
        except Refused:
            return None
        return found if may(by, "users.see", found.scope) else None

    def _proposals(
        self, request: Request, before: int, refused: str, told: Told = NOTHING
    ) -> Response:
        user, desk = user_of(request), self.registers.proposals
        found, older = desk.newest(before, AT_ONCE, user.scope.authority)
        rows = [(one, one.state == OPEN and _may_agree(user, one), one.by == user.name)
                for one in found if _concerns(user, one)]  # fmt: skip
        return self.frame.shown(
            request, "proposals.html", 409 if refused or told.said else 200, rows=rows,
            older=older, refused=refused, told=told,
            kinds=[kind for kind in KINDS if kind.right in user.rights],
        )  # fmt: skip


def _amount(kind: Kind, text: str) -> int:
    """Return how much of a kind is asked for: of a refund cents, written as euros."""
    if kind.counts == "cents":
        return cents_of(text, EURO_DIGITS)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Refused("{text!r}: wanted a number", text=text)
    return int(text)


def _check_digest(kind: Kind, text: str) -> None:
    """Raise Refused unless a digest is one, and is there where a kind is for one digest."""
    if not DIGEST.fullmatch(text) and (text or kind.name in BY_DIGEST):
        raise Refused("digest: wanted the 64 signs 0-9 a-f that the refused command printed")


def _concerns(user: User, proposal: Proposal) -> bool:
    """Say whether a user may see a proposal: he could ask for it, or agree to it."""
    kind, scope = kind_of(proposal.kind), at_hand(user, proposal.authority)
    return may(user, kind.right, scope) or may(user, kind.second, scope)


def _may_agree(user: User, proposal: Proposal) -> bool:
    second = kind_of(proposal.kind).second
    return proposal.by != user.name and may(user, second, Scope(proposal.authority))
