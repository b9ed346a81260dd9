"""What readers of the books see: views in SQL that SQLite and PostgreSQL both understand."""

VIEWS = {
    "balances": (
        "SELECT a.id AS account, a.kind, a.name, a.authority, a.currency,"
        " CAST(sum(p.cents) AS BIGINT) AS cents"
        " FROM postings p JOIN accounts a ON a.id = p.account"
        " GROUP BY a.id, a.kind, a.name, a.authority, a.currency"
    ),
    "liab": "SELECT name, authority, currency, cents FROM balances WHERE kind = 'LIAB'",
    "trial_balance": (
        "SELECT kind, currency, CAST(sum(cents) AS BIGINT) AS cents, count(*) AS accounts"
        " FROM balances GROUP BY kind, currency"
    ),
    "intents": (
        "SELECT p.id, p.card, p.n, p.kind, p.cents, p.at, p.verdict, e.device, e.epoch, e.seq,"
        " (SELECT min(r.rule) FROM evidence r WHERE r.pending = p.id AND r.rule LIKE 'P%')"
        " AS posted_by,"
        " (SELECT min(r.rule) FROM evidence r WHERE r.pending = p.id AND"
        " r.rule NOT LIKE 'P%' AND r.rule <> 'X') AS voided_by"
        " FROM pendings p JOIN held_entries e ON e.id = p.id"
    ),
    "suspense": (
        "SELECT o.pending, o.card, o.device, o.epoch, o.seq, p.n, p.cents, p.source, p.target,"
        " o.since FROM open_intents o JOIN pendings p ON p.id = o.pending"
        " WHERE o.bits = 0"
    ),
    # Open taps are told by others: the next tap found this one's slot, or another took the count.
    "ticket_uses": (
        "SELECT t.id, t.ticket, t.n, t.at, e.device, e.epoch, e.seq, CASE"
        " WHEN p.tap IS NOT NULL AND v.tap IS NOT NULL THEN 'contradicted'"
        " WHEN p.tap IS NOT NULL THEN 'used'"
        " WHEN v.tap IS NOT NULL OR EXISTS (SELECT 1 FROM ticket_taps o JOIN ticket_results r"
        " ON r.tap = o.id AND r.rule = 'P1' WHERE o.ticket = t.ticket AND o.n = t.n"
        " AND o.id NOT IN (SELECT entry FROM displaced)) THEN 'not used'"
        " WHEN EXISTS (SELECT 1 FROM ticket_taps o WHERE o.ticket = t.ticket AND o.n = t.n + 1"
        " AND o.was = t.made AND o.id NOT IN (SELECT entry FROM displaced))"
        " THEN 'used' ELSE 'open' END AS state"
        " FROM ticket_taps t JOIN held_entries e ON e.id = t.id"
        " LEFT JOIN ticket_results p ON p.tap = t.id AND p.rule = 'P1'"
        " LEFT JOIN (SELECT DISTINCT tap FROM ticket_results WHERE rule <> 'P1') v"
        " ON v.tap = t.id"
    ),
    "ticket_twice": (
        "SELECT t.ticket, t.n, count(*) AS times FROM ticket_taps t JOIN ticket_results r"
        " ON r.tap = t.id AND r.rule = 'P1' WHERE t.id NOT IN (SELECT entry FROM displaced)"
        " GROUP BY t.ticket, t.n HAVING count(*) > 1"
    ),
}
