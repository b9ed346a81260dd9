"""From cases in the books to entries of the hotlist: proposed by policy, decided by people.

A clone is two commits with evidence that they are on the card, at one counter of one card: an open
or torn tap never lists anybody. What is decided is kept in the books with who decided it, and the
catalogue's `hotlist.json` is made from it; entries that others put there stay.
Source: trust.md 4.2 "Blacklisting", 4.5, 4.7; decisions.md D8; requirements X-7, X-14.
"""

import json
import tomllib
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.catalogue import HOTLIST_FILE
from backend_sync.ledger.books import Books
from backend_sync.ledger.listing_tables import listing_decisions
from backend_sync.ledger.report import STATES, missing_money
from backend_sync.ports import ApprovalRefused, Approvals
from backend_sync.refusal import Refusal
from backend_sync.storage.database import Database
from card_layouts.packages.hotlist_layout import G_MAX

CLONE, MONEY, PERSON, CLAIM = "CLONE", "MONEY", "PERSON", "CLAIM"
LISTED, DISMISSED, UNLISTED = "listed", "dismissed", "unlisted"
NONE, REFUSE, BLOCK = "none", "refuse", "block"
ACTIONS = (NONE, REFUSE, BLOCK)
NAME_LENGTH = 64
KIND = "hotlist"  # of Approvals
DAY_SECONDS = 86_400
FOUR_EYES_FROM = 10  # entries; a policy may ask for two people earlier, never later


class ListingError(Refusal):
    """The policy or the decision does not fit; the message is the sentence to show."""


class Policy(NamedTuple):
    """What is proposed for which case, and how many entries one person may list in a day."""

    clone: str = BLOCK  # two commits at one counter
    money: str = NONE  # a card that says it was loaded with money nobody sold
    money_from_cents: int = 1000
    four_eyes_from: int = FOUR_EYES_FROM  # entries


class Agreement(NamedTuple):
    """Whom to ask whether two agreed, and about which proposal; None = nobody can be asked."""

    approvals: Approvals | None = None
    number: int = 0


ALONE = Agreement()


class Proposal(NamedTuple):
    """One case and what the policy says to do about its card."""

    card: int  # account number
    pseudonym: str
    cause: str
    n: int
    action: str
    g: int  # the block generation that the entry would have
    words: str


