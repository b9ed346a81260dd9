"""Folds old detail: of rides and loads that nobody disputes a checkpoint is left, and the money.

The commits of a card, their evidence and the bytes of their slots go; its account keeps one line in
place of the lines of those rides, which stay for the settlement without their card. Entries keep
their numbers and hashes, so that a slot that comes again is known. The seals over what changed say
so (`fold_seals.py`). All in one transaction. Source: decisions.md D24; trust.md 5; SPEC.md 10.
"""

from pathlib import Path
from typing import Any

from backend_sync.ledger import fold_seals, fold_selection
from backend_sync.ledger.accounts import AccountBook
from backend_sync.ledger.append_only import triggers
from backend_sync.ledger.chains import folded_to
from backend_sync.ledger.fold_selection import Selected
from backend_sync.ledger.fold_tables import checkpoints, folded_chains, folds
from backend_sync.ledger.plants import Plant
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.report import STATES
from backend_sync.ledger.suspense import lapse
from backend_sync.ledger.verify_chain import verify_chain
from backend_sync.storage.database import Database
from card_layouts.records.chain import chain_next

SQLITE = "sqlite:///"
FOLD = "FOLD"  # rule of the line that stands for a card's folded ones
# Suspense lasts 90 days; a week more than that at least.
WEEKS, WEEKS_MIN = 13, 13
WEEK_SECONDS = 7 * 86_400
IN_COMMITS = "IN (SELECT id FROM fold_commits)"
IN_SLOTS = "IN (SELECT id FROM fold_slots)"
MINE = (  # lines of folded commits on their cards, and those of earlier folds
    f"(pending {IN_COMMITS} OR rule = '{FOLD}') AND account IN (SELECT card FROM fold_commits)"
)
CHANGED = (*fold_seals.TABLES, "seals")
FORGET = (
    *(f"DELETE FROM {name} WHERE pending {IN_COMMITS}"
      for name in ("choices", "differences", "waiting_taps", "open_intents", "withdrawn",
                   "resolutions")),
    f"DELETE FROM pendings WHERE id {IN_COMMITS}",
    f"DELETE FROM action_entries WHERE id {IN_COMMITS}",
    f"DELETE FROM ticket_results WHERE tap {IN_SLOTS}",
    f"DELETE FROM ticket_taps WHERE id {IN_SLOTS}",
    f"UPDATE entries SET card = NULL, slot = {{empty}} WHERE id {IN_SLOTS}",
)  # fmt: skip


class FoldRefused(Exception):
    """Nothing was folded; the message says why."""


class BooksChanged(FoldRefused):
    """The books are not as they were sealed: folding would cover it up."""


KEEP_USES = (
    "INSERT INTO card_uses (card, used) SELECT e.card, (max(e.received) / 86400 + 1) * 86400"
    " FROM fold_slots f JOIN entries e ON e.id = f.id WHERE e.card IS NOT NULL GROUP BY e.card"
    " ON CONFLICT (card) DO UPDATE SET used = excluded.used WHERE excluded.used > card_uses.used"
)


def horizon(now: int, weeks: int = WEEKS) -> int:
    """Return the time up to which detail is folded. Raises: FoldRefused below 13 weeks."""
    if weeks < WEEKS_MIN:
        raise FoldRefused(f"{weeks} weeks: wanted {WEEKS_MIN} or more; suspense lasts 90 days")
    return now - weeks * WEEK_SECONDS


def remember(url: str, until: int) -> None:
    """Note beside an SQLite ledger how far it is folded: a restored copy is folded as far."""
    path = _note(url)
    if path and until > remembered(url):
        path.write_text(f"{until}\n", encoding="ascii")


def remembered(url: str) -> int:
    """Return how far the ledger at this URL was folded; 0 = not at all."""
    path = _note(url)
    text = path.read_text(encoding="ascii").strip() if path and path.exists() else "0"
    return int(text) if text.isdecimal() else 0


