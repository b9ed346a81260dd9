"""The reconciled ledger in figures, every one of them computed from the books.

Nothing here trusts a cached balance: what was lost or doubled is found by laying entries,
evidence and postings beside each other. Source: trust.md 4.6 (I3..I9, I16); decisions.md D22.
"""

from typing import Any

from backend_sync.ledger import ranges
from backend_sync.ledger.chains import chain_of
from backend_sync.ledger.rerating import VERDICT_NAMES
from backend_sync.ledger.results import COUNTED
from backend_sync.ledger.singles import single_figures
from backend_sync.ledger.tickets import ticket_figures
from backend_sync.storage.database import Database
from card_layouts.fares.repeat import PRICE_ONLY
from card_layouts.records.entries import (
    ACCESS,
    ACTION,
    BLOCK,
    INTENT,
    REFUSAL,
    TICKET,
    TYPE_NAMES,
)

TAPS = (INTENT, BLOCK, ACCESS, TICKET, REFUSAL)
OPENING = f"({INTENT}, {ACTION}, {BLOCK}, {ACCESS})"
SUM_WIDTH = 1 << 26  # D and L on the card are sums mod 2^26

# One row per announced commit with any evidence: what all of it says together.
STATES = (
    "SELECT r.pending AS pending,"
    " max(CASE WHEN r.rule LIKE 'P%' THEN 1 ELSE 0 END) AS p,"
    " max(CASE WHEN r.rule LIKE 'V%' THEN 1 ELSE 0 END) AS v,"
    " max(CASE WHEN r.rule = 'EQ' THEN 1 ELSE 0 END) AS eq,"
    " min(CASE r.rule WHEN 'P1' THEN 1 WHEN 'P2' THEN 2 WHEN 'P3' THEN 3 WHEN 'V1' THEN 4"
    " WHEN 'V3' THEN 5 WHEN 'V2' THEN 6 WHEN 'X' THEN 7 ELSE 0 END) AS rule"
    " FROM evidence r GROUP BY r.pending"
)
# How often each commit is posted: what was taken back may be posted again.
TIMES_POSTED = (
    "SELECT pending, count(DISTINCT CASE WHEN rule <> 'FORK' THEN transfer END)"
    " - count(DISTINCT CASE WHEN rule = 'FORK' THEN transfer END) AS times"
    " FROM postings WHERE pending IS NOT NULL GROUP BY pending"
)
RULE_ORDER = ("EQ", "P1", "P2", "P3", "V1", "V3", "V2", "X")


def report(database: Database, with_cards: bool = False) -> dict[str, Any]:
    """Return every total; `with_cards` adds one row per card."""
    by_type = _by_type(database)
    found: dict[str, Any] = {
        "ledger_cards_cents": _sum_of(database, "LIAB"),
        "entries": sum(by_type.values()),
        "entries_by_type": by_type,
        "taps": sum(by_type.get(TYPE_NAMES[kind], 0) for kind in TAPS),
        "cards": database.value("SELECT count(*) FROM cards WHERE issued = 1"),
        "unknown_cards": database.value("SELECT count(*) FROM cards WHERE issued = 0"),
        "open_intents": database.value("SELECT count(*) FROM suspense"),
        "torn_unknown": _torn_unknown(database),
        "suspense_cents": database.value("SELECT coalesce(sum(cents), 0) FROM suspense"),
        "resolved_by": _resolved_by(database),
        "rerated": _rerated(database),
        "price_only_because": _price_only_because(database),
        "accounts": _accounts(database),
        "unpaid_actions": database.value(
            "SELECT count(*) FROM balances WHERE kind = 'PREPAID' AND cents < 0"
        ),
        "waiting_actions_cents": database.value(
            "SELECT coalesce(sum(cents), 0) FROM balances WHERE kind = 'PREPAID' AND cents > 0"
        ),
        "trial_balance_cents": database.value("SELECT coalesce(sum(cents), 0) FROM postings"),
        "forks": len(forks(database)),
        "quarantine": dict(_pairs(database, "quarantine", "reason")),
        "alarms": dict(_pairs(database, "alarms", "kind")),
        "equivocations": database.value(
            "SELECT count(*) FROM quarantine WHERE reason = 'EQUIVOCATION'"
        ),
        "sightings_unmatched": database.value("SELECT count(*) FROM sightings"),
        "outcomes_unmatched": database.value("SELECT count(*) FROM early_outcomes"),
        "tickets": ticket_figures(database),
        "singles": single_figures(database),
    }
    holes = gaps(database)
    found["gaps"] = [hole for hole in holes if hole["missing_count"]]
    found["lost"] = sum(hole["missing_count"] for hole in holes) + _unposted(database)
    found["doubled"] = _posted_twice(database) + _counter_twice(database)
    found["missing_money"] = missing_money(database)
    found["unbalanced"] = _unbalanced(database)
    if with_cards:
        found["card_rows"] = card_rows(database)
    return {key: _plain(value) for key, value in found.items()}


