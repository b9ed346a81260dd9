"""The tables of the edge's database, as migrations that only ever grow.

Opens in any SQLite tool: times are UTC seconds since 2020-01-01, and the views `v_*` are for
people. Plain SQL because STRICT and WITHOUT ROWID decide size and safety here.
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("edge")

FIRST = """
CREATE TABLE entries (       -- raw sealed slots; H is the chain value after the slot
    device INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    slot BLOB NOT NULL CHECK (length(slot) = 128), H BLOB NOT NULL CHECK (length(H) = 32),
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (device, epoch, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE runs (          -- consecutive entries; remembered when the entries are deleted
    device INTEGER NOT NULL, epoch INTEGER NOT NULL,
    first_seq INTEGER NOT NULL, H_before BLOB NOT NULL CHECK (length(H_before) = 32),
    last_seq INTEGER NOT NULL, H_last BLOB NOT NULL CHECK (length(H_last) = 32),
    PRIMARY KEY (device, epoch, first_seq)) STRICT, WITHOUT ROWID;
CREATE TABLE marks (         -- newest verified acknowledgement of each device
    device INTEGER NOT NULL, epoch INTEGER NOT NULL, acked_seq INTEGER NOT NULL,
    incarnation INTEGER NOT NULL, statement BLOB NOT NULL CHECK (length(statement) = 64),
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (device, epoch)) STRICT, WITHOUT ROWID;
CREATE TABLE acks (          -- when each seq was acknowledged: retention counts from there
    device INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (device, epoch, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE bodies (
    sha256 BLOB PRIMARY KEY NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE packages (      -- newest envelope of each device, role and authority
    device INTEGER NOT NULL, role INTEGER NOT NULL, authority INTEGER NOT NULL,
    version INTEGER NOT NULL, envelope BLOB NOT NULL, sha256 BLOB NOT NULL REFERENCES bodies,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (device, role, authority)) STRICT, WITHOUT ROWID;
CREATE TABLE dock_keys (
    device INTEGER NOT NULL, month INTEGER NOT NULL, key BLOB NOT NULL CHECK (length(key) = 16),
    PRIMARY KEY (device, month)) STRICT, WITHOUT ROWID;
CREATE TABLE devices (       -- what each device said of itself at its last dock
    device INTEGER PRIMARY KEY NOT NULL, epoch INTEGER NOT NULL, statement BLOB NOT NULL,
    dock TEXT NOT NULL, seen_at INTEGER NOT NULL) STRICT;
CREATE TABLE quarantine (    -- refused, kept because it may be evidence
    id INTEGER PRIMARY KEY, device INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    why TEXT NOT NULL, bytes BLOB NOT NULL, stored_at INTEGER NOT NULL,
    UNIQUE (device, epoch, seq, why, bytes)) STRICT;
CREATE TABLE gaps (          -- seqs a device should have had and did not
    device INTEGER NOT NULL, epoch INTEGER NOT NULL, first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY (device, epoch, first_seq)) STRICT, WITHOUT ROWID;
CREATE TABLE counters (
    name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE VIEW v_entries AS
    SELECT e.device, e.epoch, e.seq, e.stored_at,
           datetime(e.stored_at + 1577836800, 'unixepoch') AS stored,
           e.seq <= ifnull(m.acked_seq, 0) AS acked
    FROM entries e LEFT JOIN marks m USING (device, epoch)
"""


@migrations(name="001_first")
def first(db: Database) -> None:
    """Make every table of the first version."""
    for statement in FIRST.split(";\n"):
        db.conn.execute(statement)
