"""A group of 1,000 entries at a real ledger with its keyring, 25 a commit, killed anywhere.

The child process is the ledger and the keyring, each over its own real SQLite file. It tells the
parent of an acknowledgement the moment `post` has returned; the parent is the edge, which sends
again whatever it was not told of, and now and then what it was.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger
from backend_sync.ports import KeyringRefused
from backend_sync.storage.disk import RESTORE_KEYRING, DiskRefused, in_words
from card_layouts.fares.mounted import Tariff
from simulator.bench.ledger_traffic import AUTHORITY, FIRST_SECOND, VERSION, Traffic

ENTRIES, GROUP = 1000, 25
CARDS, DEVICES = 60, 5
DONE, REFUSED = 0, 3
LEDGER_FILE = "ledger.db"
STOP_AFTER = 0  # groups, after which the process ends cleanly; 0 = all


class Still:
    """A clock that stands."""

    def utc_seconds(self) -> int:
        """Return the traffic's first second."""
        return FIRST_SECOND

    def monotonic_ms(self) -> int:
        """Return 0."""
        return 0


class LedgerDrill:
    """One template folder, the batches of the group and the books they must come to."""

    name = "ledger"

    def __init__(self, folder: Path) -> None:
        self.template = folder / "ledger-template"
        self.template.mkdir()
        write_keys(self.template / "keys.json", make_keys([AUTHORITY], seed="kills"))
        keyring = LocalKeyring(self.template)
        traffic = Traffic(keyring, CARDS, DEVICES)
        self.tariff = traffic.tariff
        ledger = open_ledger(self.template, keyring, self.tariff)
        ledger.import_issues(traffic.issues())
        self.groups = list(traffic.groups(ENTRIES, GROUP, 1))
        ledger.close()
        keyring.close()
        whole = self.fresh(folder / "ledger-whole")
        assert whole.child() == DONE
        whole.hear()
        with Opened(self, whole.folder) as ledger:
            self.books = whole.books(ledger)
        whole.close()

    def fresh(self, folder: Path) -> "LedgerState":
        """Return a ledger that has had nothing of the group, in `folder`."""
        shutil.copytree(self.template, folder)
        return LedgerState(self, folder)


class LedgerState:
    """A ledger's folder, and what its edge was told."""

    def __init__(self, drill: LedgerDrill, folder: Path) -> None:
        self.drill, self.folder = drill, folder
        self.told: dict[tuple[int, int], tuple[int, str]] = {}
        self.posted = 0  # groups acknowledged from the first on
        self._ours, self._theirs = os.pipe()
        os.set_blocking(self._ours, False)
        self._rest = b""

    @property
    def child(self) -> Callable[[], int]:
        """What the ledger's process does: open, post from the last group that was told on."""
        self.hear()
        first = max(self.posted - 1, 0)  # the last one again: an edge cannot know
        return lambda: _post(self.drill, self.folder, first, self._theirs)

    def hear(self) -> None:
        """Take the acknowledgements that were told."""
        try:
            while part := os.read(self._ours, 1 << 16):
                self._rest += part
        except BlockingIOError:
            pass
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            number, acks = json.loads(line)
            self.posted = max(self.posted, number + 1)
            for device, epoch, seq, chain in acks:
                self.told[device, epoch] = seq, chain

    def after_kill(self) -> list[str]:
        """Whatever was acknowledged is in the books of a process that opens them now."""
        self.hear()
        self._rest = b""
        with Opened(self.drill, self.folder) as ledger:
            return self._missing(ledger)

    def _missing(self, ledger: Ledger) -> list[str]:
        rows = ledger.database.rows("SELECT device, epoch, seq, hash FROM entries")
        report = ledger.report()
        held = {(row[0], row[1], row[2]) for row in rows}
        found = [] if len(held) == len(rows) else ["an entry is there twice"]
        for (device, epoch), (seq, _chain) in self.told.items():
            missing = [n for n in range(1, seq + 1) if (device, epoch, n) not in held]
            if missing:
                found.append(f"device {device}: {seq} acknowledged, {missing[:3]} missing")
        found += [f"{name} {report[name]}" for name in MUST_BE_ZERO if report[name]]
        return found

    def at_end(self) -> list[str]:
        """The books are those of a ledger that nobody killed, and the edge was told the same."""
        self.hear()
        with Opened(self.drill, self.folder) as ledger:
            found, books = self._missing(ledger), self.books(ledger)
        if books != self.drill.books:
            found.append(f"books differ: {_difference(books, self.drill.books)}")
        return found

    def books(self, ledger: Ledger) -> dict[str, Any]:
        """Return report, acknowledgements and a hash of every row of money."""
        rows = {name: ledger.database.rows(sql) for name, sql in MONEY.items()}
        report = ledger.report(with_cards=True)
        told = {str(key): value for key, value in sorted(self.told.items())}
        hashes = {name: sha256(repr(list(map(tuple, r))).encode()).hexdigest()
                  for name, r in rows.items()}  # fmt: skip
        return {"report": report, "told": told, **hashes}

    def close(self) -> None:
        """Throw the folder away."""
        os.close(self._ours)
        os.close(self._theirs)
        shutil.rmtree(self.folder, ignore_errors=True)


