"""A key of its own for each subject, so that forgetting one key forgets one person everywhere.

A folder holds `register.key` (two secrets, mode 0600) and `subject-keys.db` (each subject's key,
wrapped, and of each dropped one a mark that only `register.key` leads to). A register's database
holds only what was sealed with a subject's key. Backups are made of databases and never of this
folder: when a key is dropped, the copies of its rows in every backup are noise. Pilot only: a
service keeps `register.key` in a hardware module.

It must not know what is sealed. Source: trust.md section 5; decision D24; RFC 3394 (wrapping),
NIST SP 800-38D (AES-GCM).
"""

import fcntl
import hmac
import json
import os
import secrets
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

KEY_FILE = "register.key"
SHELF_FILE = "subject-keys.db"
LOCK_FILE = "subject-keys.lock"
NOTICE = (
    "PILOT ONLY: software keys. Whoever reads this file and subject-keys.db reads the register."
)
KEY_BYTES = 32
NONCE_BYTES = 12
DROPPED = b"dropped"  # label of the marks
PAD_BYTES = 256  # lengths of names and addresses shall not tell rows apart

Entropy = Callable[[int], bytes]


class SubjectKeysError(Exception):
    """The keys cannot be used; the message says which file, what was found and what to do."""


class KeyGone(Exception):
    """There is no key for this subject: it was never there, or it was erased."""


