"""`tornello links init|ask|events|audit|verify|retain|settle`: the link service, desk and officer.

Where the folder is bound to a register of users (`tornello register bind`), who asks signs in, and
each of the two who agree to a question about a fraud has approved a proposal about it.
Exit codes: 0 done; 1 refused, or the audit is wrong; 2 the command was not understood.
"""

import argparse
import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.clocks import FileClock, SystemClock
from backend_sync.keyring.key_use import KIND as KEY
from backend_sync.keyring.key_use import how_to_ask
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.ledger.ride_events import ride_events
from backend_sync.links.audit import Line
from backend_sync.links.bulk import (
    EXPORTS,
    ROWS_FILE,
    Bulk,
    agreement,
    export_events,
    refuse_wrong,
)
from backend_sync.links.links import Links
from backend_sync.links.opening import close_links, open_links
from backend_sync.links.purposes import DAY_SECONDS, PURPOSES, LinkRefused, Question
from backend_sync.ports import ApprovalRefused, KeyringError
from backend_sync.registers import asking
from backend_sync.registers.asking import Asker
from backend_sync.registers.refusals import Refused
from backend_sync.storage.disk import DiskRefused, told
from backend_sync.storage.subject_keys import SubjectKeysError, make_keys

REFUSALS = (
    *(PlaceError, LinkRefused, SubjectKeysError, KeyFileError, KeyringError, DiskRefused),
    *(Refused, ApprovalRefused, OSError, sqlite3.DatabaseError),
)
QUESTION = "question"  # of Approvals
EPOCH = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        code: int = options.run(options)
        return code
    except REFUSALS as error:
        print(f"links: {told(error)}", file=sys.stderr)
    except SQLAlchemyError as error:
        print(f"links: {reason(error)}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tornello links", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "init", _init, "make the folder's key file and its empty tables")
    ask = _command(commands, "ask", _ask, "put one question about one handle")
    ask.add_argument("purpose", choices=sorted(PURPOSES))
    ask.add_argument("handle", nargs="+", help="32 hex digits; more than one is bulk: refused")
    ask.add_argument("--card", default="", metavar="UID", help="of the card on the desk, hex")
    ask.add_argument("--from", dest="first", metavar="YYYY-MM-DD", help="default today")
    ask.add_argument("--days", type=asking.number, default=1, help="length of the time range")
    words = "who agrees; in a folder that is bound to no register of users"
    ask.add_argument("--approver", action="append", default=[], metavar="NAME", help=words)
    words = "what one of them agreed to: tornello register propose"
    ask.add_argument(
        "--proposal", action="append", type=asking.number, default=[], metavar="N", help=words
    )
    ask.set_defaults(right="links.ask")
    events = _command(commands, "events", _events, "export rides under P_E: two key holders")
    events.add_argument("place", help="the ledger: folder, file or URL")
    events.add_argument("--purpose", choices=sorted(EXPORTS), required=True)
    events.add_argument("--authority", type=asking.number, required=True, help="whose area")
    events.add_argument("--from", dest="first", required=True, metavar="YYYY-MM-DD")
    events.add_argument("--days", type=asking.number, default=1, help="whole days, over (1)")
    events.add_argument("--to", type=Path, required=True, metavar="DIR", help="new or empty")
    words = "the second; in a folder that is bound to no register of users"
    events.add_argument("--approver", default="", metavar="NAME", help=words)
    words = "what the second agreed to: tornello register propose"
    events.add_argument("--proposal", type=asking.number, default=0, metavar="N", help=words)
    events.set_defaults(right="keys.propose")
    audit = _command(commands, "audit", _audit, "print who asked what: all, or about one handle")
    audit.add_argument("--handle", default="", help="what a subject may see: his own lines")
    verify = _command(commands, "verify", _verify, "check the audit's chain")
    verify.add_argument("--head", default="", metavar="LINE:HASH", help="as noted down earlier")
    _command(commands, "retain", _retain, "drop the keys of months whose time is over (D24)")
    settle = _command(commands, "settle", _settle, "after a restore: take away what no key opens")
    words = "also links whose key is lost: they never open again"
    settle.add_argument("--every", action="store_true", help=words)
    return parser


def _command(
    commands: Parsers, name: str, run: Callable[[argparse.Namespace], int], sentence: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=sentence, description=sentence)
    command.add_argument("folder", type=Path, help="of the link service: its keys and links.db")
    command.add_argument("--keyring", type=Path, default=Path("keyring"), help="its folder")
    command.add_argument("--database", default="", metavar="URL", help="default FOLDER/links.db")
    command.add_argument(
        "--clock", type=Path, help="file of seconds since 2020; default: the clock"
    )
    asking.add_options(command)
    command.set_defaults(run=run, right="links.audit")
    return command


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[Links, Asker | None]]:
    """Open the folder for who has signed in, where it is bound to a register of users."""
    clock = FileClock(options.clock) if options.clock else SystemClock()
    with asking.asker(options, options.folder, clock) as asker:
        if asker:
            asker.demand(options.right, asker.user.scope.authority)
        clerk = options.by or "officer"
        links = open_links(options.folder, options.keyring, clock, clerk, options.database)
        try:
            yield links, asker
        finally:
            close_links(links)


def _init(options: argparse.Namespace) -> int:
    make_keys(options.folder)
    with _opened(options):
        print(f"links: made in {options.folder}; back up the database, never the folder's keys")
    return 0


