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
PLEDGE = "PLEDGE"  # per card: its deposit, owed to the bearer
REV = "REV"  # per area and operator
CONCESSION = "CONCESSION"  # per area and payer: what a concession's payer owes, negative
CLEARING = "CLEARING"  # per pair of authorities
VAT = "VAT"  # per area and code
FEES = "FEES"  # per area: earned by fees, not by rides
LOSS = "LOSS"  # per area: lost for good
UNALLOCATED = "UNALLOCATED"  # per unknown card, and per area
BREAKAGE = "BREAKAGE"  # per issuer: dormant value, by stated policy
PAYOUT = "PAYOUT"  # per area: refunded to bearers
ROUNDING = "ROUNDING"  # per area: cash rounding
GOODWILL = "GOODWILL"  # per area: given in a dispute
BANK = "BANK"  # per authority: what statements of its bank moved, negative = came in
PAID = "PAID"  # per area and operator: what its bank paid of REV, negative
KINDS = (
    *(CASH, PREPAID, LIAB, PLEDGE, REV, CONCESSION, CLEARING, VAT, FEES, LOSS, UNALLOCATED),
    *(BREAKAGE, PAYOUT, ROUNDING, GOODWILL, BANK, PAID),
)
# A card's accounts are opened with the card: a name of these that is not there is no card.
CARD_KINDS = (f"{LIAB}:", f"{UNALLOCATED}:card:")


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
        self._foreign: dict[str, str] = {}  # currencies of accounts that are not in the home's
        self.fresh: list[tuple[int, str, str, int, str]] = []
        self.next = database.next_id(accounts)

    def load(self, names: set[str]) -> None:
        """Read the numbers of these accounts, all in one go."""
        wanted = names - self.known.keys()
        for number, name, currency in self.database.rows_in(
            "SELECT id, name, currency FROM accounts WHERE name IN {}", sorted(wanted)
        ):
            self.known[name] = number
            if currency != self.home_currency:
                self._foreign[name] = currency

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
        currency = currency or self.home_currency
        if currency != self.home_currency:
            self._foreign[name] = currency
        kind = name.partition(":")[0]
        self.known[name] = number
        self.fresh.append((number, kind, name, authority, currency))
        return number

    def currency_of(self, name: str) -> str:
        """Return the currency of a loaded account; one that is not open yet gets the home's."""
        return self._foreign.get(name, self.home_currency)

    def write(self) -> None:
        self.database.insert(accounts, self.fresh)
        self.fresh = []
