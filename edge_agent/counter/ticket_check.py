"""`tornello ticket check`: is a code genuine, and good here and now? Needs no network.

All it takes is the authority's public key. What it cannot know is whether the ticket was used: that
is on validators, and in the ledger. Source: W-50, W-99, D9, T14.
"""

import argparse
import json
from pathlib import Path

from card_layouts.answers import CODE_AUTHORITY, CODE_FORGED, CODE_UNREADABLE, name_of, text_of
from card_layouts.cards.zones import zone_bit
from card_layouts.errors import LayoutError, SealError
from card_layouts.fares.mounted import Tariff
from card_layouts.tickets.check import genuine_steps, out_of_days, refusal
from card_layouts.tickets.single import Code
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.ticket_places import minute_of_wall
from edge_agent.counter.ticket_source import add_source, read_source
from edge_agent.counter.ticket_station import read_signers, read_tariff_package


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_source(parser)
    parser.add_argument(
        "--signers", type=Path, required=True, metavar="FILE",
        help='authorities\' keys: {"signers": {"244": HEX}}, as `keyring certificate` prints',
    )  # fmt: skip
    parser.add_argument("--zone", type=int, default=0, metavar="N", help="where we are, 1..15")
    parser.add_argument("--line", type=int, default=0, metavar="N", help="the line we are on")
    parser.add_argument("--at", metavar="'YYYY-MM-DD HH:MM'", help="wall clock, with --tariff")
    parser.add_argument("--tariff", type=Path, metavar="FILE", help="whose wall clock --at is")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Say valid or refused and why; 0 valid, 1 refused. Raises: CounterError."""
    if not 0 <= options.zone <= 15:
        raise CounterError(f"--zone {options.zone}: wanted 1..15, or nothing")
    signers = read_signers(options.signers)
    minute = _minute(options, desk)
    answer, why = judge(
        read_source(options.code, desk.read_image), signers, minute, options.zone, options.line
    )
    verdict = "refused" if answer else "valid"
    if options.json:
        said = {"verdict": verdict, "answer": name_of(answer) if answer else "", "why": why}
        print(json.dumps(said))
    else:
        print(f"{verdict}: {why}" if answer else f"valid: {why}")
    return 1 if answer else 0


def judge(
    text: str, signers: dict[int, bytes], minute: int, zone: int = 0, line: int = 0
) -> tuple[int, str]:
    """Return (answer of answers.py, 0 = valid; the reason in words)."""
    try:
        code = Code(text)
    except LayoutError as error:
        return CODE_UNREADABLE, f"{text_of(CODE_UNREADABLE)} ({error})"
    ticket = code.ticket
    public = signers.get(ticket["authority"])
    if public is None:
        known = ", ".join(map(str, sorted(signers)))
        return CODE_AUTHORITY, f"it is of authority {ticket['authority']}, known here: {known}"
    try:
        for _ in genuine_steps(code.data, public, []):
            pass
    except SealError:
        return CODE_FORGED, text_of(CODE_FORGED)
    if out_of_days(code):
        return CODE_FORGED, "it begins on a day its seller was not certified for"
    answer = int(refusal(ticket, minute, 0, zone_bit(zone), line))
    if answer:
        return answer, text_of(answer)
    left = ticket["from_minute"] + ticket["minutes"] - minute
    number = f"{ticket['device']}-{ticket['serial']}"
    persons = "1 person" if ticket["heads"] == 1 else f"{ticket['heads']} persons"
    return 0, f"ticket {number} for {persons}, {max(left, 0)} minutes left"


def _minute(options: argparse.Namespace, desk: Desk) -> int:
    if options.at is None:
        return desk.clock.utc_seconds() // 60
    if options.tariff is None:
        raise CounterError("--at: needs --tariff, whose wall clock it is")
    tariff: Tariff = read_tariff_package(options.tariff)
    return minute_of_wall(tariff, options.at)
