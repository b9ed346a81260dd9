-- The first books, in SQLite's words; 0001_first_books.py says PostgreSQL's. Frozen: change nothing here, add a revision.

CREATE TABLE accounts (
    id INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(64) NOT NULL,
    authority INTEGER NOT NULL,
    currency VARCHAR(3) NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (id),
    CONSTRAINT uq_accounts_name UNIQUE (name)
);

CREATE TABLE devices (
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    chain BLOB NOT NULL,
    head_seq INTEGER NOT NULL,
    held TEXT NOT NULL,
    poisoned TEXT NOT NULL,
    quarantined INTEGER NOT NULL,
    CONSTRAINT pk_devices PRIMARY KEY (device, epoch)
);

CREATE TABLE quarantine (
    id INTEGER NOT NULL,
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    reason VARCHAR(16) NOT NULL,
    hash BLOB NOT NULL,
    slot BLOB,
    edge VARCHAR(24) NOT NULL,
    received INTEGER NOT NULL,
    CONSTRAINT pk_quarantine PRIMARY KEY (id),
    CONSTRAINT uq_quarantine_device_epoch_seq_hash_reason UNIQUE (device, epoch, seq, hash, reason)
);

CREATE TABLE batches (
    id INTEGER NOT NULL,
    authority INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    head BLOB NOT NULL,
    CONSTRAINT pk_batches PRIMARY KEY (id),
    CONSTRAINT uq_batches_authority_batch UNIQUE (authority, batch)
);

CREATE TABLE sales (
    id INTEGER NOT NULL,
    sale VARCHAR(64) NOT NULL,
    action INTEGER NOT NULL,
    cents INTEGER NOT NULL,
    channel VARCHAR(32) NOT NULL,
    time INTEGER NOT NULL,
    authority INTEGER NOT NULL,
    CONSTRAINT pk_sales PRIMARY KEY (id),
    CONSTRAINT uq_sales_sale UNIQUE (sale)
);

CREATE TABLE alarms (
    id INTEGER NOT NULL,
    kind VARCHAR(24) NOT NULL,
    device INTEGER,
    epoch INTEGER,
    seq INTEGER,
    card INTEGER,
    n INTEGER,
    detail VARCHAR(200) NOT NULL,
    received INTEGER NOT NULL,
    CONSTRAINT pk_alarms PRIMARY KEY (id)
);

CREATE TABLE ticket_sales (
    id INTEGER NOT NULL,
    sale VARCHAR(64) NOT NULL,
    ticket BLOB NOT NULL,
    header BLOB NOT NULL,
    channel VARCHAR(32) NOT NULL,
    time INTEGER NOT NULL,
    cents INTEGER NOT NULL,
    authority INTEGER NOT NULL,
    CONSTRAINT pk_ticket_sales PRIMARY KEY (id),
    CONSTRAINT uq_ticket_sales_sale UNIQUE (sale)
);

CREATE INDEX ix_ticket_sales_ticket ON ticket_sales (ticket);

CREATE TABLE settings (
    name VARCHAR(32) NOT NULL,
    value VARCHAR(200) NOT NULL,
    CONSTRAINT pk_settings PRIMARY KEY (name)
);

CREATE TABLE cards (
    id INTEGER NOT NULL,
    pseudonym BLOB NOT NULL,
    issuer INTEGER NOT NULL,
    issued SMALLINT NOT NULL,
    h0 BLOB NOT NULL,
    n INTEGER NOT NULL,
    d INTEGER NOT NULL,
    l INTEGER NOT NULL,
    h BLOB NOT NULL,
    b INTEGER NOT NULL,
    balance_cents INTEGER NOT NULL,
    debits_cents INTEGER NOT NULL,
    loads_cents INTEGER NOT NULL,
    posted INTEGER NOT NULL,
    voided INTEGER NOT NULL,
    missing TEXT NOT NULL,
    newest INTEGER,
    unaudited SMALLINT NOT NULL,
    CONSTRAINT pk_cards PRIMARY KEY (id),
    CONSTRAINT uq_cards_pseudonym UNIQUE (pseudonym),
    CONSTRAINT fk_cards_id FOREIGN KEY(id) REFERENCES accounts (id)
);

