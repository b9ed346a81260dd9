"""Opens `registers.db` and puts its parts together; one transaction a change. D20: one process."""

from collections.abc import Callable
from pathlib import Path

from backend_sync.ports import Clock
from backend_sync.registers.card_states import STOCK
from backend_sync.registers.card_views import keep_place
from backend_sync.registers.cards import Cards
from backend_sync.registers.passwords import Cost, Passwords
from backend_sync.registers.proposals import Policy, Proposals
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User
from backend_sync.registers.trail import Trail
from backend_sync.registers.users import AUTHORITY_MOST, Users
from backend_sync.storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
FILE = "registers.db"
RESTORE = "put back the last backup; `tornello register verify` says how far it goes"
SQLITE = "sqlite:///"
COST, POLICY = Cost(), Policy()


class Registers:
    """The registers of cards and users; `random_bytes` gives salts."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        cost: Cost = COST,
        policy: Policy = POLICY,
    ) -> None:
        self.database = database
        self.trail = Trail(database, clock)
        self.users = Users(database, self.trail, Passwords(random_bytes, cost))
        self.cards = Cards(database, self.trail)
        self.proposals = Proposals(database, self.trail, clock, policy)

    def __enter__(self) -> "Registers":
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def found(self, authority: int, user: str, secret: str) -> User:
        """Serve one more authority, with its central stock and its first user.

        Authority 0: the service company, which serves all of them. Raises: Refused.
        """
        if not 0 <= authority <= AUTHORITY_MOST:
            raise Refused(f"authority {authority}: wanted 1..{AUTHORITY_MOST}, or 0 for support")
        with self.database.transaction():
            if self.database.rows("SELECT 1 FROM places WHERE authority = ?", (authority,)):
                raise Refused(f"authority {authority} is in this register already")
            made = self.users.found(user, authority, secret)
            if authority:
                keep_place(self.trail, user, authority, STOCK, 0)
        return made


def open_database(place: str, make: bool = False) -> Database:
    """Return the database of a folder, file or URL, for writing; `make` makes one.

    Raises: Refused when it is not there.
    """
    url = place
    if "://" not in place or place.startswith(SQLITE):
        path = Path(place.removeprefix(SQLITE))
        path = path / FILE if path.is_dir() else path
        if not make and not path.exists():
            raise Refused(f"{path}: no such register; `tornello register init` makes one")
        url = f"{SQLITE}{path}"
    return Database(url, MIGRATIONS, RESTORE)
