"""The register of users: accounts, their rights, and who is asking.

An account is never deleted: what its trail tells of stays somebody's. Nobody changes his own
rights. Source: W-8..W-11, W-150, X-14.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from backend_sync.registers.passwords import WRONG_MOST, Passwords, check_secret
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import NAMES, ROLES, Scope, User, may, role_of
from backend_sync.registers.tables import users
from backend_sync.registers.trail import Trail
from backend_sync.storage.database import Database

COLUMNS = "name, role, authority, operator, point, person, rights, secret, wrong, disabled"
NAME = re.compile(r"[a-z][a-z0-9.-]{0,31}")
AUTHORITY_MOST, OPERATOR_MOST = 255, 65_535  # decision D1
WRONG_SIGN_IN = "sign in: no such user, or the secret is wrong"


class Users:
    """Every change is one transaction with its row in the trail, or nothing."""

    def __init__(self, database: Database, trail: Trail, passwords: Passwords) -> None:
        self.database = database
        self.trail = trail
        self.passwords = passwords

    def found(self, name: str, authority: int, secret: str) -> User:
        """Make the first user, with every right of his role; in a transaction. Raises: Refused.

        An authority's own, or for authority 0 the service company's: technical support.
        """
        role = role_of("authority" if authority else "technical support")
        assert role is not None
        user = User(name, role.name, Scope(authority), frozenset(role.rights))
        if not authority and self.database.rows("SELECT 1 FROM users WHERE authority = 0"):
            raise Refused("technical support has users already; one of them adds others")
        self._add(name, user, secret)
        return user

    def sign_in(self, name: str, secret: str) -> User:
        """Return the user whose secret this is. Raises: Refused; too many wrong ones lock."""
        row = self._row(name)
        right = self.passwords.is_right(secret, row[7] if row else "")
        if row is None:
            raise Refused(WRONG_SIGN_IN)
        if row[9]:
            raise Refused(f"user {name} is disabled")
        if row[8] >= WRONG_MOST:
            raise Refused(
                f"user {name} is locked after {row[8]} wrong secrets; somebody with the right"
                " users.change sets a new one: user secret"
            )
        if not right or row[8]:
            wrong = 0 if right else row[8] + 1
            with self.database.transaction():
                self._change(name, "sign in", name, wrong=wrong)
        if not right:
            raise Refused(WRONG_SIGN_IN)
        return _user(row)

    def add(
        self, by: User, name: str, role: str, scope: Scope, rights: Iterable[str], secret: str
    ) -> User:
        """Add an account. Raises: Refused."""
        user = User(name, role, scope, frozenset(rights))
        _check(user)
        demand(by, "users.change", scope)
        if user.rights:
            demand(by, "users.grant", scope)
        with self.database.transaction():
            self._add(by.name, user, secret)
        return user

    def grant(self, by: User, name: str, right: str, taken: bool = False) -> User:
        """Give a user a right, or take it; giving what he has changes nothing. Raises: Refused."""
        if right not in NAMES:
            raise Refused(f"right {right!r} is not known; known rights: {', '.join(NAMES)}")
        with self.database.transaction():
            user = self.get(name)
            if by.name == name:
                raise Refused("user {user}: nobody changes his own rights; ask another", user=name)
            demand(by, "users.grant", user.scope)
            rights = user.rights - {right} if taken else user.rights | {right}
            changed = user._replace(rights=rights)
            _check(changed)
            if rights != user.rights:
                text = " ".join(sorted(rights))
                self._change(by.name, "revoke" if taken else "grant", name, rights=text)
        return changed

    def disable(self, by: User, name: str, disabled: bool = True) -> None:
        """Let an account sign in no more, or again. Raises: Refused."""
        with self.database.transaction():
            user = self.get(name)
            if by.name == name:
                raise Refused(
                    "user {user}: nobody disables or enables himself; ask another", user=name
                )
            demand(by, "users.change", user.scope)
            if user.disabled != disabled:
                what = "disable" if disabled else "enable"
                self._change(by.name, what, name, disabled=int(disabled))

    def set_secret(self, by: User, name: str, secret: str) -> None:
        """Set one's own secret, or unlock somebody with a new one. Raises: Refused."""
        with self.database.transaction():
            user = self.get(name)
            if by.name != name:
                demand(by, "users.change", user.scope)
            check_secret(user.role, secret)
            self._change(by.name, "secret", name, secret=self.passwords.keep(secret), wrong=0)

    def get(self, name: str) -> User:
        """Return a user. Raises: Refused."""
        row = self._row(name)
        if row is None:
            raise Refused("user {name!r}: there is none of that name", name=name)
        return _user(row)

    def secret_mark(self, name: str) -> str:
        """Return what changes with a user's secret and tells nothing of it; "" without one."""
        row = self._row(name)
        return _mark_of(row[7]) if row else ""

    def seen_by(self, by: User) -> list[User]:
        """Return the users that `by` may see, by name."""
        rows = self.database.rows(f"SELECT {COLUMNS} FROM users ORDER BY name")
        return [user for user in map(_user, rows) if may(by, "users.see", user.scope)]

    def _add(self, by: str, user: User, secret: str) -> None:
        _check(user)
        check_secret(user.role, secret)
        if self._row(user.name):
            raise Refused(
                "user {user}: the name is taken, also when its user is disabled", user=user.name
            )
        rights = " ".join(sorted(user.rights))
        row = (user.name, user.role, *user.scope, rights, self.passwords.keep(secret), 0, 0)
        self.database.insert(users, [row])
        self.trail.write(by, "add user", subject_of(user.name), None, content_of(row))

    def _change(self, by: str, what: str, name: str, **values: Any) -> None:
        before = self._row(name)
        # Names of columns are ours: only the methods above write them.
        marks = ", ".join(f"{column} = ?" for column in values)
        self.database.run(f"UPDATE users SET {marks} WHERE name = ?", [(*values.values(), name)])
        after = self._row(name)
        self.trail.write(by, what, subject_of(name), content_of(before), content_of(after))

    def _row(self, name: str) -> Any:
        rows = self.database.rows(f"SELECT {COLUMNS} FROM users WHERE name = ?", (name,))
        return tuple(rows[0]) if rows else None