MUST_BE_ZERO = ("lost", "doubled", "unbalanced", "trial_balance_cents", "forks", "equivocations")
MONEY = {
    "entries": "SELECT device, epoch, seq, hash FROM entries ORDER BY device, epoch, seq",
    "lines": "SELECT a.kind, p.cents, p.rule FROM postings p JOIN accounts a ON a.id = p.account"
    " ORDER BY p.transfer, p.id",
}


class Opened:
    """A ledger over a copy of the folder, as a fresh process would find it."""

    def __init__(self, drill: LedgerDrill, folder: Path) -> None:
        self._copy = folder.with_name(folder.name + "-copy")
        shutil.copytree(folder, self._copy, symlinks=True)
        self._keyring = LocalKeyring(self._copy)
        self._ledger = open_ledger(self._copy, self._keyring, drill.tariff)

    def __enter__(self) -> Ledger:
        return self._ledger

    def __exit__(self, *_: object) -> None:
        self._ledger.close()
        self._keyring.close()
        shutil.rmtree(self._copy, ignore_errors=True)


def open_ledger(folder: Path, keyring: LocalKeyring, tariff: Tariff) -> Ledger:
    """Open the ledger of a folder."""
    tariffs = {(AUTHORITY, VERSION): tariff}
    return Ledger(f"sqlite:///{folder / LEDGER_FILE}", Still(), keyring, tariffs, AUTHORITY)


def _post(drill: LedgerDrill, folder: Path, first: int, line: int) -> int:
    try:
        keyring = LocalKeyring(folder)
        ledger = open_ledger(folder, keyring, drill.tariff)
        for number, group in enumerate(drill.groups):
            if number >= (STOP_AFTER or len(drill.groups)):
                break
            if number >= first:
                _tell(line, number, ledger.post(group))
        ledger.close()
        keyring.close()
    except (DiskRefused, DBAPIError, sqlite3.Error, KeyringRefused) as error:
        # The disk failed: nothing of the group was told, its process begins anew.
        (folder / "said").write_text(in_words(error, RESTORE_KEYRING) or str(error))
        return REFUSED
    return DONE


def _tell(line: int, number: int, acks: list[dict[str, Any]]) -> None:
    rows = [[ack["device"], ack["epoch"], ack["seq"], ack["H"].hex()] for ack in acks]
    os.write(line, json.dumps([number, rows]).encode() + b"\n")


def _difference(ours: dict[str, Any], wanted: dict[str, Any]) -> str:
    names = [name for name in wanted if ours.get(name) != wanted[name]]
    report = ours["report"], wanted["report"]
    deeper = [name for name in report[1] if report[0].get(name) != report[1][name]]
    return f"{names} {deeper}"
