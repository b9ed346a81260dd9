"""`tornello sales ...`: what people do with money: sales, cash-up, cards that come back, disputes,
dormant value.

PLACE is a folder with ledger.db, a database file or a URL; the keyring lies beside it. Where that
folder is bound to a register of users, who does something signs in: --by NAME --secret FILE.
Exit code 0 = done, nothing wrong; 1 = a difference, or it cannot be decided or booked; 2 = cannot
be done.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.clocks import SystemClock
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.books import BooksRefused
from backend_sync.ledger.listing import ListingError
from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.ports import ApprovalRefused, KeyringError
from backend_sync.registers.asking import Asker, asker
from backend_sync.registers.refusals import Refused
from backend_sync.sales import (
    cash_commands,
    dispute_commands,
    dormancy_commands,
    offer_commands,
    return_commands,
    slip_commands,
)
from backend_sync.sales.cash_up import CashUpRefused
from backend_sync.sales.counter import SaleRefused
from backend_sync.sales.disputes import DisputeRefused
from backend_sync.sales.dormancy import DormancyRefused
from backend_sync.sales.evidence import EvidenceFault
from backend_sync.sales.four_eyes import ONE_PERSON
from backend_sync.sales.offered import NotOffered
from backend_sync.sales.returns import ReturnRefused
from backend_sync.storage.disk import DiskRefused, shown, told

COMMANDS: Any = (
    *(offer_commands, slip_commands, cash_commands, return_commands, dispute_commands),
    dormancy_commands,
)
Answer = tuple[int, Any, list[str]]  # exit code, JSON, lines for people
REFUSALS = (
    CashUpRefused,
    BooksRefused,
    ListingError,
    ReturnRefused,
    SaleRefused,
    DisputeRefused,
    DormancyRefused,
    NotOffered,
    ApprovalRefused,
    Refused,
)  # what was asked for cannot be done: 1
FAULTS = (
    PlaceError,
    DiskRefused,
    KeyFileError,
    KeyringError,
    EvidenceFault,
    OSError,
    sqlite3.DatabaseError,
)  # 2


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; print its answer as text, or as JSON with --json."""
    options = _parser().parse_args(arguments)
    try:
        code, found, lines = _answer(options)
    except REFUSALS as error:
        print(f"sales {options.what}: {error}", file=sys.stderr)
        return 1
    except FAULTS as error:
        print(f"sales {options.what}: {told(error)}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        print(f"sales {options.what}: {shown(options.place)}: {reason(error)}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1) if options.json else "\n".join(lines))
    return code


def _answer(options: argparse.Namespace) -> Answer:
    """Run the command; where people do things, they sign in first (registers/asking.py)."""
    command: Callable[[argparse.Namespace], Answer] = options.run
    options.approvals, options.demand = ONE_PERSON, _nothing
    if not hasattr(options, "register"):
        return command(options)
    with asker(options, Place(options.place).folder, options.clock) as who:
        if who is not None:
            options.approvals = who.approvals(options.authority)
            options.demand = lambda authority: _demand(who, options.right, authority)
            options.demand(getattr(options, "issuer", options.authority))
        return command(options)


def _demand(who: Asker, right: str, authority: int) -> None:
    """Raise Refused unless he may do it; what belongs to no authority is as his own's."""
    if right:
        who.demand(right, authority or who.user.scope.authority)


def _nothing(authority: int) -> None:
    """In a folder that is bound to no register names are only names."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello sales",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups = parser.add_subparsers(dest="group", required=True)
    for module in COMMANDS:
        module.add_commands(groups, SystemClock())
    return parser