def make_keys(folder: Path, entropy: Entropy = secrets.token_bytes) -> None:
    """Make a key file and an empty shelf.

    Raises: SubjectKeysError when there is one: keys are never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(_shelf(folder)) as shelf:
        if shelf.execute("SELECT 1 FROM subject_key LIMIT 1").fetchone():
            raise SubjectKeysError(
                f"{folder / SHELF_FILE}: holds keys already; put back the {KEY_FILE} of the pair"
            )
    found = {"notice": NOTICE, "wrap": entropy(32).hex(), "lookup": entropy(32).hex()}
    try:
        handle = os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SubjectKeysError(
            f"{folder / KEY_FILE}: cannot be made: {error.strerror}; keys are never overwritten"
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(json.dumps(found, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())


class SubjectKeys:
    """The keys of one register. One process uses a folder at a time (decision D20)."""

    def __init__(self, folder: Path, entropy: Entropy = secrets.token_bytes) -> None:
        self.folder = folder
        self.entropy = entropy
        self.wrap, self.lookup = _read(folder / KEY_FILE)
        if not (folder / SHELF_FILE).exists():
            # An empty one in its place would make noise of everybody.
            raise SubjectKeysError(
                f"{folder / SHELF_FILE}: missing; put back its newest copy, no row opens without it"
            )
        self.lock = _lock(folder / LOCK_FILE)
        self.shelf = _shelf(folder)

    def close(self) -> None:
        self.shelf.close()
        os.close(self.lock)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all keys inside durable at once, or none of them."""
        self.shelf.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.shelf.execute("COMMIT")
        except BaseException:
            if self.shelf.in_transaction:
                self.shelf.execute("ROLLBACK")
            raise

    def make(self, subject: bytes) -> None:
        """Make a key for a new subject; one that has a key keeps it."""
        wrapped = aes_key_wrap(self.wrap, self.entropy(KEY_BYTES))
        self.shelf.execute("INSERT OR IGNORE INTO subject_key VALUES (?, ?)", (subject, wrapped))

    def has(self, subject: bytes) -> bool:
        sql = "SELECT 1 FROM subject_key WHERE subject = ?"
        return self.shelf.execute(sql, (subject,)).fetchone() is not None

    def drop(self, subject: bytes) -> bool:
        """Forget a key for ever. Return False when there was none."""
        with self.together():
            sql = "DELETE FROM subject_key WHERE subject = ?"
            known = self.shelf.execute(sql, (subject,)).rowcount == 1
            if known:
                mark = (self.place(DROPPED, subject),)
                self.shelf.execute("INSERT OR IGNORE INTO dropped VALUES (?)", mark)
        return known

    def subjects(self) -> set[bytes]:
        """Return every subject that has a key."""
        return {row[0] for row in self.shelf.execute("SELECT subject FROM subject_key")}

    def without_key(self, subjects: Iterable[bytes], every: bool = False) -> list[bytes]:
        """Return the subjects whose key was dropped here; `every`: all that have none.

        Raises: SubjectKeysError when one has no key although none was dropped: then these are not
        the keys of these rows, or an older copy of them, and the rows may open again.
        """
        known = self.subjects()
        gone = [subject for subject in subjects if subject not in known]
        marks = {row[0] for row in self.shelf.execute("SELECT mark FROM dropped")}
        strange = [subject for subject in gone if self.place(DROPPED, subject) not in marks]
        if strange and not every:
            raise SubjectKeysError(
                f"{self.folder / SHELF_FILE}: {len(strange)} rows have no key, and none of theirs"
                " was ever dropped here: this is an older copy, or another register's; put back"
                " the newest one. Nothing was taken away; --every takes these rows too, for ever"
            )
        return gone

    def seal(self, subject: bytes, text: bytes, place: bytes) -> bytes:
        """Return `text` as nobody reads it without the subject's key; `place` binds it to its row.

        Shape: nonce 12 | ciphertext of a multiple of 256 bytes | tag 16. `text` must not end in
        blanks: padding is blanks. Raises: KeyGone.
        """
        padded = text.ljust(-(-len(text) // PAD_BYTES) * PAD_BYTES)
        nonce = self.entropy(NONCE_BYTES)
        return nonce + AESGCM(self._key(subject)).encrypt(nonce, padded, place)

    def open_seal(self, subject: bytes, sealed: bytes, place: bytes) -> bytes:
        """Return the text. Raises: KeyGone; SubjectKeysError for bytes changed or moved."""
        key = self._key(subject)
        try:
            text = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            raise SubjectKeysError(
                "a sealed row does not open: it was changed, moved, or belongs to other keys;"
                " restore the database's last backup"
            ) from None
        return text.rstrip(b" ")

    def mark(self, subject: bytes, label: bytes) -> bytes:
        """Return 16 bytes that only the subject's key leads to: after `drop` nobody finds them."""
        return hmac.digest(self._key(subject), label, "sha256")[:16]

    def place(self, label: bytes, value: bytes) -> bytes:
        """Return where the register keeps `value`: 16 bytes that only its key file leads to."""
        return hmac.digest(self.lookup, label + b"|" + value, "sha256")[:16]

    def _key(self, subject: bytes) -> bytes:
        sql = "SELECT wrapped FROM subject_key WHERE subject = ?"
        found = self.shelf.execute(sql, (subject,)).fetchone()
        if found is None:
            raise KeyGone("no key for this subject: it was never there, or it was erased")
        try:
            return aes_key_unwrap(self.wrap, found[0])
        except (InvalidUnwrap, ValueError):
            raise SubjectKeysError(
                f"{self.folder / SHELF_FILE}: wrapped by another {KEY_FILE}; put back the pair"
            ) from None


def _shelf(folder: Path) -> sqlite3.Connection:
    """Open the keys of a folder; make the tables that are not there."""
    shelf = sqlite3.connect(folder / SHELF_FILE, isolation_level=None)
    # What is dropped is overwritten, and no journal file keeps the page as it was.
    for pragma in ("secure_delete=ON", "journal_mode=TRUNCATE", "synchronous=FULL"):
        shelf.execute(f"PRAGMA {pragma}")
    for table in (
        "subject_key (subject BLOB PRIMARY KEY, wrapped BLOB NOT NULL)",
        "dropped (mark BLOB PRIMARY KEY)",
    ):
        shelf.execute(f"CREATE TABLE IF NOT EXISTS {table} WITHOUT ROWID")
    return shelf


def _read(path: Path) -> tuple[bytes, bytes]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        found = json.loads(path.read_text(encoding="ascii"))
        keys = bytes.fromhex(found["wrap"]), bytes.fromhex(found["lookup"])
    except OSError as error:
        raise SubjectKeysError(
            f"{path}: cannot be read: {error.strerror}; `init` makes it"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        # Never the text itself: it is made of keys.
        raise SubjectKeysError(f"{path}: not a key file ({type(error).__name__})") from None
    if mode & 0o077:
        raise SubjectKeysError(f"{path}: mode {mode:04o} lets others read the keys, wanted 0600")
    if [len(key) for key in keys] != [KEY_BYTES, KEY_BYTES]:
        raise SubjectKeysError(f"{path}: keys of {[len(k) for k in keys]} bytes, wanted 32 and 32")
    return keys


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise SubjectKeysError(
            f"{path.parent}: another process uses this register; stop it first"
        ) from None
    return handle
