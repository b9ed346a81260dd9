"""What an interface is made of: its rows of the table, and the parts that all of them share."""

from collections.abc import Callable
from typing import NamedTuple

from fastapi import Request

from backend_sync.api.gate import Caller
from backend_sync.api.problems import no_such
from backend_sync.api.routes import Route
from backend_sync.customers.population import PopulationRegister
from backend_sync.ledger.place import Place
from backend_sync.ports import Clock
from backend_sync.registers.opening import Registers
from backend_sync.registers.rights import User, at_hand, may
from backend_sync.storage.database import Database


class Parts(NamedTuple):
    """`database` is api.db, `office` office.db; `population` None: no register is set up."""

    place: Place
    registers: Registers
    database: Database
    office: Database
    clock: Clock
    random_bytes: Callable[[int], bytes]
    population: PopulationRegister | None = None


class Part:
    """The operations of one interface."""

    ROUTES: tuple[Route, ...] = ()

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.place = parts.place
        self.clock = parts.clock


def caller_of(request: Request) -> Caller:
    """Return who asks; only where a route is not public."""
    caller: Caller = request.state.caller
    return caller


def own_card(database: Database, user: User, right: str, card: int) -> int:
    """Return a card's account number when `user` may do this to it. Raises: ApiError 404.

    A foreign card is no other than one that is not there: nobody tries numbers out.
    """
    rows = database.rows("SELECT issuer FROM cards WHERE id = ? AND issued = 1", (card,))
    if not rows or not may(user, right, at_hand(user, int(rows[0][0]))):
        raise no_such("card")
    return card
