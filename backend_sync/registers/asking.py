"""Who asks, and did two agree: how commands of other programs use this register.

A folder (a keyring's, a ledger's, a customer register's) is bound to a register of users by its
file `register.place`, which `tornello register bind` writes. From then on its commands want a user
who signs in. Whoever may write in the folder can unbind it: he could take what lies there too.
Source: W-10, W-11, X-14.
"""

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.ports import Clock
from backend_sync.registers.approvals import RegisterApprovals
from backend_sync.registers.opening import SQLITE, Registers, open_database
from backend_sync.registers.refusals import CommandError, Refused
from backend_sync.registers.rights import User, at_hand
from backend_sync.registers.users import demand
from backend_sync.storage.disk import DiskRefused

BINDING = "register.place"
NUMBER_MOST = 10**15 - 1
NO_REGISTER = "no register of users: --register PLACE, or `tornello register bind` this folder"


class Asker:
    """A user who has signed in, and what the register says of him; `second` agrees with him."""

    def __init__(self, registers: Registers, user: User, second: User | None = None) -> None:
        self.registers = registers
        self.user = user
        self.second = second

    @property
    def name(self) -> str:
        return self.user.name

    def demand(self, right: str, authority: int) -> None:
        """Raise Refused unless he, and who agrees, may do this to an authority's affairs."""
        for user in (self.user, self.second):
            if user is not None:
                demand(user, right, at_hand(user, authority))

    def approvals(self, authority: int) -> RegisterApprovals:
        """Return what he may take of the proposals about an authority's affairs."""
        return RegisterApprovals(self.registers.proposals, self.user, authority)


def number(text: str) -> int:
    """Return the number of an option, one that a database can hold; for argparse."""
    found = int(text)
    if abs(found) > NUMBER_MOST:
        raise argparse.ArgumentTypeError(f"{text[:40]}: wanted a number of at most 15 digits")
    return found


def add_options(
    parser: argparse.ArgumentParser,
    proposal: bool = False,
    named: bool = False,
    second: bool = False,
) -> None:
    """Add --register, --by and --secret: who asks.

    `named`: also a folder that is bound to no register keeps his name. `second`: --second and
    --second-secret of another who agrees here and now. `proposal`: --proposal, what he agreed to.
    """
    words = "register of users; else the one that the folder is bound to"
    parser.add_argument("--register", default="", metavar="PLACE", help=words)
    words = "who does this" if named else "who asks"
    parser.add_argument("--by", default="", metavar="NAME", required=named, help=words)
    parser.add_argument("--secret", type=Path, metavar="FILE", help="file: that user's secret")
    if second:
        parser.add_argument("--second", default="", metavar="NAME", help="who agrees to it")
        words = "file: the secret of who agrees"
        parser.add_argument("--second-secret", type=Path, metavar="FILE", help=words)
    if proposal:
        words = "what another person agreed to: tornello register propose"
        parser.add_argument("--proposal", type=number, default=0, metavar="N", help=words)


def place_name(place: str) -> str:
    """Return a register's place as a binding says it."""
    if "://" in place and not place.startswith(SQLITE):
        return place
    return str(Path(place.removeprefix(SQLITE)).resolve())


def bind(folder: Path, place: str) -> None:
    """Bind a folder to a register for ever. Raises: Refused when it is bound to another."""
    if not folder.is_dir():
        words = "books in PostgreSQL are bound by the folder whose ledger.place names their URL"
        raise Refused(f"{folder}: no such folder; {words}")
    found, wanted = bound_to(folder), place_name(place)
    if found not in ("", wanted):
        raise Refused(f"{folder} is bound to another register already")
    try:
        (folder / BINDING).touch(mode=0o600)  # a URL may hold a password
        (folder / BINDING).write_text(wanted + "\n", encoding="utf-8")
    except OSError as error:
        raise Refused(f"{folder / BINDING}: {error.strerror}") from None


def bound_to(folder: Path) -> str:
    """Return the register that a folder is bound to, "" when to none. Raises: Refused."""
    path = folder / BINDING
    if not path.exists():
        return ""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: cannot be read: {error}") from None
    if len(lines) != 1 or not lines[0].strip():
        raise Refused(f"{path}: {len(lines)} lines, wanted one: a register's folder, file or URL")
    return lines[0].strip()


@contextmanager
def asker(
    options: argparse.Namespace,
    folder: Path,
    clock: Clock,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Iterator[Asker | None]:
    """Sign in who asks, and --second; None when no register is named and the folder bound to none.

    Raises: Refused, also for a register that cannot be opened.
    """
    place = bound_to(folder)
    if options.register and place and place_name(options.register) != place:
        raise Refused(f"{folder} is bound to another register than {options.register}")
    place = place or options.register
    if not place:
        yield None
        return
    if not options.by:
        raise Refused("who asks? --by NAME --secret FILE: a user of its register")
    registers = _opened(place, clock, random_bytes)
    with registers:
        try:
            user = registers.users.sign_in(options.by, read_secret(options.secret, options.by))
            second = None
            if name := getattr(options, "second", ""):
                secret = read_secret(options.second_secret, name, "--second-secret")
                second = registers.users.sign_in(name, secret)
        except (CommandError, OSError, SQLAlchemyError, DiskRefused) as error:
            raise Refused(str(error)) from None
        yield Asker(registers, user, second)


def _opened(place: str, clock: Clock, random_bytes: Callable[[int], bytes]) -> Registers:
    try:
        return Registers(open_database(place), clock, random_bytes)
    except (SQLAlchemyError, ModuleNotFoundError, DiskRefused) as error:
        said = str(error.__cause__ or error).strip()
        raise Refused(f"the register of users cannot be opened: {said}") from None


def read_secret(path: Path | None, name: str, option: str = "--secret") -> str:
    """Return the first line of a file, or what the terminal's user types unseen.

    Raises: CommandError without a file and a terminal; OSError.
    """
    if path is not None:
        lines = path.read_text(encoding="utf-8").splitlines()
        return lines[0] if lines else ""
    if not sys.stdin.isatty():
        raise CommandError(f"no secret of {name}: name a file with {option}, or use a terminal")
    return getpass.getpass(f"secret of {name}: ")
