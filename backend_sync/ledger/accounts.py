"""The chart of accounts: how an account is named and when it is opened.

The one table of what the kinds mean is SPEC.md. A card's account is LIAB, or UNALLOCATED for as
long as no issue row names the card; the number stays, so no pending ever changes its accounts.
Source: decisions.md D21; trust.md 4.4.
"""

from backend_sync.ledger.schema import accounts
from backend_sync.storage.database import Database

CASH = "CASH"  # per channel, and per clerk on vehicles
PREPAID = "PREPAID"  # per action: paid, not on a card yet
LIAB = "LIAB"  # per card: money on it, owed by the issuer
REV = "REV"  # per area and operator
PAYOUT = "PAYOUT"  # per area: refunded to bearers
ROUNDING = "ROUNDING"  # per area: cash rounding
UNALLOCATED = "UNALLOCATED"  # per unknown card, and per area
KINDS = (CASH, PREPAID, LIAB, REV, PAYOUT, ROUNDING, UNALLOCATED)


def card_name(issuer: int, pseudonym: bytes) -> str:
    """Return the name of a card's account; it shows the pseudonym, never a card number."""
    return f"{LIAB}:{issuer}:{pseudonym.hex()}"


def unknown_name(pseudonym: bytes) -> str:
    return f"{UNALLOCATED}:card:{pseudonym.hex()}"


class AccountBook:
    """Numbers of accounts by name, for one transaction; opens those that do not exist."""

    def __init__(self, database: Database, currency: str) -> None:
        self.database = database
        self.home_currency = currency
        self.known: dict[str, int] = {}
        self.fresh: list[tuple[int, str, str, int, str]] = []
        self.next = database.next_id(accounts)

    def load(self, names: set[str]) -> None:
        """Read the numbers of these accounts, all in one go."""
        wanted = names - self.known.keys()
        for number, name in self.database.rows_in(
            "SELECT id, name FROM accounts WHERE name IN {}", sorted(wanted)
        ):
            self.known[name] = number

    def number(self, name: str, authority: int, currency: str = "") -> int:
        """Return an account's number; opens it when it was not among those loaded."""
        found = self.known.get(name)
        if found is None:
            self.load({name})
            found = self.known.get(name) or self.open(name, authority, currency)
        return found

    def open(self, name: str, authority: int, currency: str = "") -> int:
        number = self.next
        self.next += 1
        kind = name.partition(":")[0]
        self.known[name] = number
        self.fresh.append((number, kind, name, authority, currency or self.home_currency))
        return number

    def write(self) -> None:
        self.database.insert(accounts, self.fresh)
        self.fresh = []