def demand(by: User, right: str, scope: Scope) -> None:
    """Raise Refused, naming what is missing, unless `by` may."""
    if may(by, right, scope):
        return
    if right not in by.rights:
        raise Refused(
            "user {user} ({role}) does not have the right {right}",
            user=by.name,
            role=by.role,
            right=right,
        )
    bonds = zip(Scope._fields, by.scope, scope, strict=True)
    foreign = [
        f"{bond} {theirs or 'of nobody'}, not {mine}"
        for bond, mine, theirs in bonds
        if mine not in (0, "", theirs)
    ]
    found = "; ".join(foreign) or "his role does not allow it any more"
    raise Refused(
        "user {user} ({role}) has no {right} there: {found}",
        user=by.name,
        role=by.role,
        right=right,
        found=found,
    )


def subject_of(name: str) -> str:
    return f"user:{name}"


def content_of(row: Any) -> dict[str, Any]:
    """Return a user's row for the trail; of the secret only a digest, which tells nothing."""
    content = dict(zip(COLUMNS.split(", "), row, strict=True))
    content["secret"] = _mark_of(row[7])
    return content


def _mark_of(kept: str) -> str:
    return sha256(kept.encode()).hexdigest()[:16]


def _user(row: Any) -> User:
    return User(row[0], row[1], Scope(*row[2:6]), frozenset(row[6].split()), bool(row[9]))


def _check(user: User) -> None:
    """Raise Refused unless name, role, scope and rights fit together."""
    if not NAME.fullmatch(user.name):
        raise Refused(
            "user name {name!r}: wanted a letter, then a-z 0-9 . - (at most 32)", name=user.name
        )
    role = role_of(user.role)
    if role is None:
        wanted = ", ".join(role.name for role in ROLES)
        raise Refused(f"role {user.role!r} is not known; known roles: {wanted}")
    if user.scope.person not in ("", user.name):
        raise Refused(f"user {user.name}: person {user.scope.person}, wanted himself or nobody")
    if not (
        0 <= user.scope.authority <= AUTHORITY_MOST and 0 <= user.scope.operator <= OPERATOR_MOST
    ):
        raise Refused(
            f"user {user.name}: authority {user.scope.authority}, operator {user.scope.operator};"
            f" wanted up to {AUTHORITY_MOST} and {OPERATOR_MOST}"
        )
    missing = [bond for bond in role.bound_to if not getattr(user.scope, bond)]
    if missing:
        raise Refused(
            "user {user}: role {role} is bound to {bond}: name it",
            user=user.name,
            role=role.name,
            bond=missing[0],
        )
    if user.scope.authority and not role.bound_to:
        # Or an authority would make itself the support that uses keys.
        raise Refused(
            f"user {user.name}: role {role.name} is the scheme's own, bound to no authority, found"
            f" {user.scope.authority}"
        )
    strange = sorted(user.rights - set(role.rights))
    if strange:
        raise Refused(
            f"user {user.name}: right {strange[0]} is none that the role {role.name} can have;"
            f" it can have {', '.join(role.rights)}"
        )