CREATE TABLE postings (
    id INTEGER NOT NULL,
    transfer INTEGER NOT NULL,
    account INTEGER NOT NULL,
    cents INTEGER NOT NULL,
    currency VARCHAR(3) NOT NULL,
    authority INTEGER NOT NULL,
    rule VARCHAR(8) NOT NULL,
    pending INTEGER,
    entry INTEGER,
    sale INTEGER,
    CONSTRAINT pk_postings PRIMARY KEY (id),
    CONSTRAINT fk_postings_account FOREIGN KEY(account) REFERENCES accounts (id)
);

CREATE TABLE holdings (
    card INTEGER NOT NULL,
    n INTEGER NOT NULL,
    head BLOB NOT NULL,
    rights BLOB NOT NULL,
    usage BLOB NOT NULL,
    h BLOB NOT NULL,
    record BLOB NOT NULL,
    doubt INTEGER NOT NULL,
    newest INTEGER,
    CONSTRAINT pk_holdings PRIMARY KEY (card),
    CONSTRAINT fk_holdings_card FOREIGN KEY(card) REFERENCES cards (id)
);

CREATE TABLE entries (
    id INTEGER NOT NULL,
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    type INTEGER NOT NULL,
    layout INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    card INTEGER,
    "of" INTEGER,
    hash BLOB NOT NULL,
    slot BLOB NOT NULL,
    received INTEGER NOT NULL,
    CONSTRAINT pk_entries PRIMARY KEY (id),
    CONSTRAINT uq_entries_device_epoch_seq UNIQUE (device, epoch, seq),
    CONSTRAINT fk_entries_card FOREIGN KEY(card) REFERENCES cards (id)
);

CREATE TABLE issues (
    card INTEGER NOT NULL,
    authority INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    device INTEGER NOT NULL,
    time INTEGER NOT NULL,
    limit_cents INTEGER NOT NULL,
    deposit_cents INTEGER NOT NULL,
    h0 BLOB NOT NULL,
    CONSTRAINT pk_issues PRIMARY KEY (card),
    CONSTRAINT fk_issues_card FOREIGN KEY(card) REFERENCES cards (id)
);

CREATE TABLE sightings (
    id INTEGER NOT NULL,
    card INTEGER NOT NULL,
    n INTEGER NOT NULL,
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    low INTEGER NOT NULL,
    record BLOB NOT NULL,
    rival SMALLINT NOT NULL,
    entry INTEGER NOT NULL,
    CONSTRAINT pk_sightings PRIMARY KEY (id),
    CONSTRAINT fk_sightings_card FOREIGN KEY(card) REFERENCES cards (id)
);

CREATE INDEX ix_sightings_device_epoch_low ON sightings (device, epoch, low);

CREATE INDEX ix_sightings_card ON sightings (card);

CREATE TABLE single_sales (
    id INTEGER NOT NULL,
    sale VARCHAR(64) NOT NULL,
    entry INTEGER,
    seller INTEGER NOT NULL,
    ticket INTEGER NOT NULL,
    void_of INTEGER NOT NULL,
    says BLOB NOT NULL,
    cents INTEGER NOT NULL,
    authority INTEGER NOT NULL,
    operator INTEGER NOT NULL,
    at INTEGER NOT NULL,
    channel VARCHAR(32) NOT NULL,
    verdict INTEGER,
    CONSTRAINT pk_single_sales PRIMARY KEY (id),
    CONSTRAINT uq_single_sales_sale UNIQUE (sale),
    CONSTRAINT fk_single_sales_entry FOREIGN KEY(entry) REFERENCES entries (id)
);

CREATE INDEX ix_single_sales_seller_ticket ON single_sales (seller, ticket);

CREATE TABLE single_uses (
    id INTEGER NOT NULL,
    seller INTEGER NOT NULL,
    ticket INTEGER NOT NULL,
    says BLOB NOT NULL,
    event INTEGER NOT NULL,
    again INTEGER NOT NULL,
    answer INTEGER NOT NULL,
    at INTEGER NOT NULL,
    ride INTEGER NOT NULL,
    operator INTEGER NOT NULL,
    boardings INTEGER NOT NULL,
    CONSTRAINT pk_single_uses PRIMARY KEY (id),
    CONSTRAINT fk_single_uses_id FOREIGN KEY(id) REFERENCES entries (id)
);

CREATE INDEX ix_single_uses_seller_ticket ON single_uses (seller, ticket);

