"""The users' part of `tornello register`: accounts, rights, proposals, the trail."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend_sync.registers import rights
from backend_sync.registers.asking import number
from backend_sync.registers.opening import Registers
from backend_sync.registers.proposals import APPROVED, KINDS, REFUSED, Proposal
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import Scope, User, may
from backend_sync.registers.show import table, when
from backend_sync.registers.trail import content_in, every_row, scope_of

Answer = tuple[int, Any, list[str]]
USER_COLUMNS = ("name", "role", "authority", "operator", "point", "person", "disabled", "rights")


def add_commands(commands: Any, add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the subcommands about users, proposals and the trail."""
    user = commands.add_parser("user", help="accounts and their rights")
    _add_user_commands(user.add_subparsers(dest="subcommand", required=True), add)
    add(commands, "rights", _rights, "the roles, and the rights that users of each can have")
    propose = add(commands, "propose", _propose, "ask for what takes two people")
    propose.add_argument("--kind", required=True, choices=[kind.name for kind in KINDS])
    propose.add_argument("--authority", type=number, required=True)
    propose.add_argument("--amount", type=number, required=True, help="entries, uses or cents")
    propose.add_argument("--content", required=True, help="what will be done, in words")
    propose.add_argument("--digest", default="", help="SHA-256 of what will be done, in hex")
    approve = add(commands, "approve", _approve, "agree to another person's proposal")
    approve.add_argument("--proposal", type=number, required=True, help="its number")
    approve.add_argument("--refuse", action="store_true", help="refuse it, or take one's own back")
    add(commands, "proposals", _proposals, "what was asked for, and how it stands")
    trail = add(commands, "trail", _trail, "who changed what, when, before and after")
    trail.add_argument("--subject", default="", help="only this: user:NAME, document:17 ...")
    trail.add_argument("--last", type=number, default=50, help="so many newest rows (50)")


def _add_user_commands(commands: Any, add: Callable[..., argparse.ArgumentParser]) -> None:
    new = add(commands, "add", _add, "add an account")
    new.add_argument("--role", required=True, help=", ".join(role.name for role in rights.ROLES))
    new.add_argument("--authority", type=number, default=0, help="bound to it")
    new.add_argument("--operator", type=number, default=0, help="bound to it")
    new.add_argument("--point", default="", help="bound to it: the NAME of point:NAME")
    new.add_argument("--rights", default="", help="by comma; all: every right of the role")
    parsers = [new]
    add(commands, "list", _list, "the users that you may see, with their rights")
    for name, run, words in (
        ("grant", _grant, "give a right to a user"),
        ("revoke", _grant, "take a right from a user"),
        ("disable", _disable, "let a user sign in no more"),
        ("enable", _disable, "let a user sign in again"),
        ("secret", _secret, "set one's own secret, or unlock a user with a new one"),
    ):
        parsers.append(add(commands, name, run, words))
        if run is _grant:
            parsers[-1].add_argument("--right", required=True, help="see: register rights")
    for parser in parsers:
        parser.add_argument("--name", required=True, help="the user")
    for parser in (new, parsers[-1]):
        parser.add_argument("--new-secret", type=Path, required=True, metavar="FILE",
                            help="file: the user's password, a driver's PIN")  # fmt: skip


def _add(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    role = rights.role_of(options.role)
    bound = role.bound_to if role else ()
    person = options.name if "person" in bound else ""
    scope = Scope(options.authority, options.operator, options.point, person)
    given = role.rights if role and options.rights == "all" else options.rights.split(",")
    user = registers.users.add(
        by, options.name, options.role, scope, [name for name in given if name],
        _new_secret(options),
    )  # fmt: skip
    return _users([user])


def _list(registers: Registers, by: User, _options: argparse.Namespace) -> Answer:
    return _users(registers.users.seen_by(by))


def _grant(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    taken = options.subcommand == "revoke"
    return _users([registers.users.grant(by, options.name, options.right, taken)])


def _disable(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    registers.users.disable(by, options.name, options.subcommand == "disable")
    return _users([registers.users.get(options.name)])


def _secret(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    registers.users.set_secret(by, options.name, _new_secret(options))
    return 0, {"name": options.name}, [f"user {options.name}: the new secret counts from now on"]


def _new_secret(options: argparse.Namespace) -> str:
    lines = options.new_secret.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise Refused(f"{options.new_secret}: empty; wanted the secret in its first line")
    return str(lines[0])


def _users(users: list[User]) -> Answer:
    values = [
        dict(zip(USER_COLUMNS, (u.name, u.role, *u.scope, u.disabled, sorted(u.rights)),
                 strict=True))
        for u in users
    ]  # fmt: skip
    rows = [(u.name, u.role, *u.scope, u.disabled, " ".join(sorted(u.rights))) for u in users]
    return 0, values, table(USER_COLUMNS, rows, "no users that you may see")


def _rights(_registers: Registers, _by: User, _options: argparse.Namespace) -> Answer:
    lines = table(("right", "its holder may"), rights.RIGHTS, "")
    roles = [(r.name, r.source, " ".join(r.bound_to), " ".join(r.rights)) for r in rights.ROLES]
    lines += ["", *table(("role", "source", "bound to", "can have"), roles, "")]
    found = {"rights": dict(rights.RIGHTS), "roles": [role._asdict() for role in rights.ROLES]}
    return 0, found, lines


def _propose(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    return _made([
        registers.proposals.propose(
            by, options.kind, options.authority, options.amount, options.content, options.digest
        )
    ])  # fmt: skip


def _approve(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    step = REFUSED if options.refuse else APPROVED
    return _made([registers.proposals.decide(by, options.proposal, step)])


def _proposals(registers: Registers, by: User, _options: argparse.Namespace) -> Answer:
    seen = {right for kind in KINDS for right in (kind.right, kind.second)} & by.rights
    return _made([
        row
        for row in registers.proposals.every()
        if any(may(by, right, Scope(row.authority, point=by.scope.point)) for right in seen)
    ])  # fmt: skip


def _made(proposals: list[Proposal]) -> Answer:
    names = ("proposal", "kind", "authority", "amount", "what", "by", "until (UTC)", "is", "second")
    rows = [
        (p.number, p.kind, p.authority, p.amount, p.content, p.by, when(p.expires), p.state,
         p.second)
        for p in proposals
    ]  # fmt: skip
    return 0, [p._asdict() for p in proposals], table(names, rows, "no proposals")


def _trail(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    if "trail.see" not in by.rights:
        raise Refused(f"user {by.name} ({by.role}) does not have the right trail.see")
    if options.last < 1:
        raise Refused(f"--last {options.last}: wanted 1 or more rows")
    rows = [
        row
        for row in every_row(registers.database)
        if options.subject in ("", row.subject) and may(by, "trail.see", scope_of(content_in(row)))
    ][-options.last :]
    names = ("row", "when (UTC)", "who", "what", "subject", "before", "after")
    cells = [
        (r.number, when(r.made), r.by, r.what, r.subject, r.before or "-", r.after) for r in rows
    ]
    found = [{**row._asdict(), "head": row.head.hex()} for row in rows]
    return 0, found, table(names, cells, "no rows that you may see")
