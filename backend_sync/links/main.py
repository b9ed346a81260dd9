"""`tornello links init|ask|audit|verify|retain|settle`: the link service's desk and its officer.

Exit codes: 0 done; 1 refused, or the audit is wrong; 2 the command was not understood.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from backend_sync.clocks import FileClock, SystemClock
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.links.audit import Line
from backend_sync.links.links import Links
from backend_sync.links.opening import close_links, open_links
from backend_sync.links.purposes import DAY_SECONDS, PURPOSES, LinkRefused, Question
from backend_sync.ports import KeyringError
from backend_sync.storage.disk import DiskRefused
from backend_sync.storage.subject_keys import SubjectKeysError, make_keys

EPOCH = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        code: int = options.run(options)
        return code
    except (LinkRefused, SubjectKeysError, KeyFileError, KeyringError, DiskRefused) as error:
        print(f"links: {error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tornello links", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "init", _init, "make the folder's key file and its empty tables")
    ask = _command(commands, "ask", _ask, "put one question about one handle")
    ask.add_argument("purpose", choices=sorted(PURPOSES))
    ask.add_argument("handle", nargs="+", help="32 hex digits; more than one is bulk: refused")
    ask.add_argument("--clerk", required=True, help="who asks; the quota is his")
    ask.add_argument("--card", default="", metavar="UID", help="of the card on the desk, hex")
    ask.add_argument("--from", dest="first", metavar="YYYY-MM-DD", help="default today")
    ask.add_argument("--days", type=int, default=1, help="length of the time range")
    ask.add_argument("--approver", action="append", default=[], metavar="NAME")
    audit = _command(commands, "audit", _audit, "print who asked what: all, or about one handle")
    audit.add_argument("--handle", default="", help="what a subject may see: his own lines")
    verify = _command(commands, "verify", _verify, "check the audit's chain")
    verify.add_argument("--head", default="", metavar="LINE:HASH", help="as noted down earlier")
    _command(commands, "retain", _retain, "drop the keys of months whose time is over (D24)")
    _command(commands, "settle", _settle, "after a restore: take away what no key opens")
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
    command.set_defaults(run=run)
    return command


def _open(options: argparse.Namespace) -> Links:
    clock = FileClock(options.clock) if options.clock else SystemClock()
    clerk = getattr(options, "clerk", "officer")
    return open_links(options.folder, options.keyring, clock, clerk, options.database)


def _init(options: argparse.Namespace) -> int:
    make_keys(options.folder)
    close_links(_open(options))
    print(f"links: made in {options.folder}; back up the database, never the folder's keys")
    return 0


def _ask(options: argparse.Namespace) -> int:
    handles = tuple(hex_bytes("handle", text) for text in options.handle)
    card = hex_bytes("--card", options.card)
    links = _open(options)
    try:
        first = _seconds(options.first, links.clock.utc_seconds())
        until = first + options.days * DAY_SECONDS
        approvers = tuple(options.approver)
        for answer in links.ask(
            Question(options.clerk, options.purpose, handles, first, until, card, approvers)
        ):
            span = f"{_date(answer.span_from)} to {_date(answer.span_until)}"
            print(f"{answer.register} {span} {answer.pseudonym.hex()}")
    finally:
        close_links(links)
    return 0


def _audit(options: argparse.Namespace) -> int:
    links = _open(options)
    handle = hex_bytes("--handle", options.handle)
    for line in links.about(handle) if handle else links.audit.lines():
        print(_words(line))
    close_links(links)
    return 0


def _verify(options: argparse.Namespace) -> int:
    number, _, text = options.head.partition(":")
    if options.head and not (number.isdecimal() and text):
        raise LinkRefused(f"--head {options.head!r}: wanted LINE:HASH as `verify` printed it")
    links = _open(options)
    wrong = links.audit.verify((int(number), text) if options.head else None)
    for sentence in wrong:
        print(f"links: {sentence}", file=sys.stderr)
    line, head = links.audit.head()
    print(f"links: {line} lines, {len(wrong)} wrong, head {line}:{head.hex()}")
    close_links(links)
    return 1 if wrong else 0


def _retain(options: argparse.Namespace) -> int:
    links = _open(options)
    print(f"links: keys dropped: {', '.join(links.retain()) or 'none'}")
    close_links(links)
    return 0


def _settle(options: argparse.Namespace) -> int:
    links = _open(options)
    print(f"links: {links.settle()} links without a key taken away")
    close_links(links)
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