CREATE TABLE pendings (
    id INTEGER NOT NULL,
    card INTEGER NOT NULL,
    n INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,
    source INTEGER NOT NULL,
    target INTEGER NOT NULL,
    cents INTEGER NOT NULL,
    currency VARCHAR(3) NOT NULL,
    authority INTEGER NOT NULL,
    d INTEGER NOT NULL,
    l INTEGER NOT NULL,
    b INTEGER NOT NULL,
    h BLOB NOT NULL,
    verdict INTEGER,
    older INTEGER,
    CONSTRAINT pk_pendings PRIMARY KEY (id),
    CONSTRAINT fk_pendings_id FOREIGN KEY(id) REFERENCES entries (id),
    CONSTRAINT fk_pendings_card FOREIGN KEY(card) REFERENCES cards (id),
    CONSTRAINT fk_pendings_source FOREIGN KEY(source) REFERENCES accounts (id),
    CONSTRAINT fk_pendings_target FOREIGN KEY(target) REFERENCES accounts (id)
);

CREATE TABLE early_outcomes (
    entry INTEGER NOT NULL,
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    "of" INTEGER NOT NULL,
    bit INTEGER NOT NULL,
    observed BLOB NOT NULL,
    CONSTRAINT pk_early_outcomes PRIMARY KEY (entry, "of", bit),
    CONSTRAINT fk_early_outcomes_entry FOREIGN KEY(entry) REFERENCES entries (id)
);

CREATE INDEX ix_early_outcomes_device_epoch_of ON early_outcomes (device, epoch, "of");

CREATE TABLE ticket_taps (
    id INTEGER NOT NULL,
    ticket BLOB NOT NULL,
    n INTEGER NOT NULL,
    at INTEGER NOT NULL,
    authority INTEGER NOT NULL,
    operator INTEGER NOT NULL,
    product INTEGER NOT NULL,
    zone INTEGER NOT NULL,
    was BLOB NOT NULL,
    made BLOB NOT NULL,
    CONSTRAINT pk_ticket_taps PRIMARY KEY (id),
    CONSTRAINT fk_ticket_taps_id FOREIGN KEY(id) REFERENCES entries (id)
);

CREATE INDEX ix_ticket_taps_ticket_n ON ticket_taps (ticket, n);

CREATE TABLE waiting_taps (
    pending INTEGER NOT NULL,
    card INTEGER NOT NULL,
    n INTEGER NOT NULL,
    CONSTRAINT pk_waiting_taps PRIMARY KEY (pending),
    CONSTRAINT fk_waiting_taps_pending FOREIGN KEY(pending) REFERENCES pendings (id),
    CONSTRAINT fk_waiting_taps_card FOREIGN KEY(card) REFERENCES cards (id)
);

CREATE INDEX ix_waiting_taps_card ON waiting_taps (card);

CREATE TABLE choices (
    pending INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    CONSTRAINT pk_choices PRIMARY KEY (pending),
    CONSTRAINT fk_choices_pending FOREIGN KEY(pending) REFERENCES pendings (id)
);

CREATE TABLE differences (
    pending INTEGER NOT NULL,
    validator VARCHAR(200) NOT NULL,
    ledger VARCHAR(400) NOT NULL,
    CONSTRAINT pk_differences PRIMARY KEY (pending),
    CONSTRAINT fk_differences_pending FOREIGN KEY(pending) REFERENCES pendings (id)
);

CREATE TABLE resolutions (
    pending INTEGER NOT NULL,
    rule VARCHAR(4) NOT NULL,
    entry INTEGER,
    received INTEGER NOT NULL,
    CONSTRAINT pk_resolutions PRIMARY KEY (pending, rule),
    CONSTRAINT ck_resolutions_rule CHECK (rule IN ('P1','P2','P3','V1','V2','V3','EQ','X')),
    CONSTRAINT fk_resolutions_pending FOREIGN KEY(pending) REFERENCES pendings (id)
)
 WITHOUT ROWID;

CREATE TABLE open_intents (
    pending INTEGER NOT NULL,
    card INTEGER NOT NULL,
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    answered SMALLINT NOT NULL,
    first BLOB NOT NULL,
    since INTEGER NOT NULL,
    CONSTRAINT pk_open_intents PRIMARY KEY (pending),
    CONSTRAINT fk_open_intents_pending FOREIGN KEY(pending) REFERENCES pendings (id),
    CONSTRAINT fk_open_intents_card FOREIGN KEY(card) REFERENCES cards (id)
);

CREATE INDEX ix_open_intents_card ON open_intents (card);