def gaps(database: Database) -> list[dict[str, Any]]:
    """Return per device and epoch what is held and which numbers are missing."""
    rows = database.rows(
        "SELECT device, epoch, first_seq, seq, chain, head_seq, held, poisoned, quarantined"
        " FROM devices ORDER BY device, epoch"
    )
    return [
        {
            "device": c.device,
            "epoch": c.epoch,
            "watermark": c.seq,
            "head": c.head_seq,
            "missing": ranges.text(c.missing),
            "missing_count": ranges.size(c.missing),
            "quarantined": c.quarantined,
        }
        for c in map(chain_of, rows)
    ]


def forks(database: Database) -> list[dict[str, Any]]:
    """Return every commit with evidence for and against, or written twice under one number."""
    rows = database.rows(
        "SELECT i.id, i.card, i.n, i.cents, i.device, i.epoch, i.seq FROM intents i JOIN"
        f" ({STATES}) s ON s.pending = i.id WHERE s.eq = 1 OR (s.p = 1 AND s.v = 1)"
        " ORDER BY i.card, i.n, i.device, i.seq"
    )
    names = ("entry", "card", "n", "cents", "device", "epoch", "seq")
    return [dict(zip(names, row, strict=True)) for row in rows]


def missing_money(database: Database) -> list[dict[str, Any]]:
    """Return the cards whose record sums are not explained by known commits (M of trust.md 4.4).

    `cents` above 0: the card paid more than the ledger knows of; below 0: a case for people.
    `overdrawn_cents` above 0: the newest record says that the card held so much less than nothing.
    No card can (I1), however well the commits explain it: somebody with keys made that record.
    """
    rows = database.rows(
        "SELECT c.id, c.n, c.d, c.l, c.debits_cents, c.loads_cents, c.missing FROM cards c"
        " WHERE c.missing <> '' OR c.d <> c.debits_cents OR c.l <> c.loads_cents"
        f" OR ((c.d - c.l) & {SUM_WIDTH - 1}) BETWEEN 1 AND {SUM_WIDTH // 2 - 1} ORDER BY c.id"
    )
    forked = {row["card"] for row in forks(database)}
    found = []
    for card, n, d, loaded, debits, loads, missing in rows:
        row = {
            "card": card,
            "n": n,
            "cents": _signed(d - debits) - _signed(loaded - loads),
            "overdrawn_cents": max(0, _signed(d - loaded)),
            "missing_counters": missing,
        }
        if (row["cents"] or row["overdrawn_cents"] or missing) and card not in forked:
            found.append(row)
    return found


def card_rows(database: Database) -> list[dict[str, Any]]:
    """Return one row per card: its balance by the postings, its head, what is open."""
    rows = database.rows(
        "SELECT c.id, c.pseudonym, c.issuer, c.issued, c.n, c.b, c.posted, c.voided,"
        " coalesce(t.cents, 0), coalesce(s.waiting, 0) FROM cards c"
        " LEFT JOIN (SELECT account, sum(cents) AS cents FROM postings GROUP BY account) t"
        " ON t.account = c.id"
        " LEFT JOIN (SELECT card, count(*) AS waiting FROM suspense GROUP BY card) s"
        " ON s.card = c.id ORDER BY c.id"
    )
    names = (
        "card",
        "pseudonym",
        "issuer",
        "issued",
        "n",
        "b",
        "posted",
        "voided",
        "balance_cents",
        "open_intents",
    )
    return [
        {k: v.hex() if isinstance(v, bytes) else _plain(v) for k, v in zip(names, row, strict=True)}
        for row in rows
    ]


def _by_type(database: Database) -> dict[str, int]:
    rows = database.rows("SELECT type, count(*) FROM held_entries GROUP BY type ORDER BY type")
    return {TYPE_NAMES[row[0]] if row[0] < len(TYPE_NAMES) else str(row[0]): row[1] for row in rows}


def _resolved_by(database: Database) -> dict[str, int]:
    rows = database.rows(
        f"SELECT s.rule, count(*) FROM ({STATES}) s WHERE s.eq = 0 AND NOT (s.p = 1 AND s.v = 1)"
        " GROUP BY s.rule"
    )
    counts = {RULE_ORDER[row[0]]: row[1] for row in rows}
    return {rule: counts.get(rule, 0) for rule in COUNTED}