def _note(url: str) -> Path | None:
    return Path(f"{url.removeprefix(SQLITE)}.folded") if url.startswith(SQLITE) else None


def foldable(database: Database, until: int) -> Selected:
    """Return what would be folded; nothing is changed."""
    with database.transaction():
        found = fold_selection.select(database, until)
        fold_selection.drop(database)
    return found


def fold(database: Database, until: int, now: int, currency: str = "EUR") -> Selected:
    """Fold everything received up to `until` that nothing touches; return how much.

    Raises: BooksChanged.
    """
    wrong = verify_chain(database)["wrong"]
    if wrong:
        raise BooksChanged(f"{len(wrong)} rows are not as they were sealed: see verify-chain")
    remember(database.url, until)
    _overwrite(database)
    with database.transaction():
        lapse(database, until + 1, now)
    with database.transaction():
        found = fold_selection.select(database, until)
        if found.slots:
            _fold(database, until, now, found, currency)
        fold_selection.drop(database)
    _empty_the_log(database)
    return found


def _fold(database: Database, until: int, now: int, found: Selected, currency: str) -> None:
    _keep_checkpoints(database)
    _keep_chains(database)
    database.execute(KEEP_USES)
    for table in CHANGED:
        _triggers(database, table, False)
    _fold_postings(database, now, currency)
    _clear_reports(database, until)
    empty = "x''" if database.sqlite else "'\\x'::bytea"
    _join_threads(database)
    for statement in FORGET:
        database.execute(statement.format(empty=empty))
    digest = fold_seals.seal_again(database)
    for table in CHANGED:
        _triggers(database, table, True)
    row = (database.next_id(folds), until, found.cards, found.slots, digest, now)
    database.insert(folds, [row])


def _keep_checkpoints(database: Database) -> None:
    """Keep where each card stood at its newest folded commit."""
    rows = database.rows(
        "SELECT p.card, p.n, p.d, p.l, p.h, p.b, coalesce((SELECT max(a.k) FROM action_entries a"
        f" WHERE a.card = p.card AND a.id {IN_COMMITS}), 0)"
        " FROM fold_commits f JOIN pendings p ON p.id = f.id"
        f" JOIN ({STATES}) s ON s.pending = p.id WHERE s.p = 1 AND s.v = 0 AND s.eq = 0"
        " ORDER BY p.card, p.n"
    )
    newest = {row[0]: tuple(row) for row in rows}
    database.insert(
        checkpoints,
        list(newest.values()),
        "ON CONFLICT (card) DO UPDATE SET n = excluded.n, d = excluded.d, l = excluded.l,"
        " h = excluded.h, b = excluded.b,"
        " a = CASE WHEN excluded.a > checkpoints.a THEN excluded.a ELSE checkpoints.a END"
        " WHERE excluded.n > checkpoints.n",
    )


def _keep_chains(database: Database) -> None:
    """Keep H behind the newest slot that is emptied, below the watermark and any bad slot."""
    rows = database.rows(
        "SELECT e.device, e.epoch, max(e.seq) FROM fold_slots f JOIN entries e ON e.id = f.id"
        " JOIN devices d ON d.device = e.device AND d.epoch = e.epoch"
        " WHERE e.seq <= d.seq AND d.poisoned = '' GROUP BY e.device, e.epoch"
    )
    for device, epoch, last in rows:
        seq, chain = folded_to(database, (device, epoch))
        for (slot,) in database.rows(
            "SELECT slot FROM held_entries WHERE device = ? AND epoch = ? AND seq > ? AND seq <= ?"
            " ORDER BY seq",
            (device, epoch, seq, last),
        ):
            chain = chain_next(chain, slot)
        database.insert(
            folded_chains,
            [(device, epoch, max(seq, last), chain)],
            "ON CONFLICT (device, epoch) DO UPDATE SET seq = excluded.seq, chain = excluded.chain",
        )