CREATE TABLE ticket_results (
    tap INTEGER NOT NULL,
    rule VARCHAR(4) NOT NULL,
    entry INTEGER NOT NULL,
    received INTEGER NOT NULL,
    CONSTRAINT pk_ticket_results PRIMARY KEY (tap, rule),
    CONSTRAINT ck_ticket_results_rule CHECK (rule IN ('P1','V1','V3')),
    CONSTRAINT fk_ticket_results_tap FOREIGN KEY(tap) REFERENCES ticket_taps (id)
);

CREATE VIEW balances AS SELECT a.id AS account, a.kind, a.name, a.authority, a.currency, CAST(sum(p.cents) AS BIGINT) AS cents FROM postings p JOIN accounts a ON a.id = p.account GROUP BY a.id, a.kind, a.name, a.authority, a.currency;

CREATE VIEW liab AS SELECT name, authority, currency, cents FROM balances WHERE kind = 'LIAB';

CREATE VIEW trial_balance AS SELECT kind, currency, CAST(sum(cents) AS BIGINT) AS cents, count(*) AS accounts FROM balances GROUP BY kind, currency;

CREATE VIEW intents AS SELECT p.id, p.card, p.n, p.kind, p.cents, p.at, p.verdict, e.device, e.epoch, e.seq, (SELECT min(r.rule) FROM resolutions r WHERE r.pending = p.id AND r.rule LIKE 'P%') AS posted_by, (SELECT min(r.rule) FROM resolutions r WHERE r.pending = p.id AND r.rule NOT LIKE 'P%' AND r.rule <> 'X') AS voided_by FROM pendings p JOIN entries e ON e.id = p.id;

CREATE VIEW suspense AS SELECT o.pending, o.card, o.device, o.epoch, o.seq, p.n, p.cents, p.source, p.target, o.since FROM open_intents o JOIN pendings p ON p.id = o.pending WHERE o.bits = 0;

CREATE VIEW ticket_uses AS SELECT t.id, t.ticket, t.n, t.at, e.device, e.epoch, e.seq, CASE WHEN p.tap IS NOT NULL AND v.tap IS NOT NULL THEN 'contradicted' WHEN p.tap IS NOT NULL THEN 'used' WHEN v.tap IS NOT NULL OR EXISTS (SELECT 1 FROM ticket_taps o JOIN ticket_results r ON r.tap = o.id AND r.rule = 'P1' WHERE o.ticket = t.ticket AND o.n = t.n) THEN 'not used' WHEN EXISTS (SELECT 1 FROM ticket_taps o WHERE o.ticket = t.ticket AND o.n = t.n + 1 AND o.was = t.made) THEN 'used' ELSE 'open' END AS state FROM ticket_taps t JOIN entries e ON e.id = t.id LEFT JOIN ticket_results p ON p.tap = t.id AND p.rule = 'P1' LEFT JOIN (SELECT DISTINCT tap FROM ticket_results WHERE rule <> 'P1') v ON v.tap = t.id;

CREATE VIEW ticket_twice AS SELECT t.ticket, t.n, count(*) AS times FROM ticket_taps t JOIN ticket_results r ON r.tap = t.id AND r.rule = 'P1' GROUP BY t.ticket, t.n HAVING count(*) > 1;

CREATE VIEW single_twice AS SELECT seller, ticket, operator, ride, count(*) AS times FROM single_uses WHERE event = 1 AND again = 0 GROUP BY seller, ticket, operator, ride HAVING count(*) > 1;

CREATE VIEW single_often AS SELECT seller, ticket, count(DISTINCT operator * 1048577 + ride) AS rides, min(boardings) AS boardings FROM single_uses WHERE event = 1 GROUP BY seller, ticket HAVING count(DISTINCT operator * 1048577 + ride) > min(boardings);

CREATE VIEW single_differs AS SELECT seller, ticket, count(*) AS tickets FROM (SELECT seller, ticket, says FROM single_sales WHERE void_of = 0 UNION SELECT seller, ticket, says FROM single_uses) told GROUP BY seller, ticket HAVING count(*) > 1;

CREATE VIEW single_void_used AS SELECT DISTINCT u.seller, u.ticket FROM single_uses u JOIN single_sales v ON v.seller = u.seller AND v.void_of = u.ticket WHERE u.event = 1;

CREATE VIEW single_unsold AS SELECT DISTINCT u.seller, u.ticket FROM single_uses u WHERE NOT EXISTS (SELECT 1 FROM single_sales s WHERE s.seller = u.seller AND s.ticket = u.ticket AND s.void_of = 0);