def _rerated(database: Database) -> dict[str, int]:
    rows = database.rows(
        "SELECT coalesce(c.verdict, p.verdict), count(*) FROM pendings p"
        " LEFT JOIN choices c ON c.pending = p.id WHERE p.verdict IS NOT NULL"
        " AND p.id NOT IN (SELECT entry FROM displaced) GROUP BY 1"
    )
    counts = {VERDICT_NAMES[row[0]]: row[1] for row in rows}
    return {"rateable": sum(counts.values())} | {n: counts.get(n, 0) for n in VERDICT_NAMES}


def _price_only_because(database: Database) -> dict[str, int]:
    """Count the taps whose choice could not be repeated, by why."""
    rows = database.rows(
        "SELECT CASE WHEN c.verdict IS NOT NULL THEN 'after a difference'"
        " WHEN k.unaudited > 0 THEN 'not audited yet'"
        " WHEN w.pending IS NOT NULL THEN 'behind an open or missing commit'"
        " ELSE 'card made elsewhere' END, count(*)"
        " FROM pendings p JOIN cards k ON k.id = p.card"
        " LEFT JOIN choices c ON c.pending = p.id LEFT JOIN waiting_taps w ON w.pending = p.id"
        f" WHERE p.verdict IS NOT NULL AND coalesce(c.verdict, p.verdict) = {PRICE_ONLY}"
        " AND p.id NOT IN (SELECT entry FROM displaced) GROUP BY 1 ORDER BY 1"
    )
    return {row[0]: row[1] for row in rows}


def _accounts(database: Database) -> dict[str, int]:
    rows = database.rows("SELECT kind, sum(cents) FROM balances GROUP BY kind ORDER BY kind")
    return {row[0]: int(row[1]) for row in rows}


def _sum_of(database: Database, kind: str) -> int:
    return int(
        database.value("SELECT coalesce(sum(cents), 0) FROM balances WHERE kind = ?", (kind,))
    )


def _torn_unknown(database: Database) -> int:
    """Count announced commits nobody said anything about, from entries and evidence alone."""
    return int(
        database.value(
            "SELECT count(*) FROM held_entries e JOIN pendings p ON p.id = e.id"
            f" WHERE e.type IN {OPENING}"
            " AND NOT EXISTS (SELECT 1 FROM evidence r WHERE r.pending = p.id)"
        )
    )


def _unposted(database: Database) -> int:
    """Count commits that are on a card by the evidence and in no account by the postings."""
    return int(
        database.value(
            f"SELECT count(*) FROM ({STATES}) s JOIN pendings p ON p.id = s.pending"
            f" LEFT JOIN ({TIMES_POSTED}) t ON t.pending = p.id"
            " WHERE s.p = 1 AND s.v = 0 AND s.eq = 0 AND p.cents > 0"
            " AND coalesce(t.times, 0) <= 0"
        )
    )


def _posted_twice(database: Database) -> int:
    return int(database.value(f"SELECT count(*) FROM ({TIMES_POSTED}) t WHERE t.times > 1"))


def _counter_twice(database: Database) -> int:
    """Count counters of cards at which two commits are posted: resolving must prevent it."""
    return int(
        database.value(
            f"SELECT count(*) FROM (SELECT p.card, p.n FROM ({STATES}) s JOIN pendings p"
            " ON p.id = s.pending WHERE s.p = 1 AND s.v = 0 AND s.eq = 0"
            " GROUP BY p.card, p.n HAVING count(*) > 1) t"
        )
    )


def _unbalanced(database: Database) -> int:
    return int(
        database.value(
            "SELECT count(*) FROM (SELECT transfer FROM postings GROUP BY transfer"
            " HAVING sum(cents) <> 0) t"
        )
    )


def _pairs(database: Database, table: str, column: str) -> list[tuple[str, int]]:
    return [
        tuple(row)
        for row in database.rows(
            f"SELECT {column}, count(*) FROM {table} GROUP BY {column} ORDER BY {column}"
        )
    ]


def _signed(difference: int) -> int:
    difference %= SUM_WIDTH
    return difference - SUM_WIDTH if difference >= SUM_WIDTH // 2 else difference


def _plain(value: Any) -> Any:
    # A sum is an int on SQLite and a Decimal on PostgreSQL.
    return value if isinstance(value, (dict, list, str, bytes, type(None))) else int(value)