def read_policy(path: Path) -> Policy:
    """Return the policy of a TOML file with the fields of `Policy`. Raises: ListingError."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ListingError(f"{path}: {error}") from None
    for name, value in said.items():
        if name not in Policy._fields:
            raise ListingError(f"{path}: {name!r}, wanted {', '.join(Policy._fields)}")
        wanted = type(Policy._field_defaults[name])
        fits = type(value) is wanted and (value in ACTIONS if wanted is str else value > 0)
        if not fits:
            choices = f"one of {', '.join(ACTIONS)}" if wanted is str else "a number above 0"
            raise ListingError(f"{path}: {name} = {value!r}, wanted {choices}")
    if said.get("four_eyes_from", 0) > FOUR_EYES_FROM:
        raise ListingError(
            f"{path}: four_eyes_from = {said['four_eyes_from']}, at most {FOUR_EYES_FROM}"
        )
    return Policy(**said)


def proposals(database: Database, policy: Policy) -> list[Proposal]:
    """Return the cases that nobody has decided, with what the policy says; none for `none`."""
    decided = {
        (row[0], row[1], row[2])
        for row in database.rows("SELECT card, cause, n FROM listing_decisions")
    }
    found = []
    for cause, card, n, words in [*_clones(database), *_money(database, policy)]:
        action = policy.clone if cause == CLONE else policy.money
        if action != NONE and (card, cause, n) not in decided:
            pseudonym, g = _next_generation(database, card, action)
            found.append(Proposal(card, pseudonym, cause, n, action, g, words))
    return found


def decide(
    books: Books,
    policy: Policy,
    chosen: Sequence[Proposal],
    decision: str,
    by: str,
    agreement: Agreement = ALONE,
) -> str:
    """Keep a decision about each; return who agreed, "" where one person is enough.

    Publish with `publish` after the commit. Raises: ListingError without a name, or where another
    person has to agree and did not.
    """
    if len(by) > NAME_LENGTH or by != by.strip():
        raise ListingError(f"name {by!r}: wanted at most {NAME_LENGTH} characters")
    if not by:
        raise ListingError("nobody said who decides: --by NAME")
    listed = decision == LISTED
    second = _second(books, policy, chosen, by, agreement) if listed else ""
    number = books.database.next_id(listing_decisions)
    books.database.insert(
        listing_decisions,
        [
            (number + at, row.card, row.cause, row.n, decision, row.action if listed else "",
             row.g if listed else 0, by, second, books.now)
            for at, row in enumerate(chosen)
        ],
    )  # fmt: skip
    return second


def digest_of(database: Database, chosen: Sequence[Proposal]) -> str:
    """Return SHA-256 in hex of the entries, as they follow what was decided of each card before.

    So who agreed to a list agreed to it once: when it stands in the books, the same list has
    another digest.
    """
    lines = []
    for row in sorted(chosen):
        sql = "SELECT coalesce(max(id), 0) FROM listing_decisions WHERE card = ?"
        before = database.value(sql, (row.card,))
        lines.append(f"{row.pseudonym} {row.cause} {row.n} {row.action} {row.g} after {before}")
    return sha256("\n".join(lines).encode()).hexdigest()


def _second(
    books: Books, policy: Policy, chosen: Sequence[Proposal], by: str, agreement: Agreement
) -> str:
    """Return who else agreed to the entries, "" while one person is enough. Raises: ListingError.

    What he listed alone in the last day counts: a large list cut in pieces is a large list. A card
    whose holder asks for its value does not: each has its claim, and must be frozen at once.
    """
    if all(row.cause == CLAIM for row in chosen):
        return ""
    approvals, count = agreement.approvals, len(chosen) + _alone(books, by)
    if count < policy.four_eyes_from and not (approvals and approvals.needed(KIND, count)):
        return ""
    if approvals is None:
        raise ListingError(
            f"{count} entries of one person within a day: from {policy.four_eyes_from} on another"
            " has to agree, in a register of users: --register PLACE (tornello register)"
        )
    digest = digest_of(books.database, chosen)
    try:
        asked, agreed = approvals.take(agreement.number, KIND, len(chosen), digest)
    except ApprovalRefused as error:
        raise ListingError(str(error)) from None
    return asked if agreed == by else agreed


def _alone(books: Books, by: str) -> int:
    return int(
        books.database.value(
            'SELECT count(*) FROM listing_decisions WHERE decision = ? AND "by" = ?'
            " AND second = '' AND cause <> ? AND received > ?",
            (LISTED, by, CLAIM, books.now - DAY_SECONDS),
        )
    )


def by_person(database: Database, card: int, action: str) -> Proposal:
    """Return an entry that a person asks for, about a card without a case."""
    pseudonym, g = _next_generation(database, card, action)
    return Proposal(card, pseudonym, PERSON, 0, action, g, "by decision of a person")


def by_claim(database: Database, card: int) -> Proposal:
    """Return the block of a lost or absent card whose value is claimed."""
    return by_person(database, card, BLOCK)._replace(cause=CLAIM, words="its value is claimed")


def publish(database: Database, folder: Path) -> int:
    """Make the catalogue's hotlist agree with what was decided; return how many are listed.

    The latest decision that lists or unlists a card counts; entries of undecided cards stay.
    Raises: ListingError when the file there cannot be read; then it is left as it is.
    """
    path = folder / HOTLIST_FILE
    cards = {row["card"]: row for row in _entries(path)}
    for pseudonym, decision, action, g in database.rows(
        "SELECT c.pseudonym, d.decision, d.action, d.g FROM listing_decisions d"
        f" JOIN cards c ON c.id = d.card WHERE d.decision <> '{DISMISSED}' ORDER BY d.id"
    ):
        name = bytes(pseudonym).hex()
        if decision == UNLISTED:
            cards.pop(name, None)
        else:
            cards[name] = {"card": name, "action": action, "g": g}
    text = json.dumps({"cards": [cards[name] for name in sorted(cards)]}, indent=1)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(path)
    return len(cards)


def _entries(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["cards"]
        return [{"card": str(row["card"]), "action": row["action"], "g": row.get("g", 0)}
                for row in rows]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ListingError(f"{path}: not a hotlist, mend it first: {error!r}") from None


def _clones(database: Database) -> Iterable[tuple[str, int, int, str]]:
    rows = database.rows(
        f"SELECT p.card, p.n, count(*) FROM ({STATES}) s JOIN pendings p ON p.id = s.pending"
        " WHERE s.p = 1 AND s.eq = 0 GROUP BY p.card, p.n HAVING count(*) > 1 ORDER BY 1, 2"
    )
    for card, n, times in rows:
        yield CLONE, card, n, f"{times} commits at counter {n} are on a card: it was copied"


def _money(database: Database, policy: Policy) -> Iterable[tuple[str, int, int, str]]:
    for row in missing_money(database):
        if row["cents"] <= -policy.money_from_cents:
            words = f"the card says {-row['cents']} cents that nobody loaded or that were not spent"
            yield MONEY, row["card"], 0, words


def _next_generation(database: Database, card: int, action: str) -> tuple[str, int]:
    """Return (pseudonym, g): above what the card has and what was ever listed; 0 for refusing."""
    pseudonym, b = database.rows("SELECT pseudonym, b FROM cards WHERE id = ?", (card,))[0]
    before = database.value(
        "SELECT coalesce(max(g), 0) FROM listing_decisions WHERE card = ?", (card,)
    )
    g = max(int(b), int(before)) + 1 if action == BLOCK else 0
    if g > G_MAX:
        raise ListingError(f"card {card}: block generation {g}, at most {G_MAX}: kill it instead")
    return bytes(pseudonym).hex(), g