def _ask(options: argparse.Namespace) -> int:
    handles = tuple(hex_bytes("handle", text) for text in options.handle)
    card = hex_bytes("--card", options.card)
    with _opened(options) as (links, asker):
        first = _seconds(options.first, links.clock.utc_seconds())
        until = first + options.days * DAY_SECONDS
        question = Question(options.by, options.purpose, handles, first, until, card)
        approvers = tuple(options.approver) if asker is None else _agreed(options, asker, question)
        for answer in links.ask(question._replace(approvers=approvers)):
            span = f"{_date(answer.span_from)} to {_date(answer.span_until)}"
            print(f"{answer.register} {span} {answer.pseudonym.hex()}")
    return 0


def _agreed(options: argparse.Namespace, asker: Asker, question: Question) -> tuple[str, ...]:
    """Return who agreed to this very question, each by a proposal. Raises: ApprovalRefused.

    The register of users sees a digest of a handle that is drawn, and so no handle.
    """
    if options.approver:
        raise LinkRefused("--approver: who agrees signs in himself; --proposal N for each of them")
    handles = " ".join(handle.hex() for handle in question.handles)
    words = f"{question.purpose} {handles} {question.span_from} {question.span_until}"
    digest = hashlib.sha256(words.encode()).hexdigest()
    approvals = asker.approvals(asker.user.scope.authority)
    wanted = PURPOSES[question.purpose].approvers
    if len(options.proposal) < wanted:
        approvals.take(0, QUESTION, 1, digest)
    return tuple(approvals.take(n, QUESTION, 1, digest)[1] for n in options.proposal[:wanted])


def _events(options: argparse.Namespace) -> int:
    with _opened(options) as (links, asker):
        first = _seconds(options.first, 0)
        until = first + options.days * DAY_SECONDS
        wanted = Bulk(options.by, "", options.purpose, options.authority, first, until)
        refuse_wrong(links, wanted, options.to)
        second = options.approver if asker is None else _second(options, asker, links, wanted)
        with Place(options.place).books() as database:
            made = export_events(
                links, wanted._replace(second=second), partial(ride_events, database), options.to
            )
    print(f"links: {made['rows']} rows in {options.to / ROWS_FILE}, SHA-256 {made['sha256']}")
    print(f"links: line {made['audit']} of the audit")
    return 0


def _second(options: argparse.Namespace, asker: Asker, links: Links, wanted: Bulk) -> str:
    """Return the other key holder, who agreed to this very export. Raises: ApprovalRefused."""
    if options.approver:
        raise LinkRefused("--approver: who agrees signs in himself; --proposal N")
    asker.demand(options.right, wanted.authority)
    what = agreement(links, wanted, _date)
    if not options.proposal:
        raise ApprovalRefused(how_to_ask(what, wanted.authority))
    digest = hashlib.sha256(what.encode()).hexdigest()
    people = asker.approvals(wanted.authority).take(options.proposal, KEY, 1, digest)
    return next(name for name in (*people[::-1], "") if name != asker.name)


def _audit(options: argparse.Namespace) -> int:
    handle = hex_bytes("--handle", options.handle)
    options.right = "links.ask" if handle else options.right  # his own lines, at the desk
    with _opened(options) as (links, _):
        for line in links.about(handle) if handle else links.audit.lines():
            print(_words(line))
    return 0


def _verify(options: argparse.Namespace) -> int:
    number, _, text = options.head.partition(":")
    if options.head and not (number.isdecimal() and text):
        raise LinkRefused(f"--head {options.head!r}: wanted LINE:HASH as `verify` printed it")
    with _opened(options) as (links, _):
        wrong = links.audit.verify((int(number), text) if options.head else None)
        line, head = links.audit.head()
    for sentence in wrong:
        print(f"links: {sentence}", file=sys.stderr)
    print(f"links: {line} lines, {len(wrong)} wrong, head {line}:{head.hex()}")
    return 1 if wrong else 0


def _retain(options: argparse.Namespace) -> int:
    with _opened(options) as (links, _):
        print(f"links: keys dropped: {', '.join(links.retain()) or 'none'}")
    return 0


def _settle(options: argparse.Namespace) -> int:
    with _opened(options) as (links, _):
        print(f"links: {links.settle(options.every)} links without a key taken away")
    return 0


def hex_bytes(name: str, text: str) -> bytes:
    """Return the bytes of hexadecimal text. Raises: LinkRefused."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise LinkRefused(f"{name}: {text[:40]!r} is not hexadecimal") from None


def _words(line: Line) -> str:
    subject = line.subject.hex()[:8] or "-"
    span = f"{_date(line.span_from)}..{_date(line.span_until)}" if line.span_until else "-"
    asked = datetime.fromtimestamp(EPOCH + line.asked, UTC).isoformat(timespec="seconds")
    approvers = f" approved by {line.approvers}" if line.approvers else ""
    return (
        f"{line.line} {asked} {line.clerk}: {line.purpose} about {subject} for {span}:"
        f" {line.outcome}{approvers}"
    )


def _seconds(text: str | None, now: int) -> int:
    if not text:
        return now - now % DAY_SECONDS
    try:
        return int(datetime.fromisoformat(f"{text}T00:00:00+00:00").timestamp()) - EPOCH
    except ValueError:
        raise LinkRefused(f"--from {text!r}: wanted YYYY-MM-DD") from None


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(EPOCH + seconds, UTC).date().isoformat()