def _fold_postings(database: Database, now: int, currency: str) -> None:
    """Put folded lines under an account of all cards, and one line a card for their sum."""
    sums = database.rows(
        "SELECT p.account, a.kind, a.authority, p.currency, CAST(sum(p.cents) AS BIGINT)"
        f" FROM (SELECT account, currency, cents FROM postings WHERE {MINE}) p"
        " JOIN accounts a ON a.id = p.account GROUP BY p.account, a.kind, a.authority, p.currency"
        " ORDER BY p.account"
    )
    book = AccountBook(database, currency)
    others = [book.number(f"{kind}:{area}:folded", area, money) for _, kind, area, money, _ in sums]
    book.write()
    database.execute("CREATE TEMPORARY TABLE fold_accounts (card BIGINT, other BIGINT)")
    rows = [(row[0], other) for row, other in zip(sums, others, strict=True)]
    database.run("INSERT INTO fold_accounts VALUES (?, ?)", rows)
    database.execute("CREATE INDEX fold_accounts_card ON fold_accounts (card)")
    database.execute(
        "UPDATE postings SET account ="
        " (SELECT f.other FROM fold_accounts f WHERE f.card = postings.account)"
        f" WHERE {MINE}"
    )
    database.execute("DROP TABLE fold_accounts")
    poster = Poster(database, Plant(), now)
    for (card, _, area, money, cents), other in zip(sums, others, strict=True):
        if cents:
            lines = [(card, int(cents), money, area), (other, -int(cents), money, area)]
            poster.transfer(lines, FOLD)
    poster.write([], [])


def _join_threads(database: Database) -> None:
    """Let the threads of the cards go on past what is folded (`pendings.older`)."""
    rows = database.rows(
        "SELECT card, id, older FROM pendings WHERE card IN (SELECT card FROM fold_commits)"
        f" AND id NOT {IN_COMMITS} ORDER BY card, id"
    )
    newest: dict[int, int | None] = {
        row[0]: None for row in database.rows("SELECT DISTINCT card FROM fold_commits")
    }
    changed = []
    for card, number, older in rows:
        if older != newest[card]:
            changed.append((newest[card], number))
        newest[card] = number
    database.run("UPDATE pendings SET older = ? WHERE id = ?", changed)
    database.run("UPDATE cards SET newest = ? WHERE id = ?",
                 [(number, card) for card, number in newest.items()])  # fmt: skip


def _clear_reports(database: Database, until: int) -> None:
    """Take cards out of old alarms, and the bytes out of old quarantined entries."""
    database.run(
        "UPDATE alarms SET card = NULL, n = NULL WHERE received <= ? AND card IS NOT NULL"
        " AND card NOT IN (SELECT id FROM fold_touched)",
        [(until,)],
    )
    database.run(
        "UPDATE quarantine SET slot = NULL WHERE received <= ? AND slot IS NOT NULL"
        " AND reason IN ('EQUIVOCATION', 'LATE_SEAL')",
        [(until,)],
    )


def _triggers(database: Database, table: str, on: bool) -> None:
    """Let the books of this transaction be changed, or no longer."""
    if not database.sqlite:
        verb = "ENABLE" if on else "DISABLE"
        database.execute(f"ALTER TABLE {table} {verb} TRIGGER {table}_append_only")
        return
    for statement in triggers(table, "sqlite"):
        name = statement.split()[2]
        database.execute(statement if on else f"DROP TRIGGER {name}")


def _overwrite(database: Database) -> None:
    """Have SQLite overwrite what is deleted. PostgreSQL: `VACUUM FULL` is its administrator's."""
    if database.sqlite:
        _pragma(database, "secure_delete=ON")


def _empty_the_log(database: Database) -> None:
    if database.sqlite:
        _pragma(database, "wal_checkpoint(TRUNCATE)")


def _pragma(database: Database, words: str) -> list[Any]:
    """Run a PRAGMA outside a transaction, where alone these have effect."""
    raw: Any = database.connection.connection.driver_connection
    return list(raw.execute(f"PRAGMA {words}").fetchall())
