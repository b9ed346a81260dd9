"""A dock session of 1,000 entries at a real edge agent, in a process that may be killed anywhere.

The child process is the agent (`edge_agent.app.EdgeAgent` over a real SQLite file) and, in the same
process, the firmware's own dock over a journal on file-backed flash: both lose their life at once.
The ledger is the parent: what was sent to it stays with it. It acknowledges what it holds, signed.
"""

import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.keyring.keyfile import make_keys
from backend_sync.keyring.signing import Signing
from card_layouts.codec import cbor
from card_layouts.codec.timestamps import day_of, month_of
from card_layouts.crypto.kdf import block_key, device_key, device_label, dock_key
from card_layouts.link.batches import decode_batch
from card_layouts.records.entries import REFUSAL
from edge_agent import intake
from edge_agent.app import EdgeAgent
from edge_agent.config import BrokerConfig, EdgeConfig
from edge_agent.dock_session import DockSession
from edge_agent.ports import Message
from edge_agent.store import Store, StoreRefused
from firmware.device_clock import DeviceClock
from firmware.dock import Dock
from firmware.journal import Journal
from firmware.updates import Updates
from simulator.flash import BLOCK_BYTES, Flash

ENTRIES, GROUP = 1000, 25
DEVICE, EPOCH, BLOCKS = 4711, 1, 40
EDGE, AUTHORITY = "depot-1", 244
NOW = 200_000_000
TICK_MS, TICKS_MAX = 10, 1_500
EXPIRE_MS = 60_000
DONE, REFUSED, ENDLESS, STOPPED = 0, 3, 4, 5
STOP_AT = 0  # the session ends cleanly when so many entries are stored, half of them acknowledged


class Book(NamedTuple):
    """What everybody agrees on before the session: slots and chain of the journal, keys."""

    slots: list[bytes]
    chain: list[bytes]
    signing: Signing
    k_dev: bytes


class Inland:
    """The Broker port; the ledger behind it holds what the parent has received."""

    connected, connections, problem = True, 1, ""

    def __init__(self, book: Book, held: int, line: socket.socket) -> None:
        self._book, self.held, self._line = book, held, line
        k_dock_root = device_label(book.k_dev, b"dock")
        month = month_of(day_of(NOW))
        key = dock_key(k_dock_root, EDGE.encode(), month)
        self._coming = [("down", cbor.encode([1, "dock", month, [[DEVICE, key]]]))]

    def receive(self, limit: int) -> list[Message]:
        """Return what has come."""
        taken, self._coming = self._coming[:limit], self._coming[limit:]
        return [Message(f"x/{topic}", payload, 0) for topic, payload in taken]

    def done(self, message: Message) -> None:
        """Nothing is kept."""

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Give a batch to the parent, then acknowledge it."""
        if retain:
            return True
        if STOP_AT and self.held >= STOP_AT // 2:
            return True  # a broker that forgets
        self._line.send(payload)
        for _device, _epoch, first, _before, slots in decode_batch(payload)[1]:
            if first <= self.held + 1:
                self.held = max(self.held, first + len(slots) - 1)
        values: dict[str, Any] = {"device": DEVICE, "epoch": EPOCH, "seq": self.held}
        values.update(incarnation=1, time=NOW, H=self._book.chain[self.held])
        self._coming.append(("ack", self._book.signing.ack_batch([values])))
        return True

    def close(self) -> None:
        """Nothing to close."""


class Board:
    """The firmware's dock over a journal on flash in a file; also its Link port."""

    def __init__(self, book: Book, path: Path) -> None:
        flash = Flash(BLOCK_BYTES * BLOCKS, path)
        self.journal = Journal(flash, 0, BLOCKS).mount()
        clock = DeviceClock(Still(), self.journal.counters)
        keys = _Keys(book.k_dev)
        updates = Updates(flash, {}, keys.cfg, {}, self.journal, clock, {})
        self.came = self.said = b""
        self.dock = Dock(self, self.journal, updates, keys, clock, Counted().random_bytes)

    def read(self, buf: bytearray) -> int:
        """Fill buf with what the edge sent."""
        part, self.came = self.came[: len(buf)], self.came[len(buf) :]
        buf[: len(part)] = part
        return len(part)

    def write(self, data: bytes) -> None:
        """Say something to the edge."""
        self.said += bytes(data)


class BoardEnd:
    """The edge's end of the line."""

    port = "pty"

    def __init__(self, board: Board) -> None:
        self._board = board

    def read(self) -> bytes:
        """Return what the board said."""
        said, self._board.said = self._board.said, b""
        return said

    def write(self, data: bytes) -> None:
        """Say something to the board, and let it answer."""
        self._board.came += data
        while self._board.dock.tick():
            pass

    def fileno(self) -> None:
        """There is nothing to wait for."""

    def close(self) -> None:
        """Stay."""


class Still:
    """A clock that stands."""

    def utc_seconds(self) -> int:
        """Return NOW."""
        return NOW

    def ticks_ms(self) -> int:
        """Return 0."""
        return 0

    def monotonic_ms(self) -> int:
        """Return 0."""
        return 0


class Counted:
    """Entropy that is the same in every run."""

    def __init__(self) -> None:
        self._calls = 0

    def random_bytes(self, count: int) -> bytes:
        """Return the next bytes."""
        self._calls += 1
        return sha256(b"kills" + self._calls.to_bytes(4, "big")).digest()[:count]


class _Keys:
    def __init__(self, k_dev: bytes) -> None:
        self.ack, self.cfg, self.dock = (
            device_label(k_dev, label) for label in (b"ack", b"cfg", b"dock")
        )


class EdgeDrill:
    """One template folder and its book; `child` is what a process does, `judge` looks at it."""

    name = "edge"

    def __init__(self, folder: Path) -> None:
        self.template = folder / "edge-template"
        self.template.mkdir()
        keys = make_keys([AUTHORITY], seed="kills")
        k_dev = device_key(keys.root, DEVICE, EPOCH)
        flash = Flash(BLOCK_BYTES * BLOCKS, self.template / "flash")
        Journal.provision(flash, 0, BLOCKS, DEVICE, EPOCH, block_key(k_dev))
        journal = Journal(flash, 0, BLOCKS).mount()
        chain = [journal.H]
        for number in range(ENTRIES):
            journal.append(REFUSAL, number.to_bytes(96, "big"))
            chain.append(journal.H)
        slots = []
        for seq in range(1, ENTRIES + 1):
            slot = bytearray(128)
            assert journal.read_slot(seq, slot)
            slots.append(bytes(slot))
        flash.close()
        self.book = Book(slots, chain, Signing(keys), k_dev)

    def fresh(self, folder: Path) -> "EdgeState":
        """Return a session that has not begun, in `folder`."""
        shutil.copytree(self.template, folder)
        return EdgeState(self.book, folder)


class EdgeState:
    """A session: its folder, and what its ledger holds."""

    def __init__(self, book: Book, folder: Path) -> None:
        self.book, self.folder = book, folder
        self.held: dict[int, bytes] = {}
        self.conflicts = 0
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self._ours, self._theirs = ours, theirs

    @property
    def child(self) -> Callable[[], int]:
        """What the agent's process does: from its start to everything acknowledged and deleted."""
        return lambda: _session(self.book, self.folder, self.head(), self._theirs)

    def head(self) -> int:
        """Return the seq up to which the ledger holds everything."""
        self.hear()
        seq = 0
        while seq + 1 in self.held:
            seq += 1
        return seq

    def hear(self) -> None:
        """Take what was sent, also by a process that is dead by now."""
        while True:
            try:
                payload = self._ours.recv(1 << 17)
            except BlockingIOError:
                return
            for _device, _epoch, first, _before, slots in decode_batch(payload)[1]:
                for seq, slot in enumerate(slots, first):
                    if self.held.setdefault(seq, bytes(slot)) != slot:
                        self.conflicts += 1

    def after_kill(self) -> list[str]:
        """Look at what a killed agent left; nobody may have forgotten what nobody else holds."""
        head, found = self.head(), []
        flash = Flash(BLOCK_BYTES * BLOCKS, self.folder / "flash").clone()
        journal = Journal(flash, 0, BLOCKS).mount()
        if journal.acked_seq > head:
            found.append(f"I12: the board was told {journal.acked_seq}, the ledger holds {head}")
        if not (self.folder / "data" / "edge.db").exists():
            return found
        rows = _rows(self.folder, "SELECT ifnull(max(acked_seq), 0) FROM marks")
        acked = rows[0][0] if rows else 0
        if acked > head:
            found.append(f"I12: the edge believes {acked}, the ledger holds {head}")
        kept = dict(_rows(self.folder, "SELECT seq, slot FROM entries"))
        stored = _rows(self.folder, "SELECT ifnull(max(last_seq), 0) FROM runs")
        top = stored[0][0] if stored else 0
        for seq in range(1, top + 1):
            if seq not in kept and seq > acked:
                found.append(f"entry {seq} was stored and is gone, {acked} acknowledged")
        found += [f"entry {seq} differs" for seq in kept if kept[seq] != self.book.slots[seq - 1]]
        found += [f"entry {seq} was sent and is not stored" for seq in self.held if seq > top]
        return found

    def at_end(self, sound: bool = True) -> list[str]:
        """Return what is wrong when the agent says that all is done.

        `sound` False where a page of the edge's database was damaged: it was begun anew, and its
        own sums with it, or what nobody read is still damaged.
        """
        self.hear()
        found = self.after_kill()
        whole = [self.held.get(seq) for seq in range(1, ENTRIES + 1)]
        lost = sum(slot != want for slot, want in zip(whole, self.book.slots, strict=True))
        if lost or len(self.held) != ENTRIES or self.conflicts:
            found.append(f"lost {lost}, held {len(self.held)}, conflicts {self.conflicts}")
        try:
            counters = dict(_rows(self.folder, "SELECT name, value FROM counters"))
            odd = _rows(self.folder, "SELECT (SELECT count(*) FROM quarantine), count(*) FROM gaps")
        except sqlite3.DatabaseError:
            if sound:
                raise
            return found
        if sound and (counters.get("stored"), counters.get("deleted")) != (ENTRIES, ENTRIES):
            found.append(f"stored {counters.get('stored')}, deleted {counters.get('deleted')}")
        if odd != [(0, 0)]:
            found.append(f"quarantine and gaps: {odd}")
        return found

    def close(self) -> None:
        """Throw the folder away."""
        self._ours.close()
        self._theirs.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _session(book: Book, folder: Path, held: int, line: socket.socket) -> int:
    intake.GROUP_SLOTS = GROUP
    data = folder / "data"
    publics = dict(book.signing.publics())
    config = EdgeConfig(EDGE, AUTHORITY, data, BrokerConfig(), (), publics, retention_seconds=0)
    clock = Still()
    try:
        store = Store(config.database)
    except StoreRefused as refused:
        (folder / "said").write_text(str(refused))
        return REFUSED
    board = Board(book, folder / "flash")
    inland = Inland(book, held, line)
    end = BoardEnd(board)
    session = DockSession("left", EDGE, end, store, clock, Counted(), pace_ms=1000)
    agent = EdgeAgent(config, store, [(session, end)], inland, clock, Counted())  # type: ignore[list-item]
    problems, agent_done = set(), False
    now = 0
    for _ in range(TICKS_MAX):
        moved = agent.tick(now)
        now += TICK_MS if moved else 10 * TICK_MS
        if agent.store_problem:
            problems.add(agent.store_problem)
            continue
        head = store.outbox.head(DEVICE, EPOCH) if STOP_AT else None
        if head is not None and head.seq >= STOP_AT:
            agent.close()
            return STOPPED
        if board.journal.acked_seq == ENTRIES:
            now += EXPIRE_MS
            sums = store.evidence.counters()
            agent_done = sums.get("deleted") == sums.get("stored")
            if agent_done:
                break
    if not agent_done:
        problems |= {words for words in (session.problem, agent.downlink.problem) if words}
    if problems:
        (folder / "said").write_text("; ".join(sorted(problems)))
    agent.close()
    return DONE if agent_done else ENDLESS


def _rows(folder: Path, sql: str) -> list[Any]:
    """Read a copy as a fresh process would: the reader recovers a killed writer's WAL."""
    with tempfile.TemporaryDirectory(dir=folder) as copy:
        for path in (folder / "data").glob("edge.db*"):
            shutil.copy(path, copy)
        connection = sqlite3.connect(Path(copy) / "edge.db")
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []  # killed before its tables were made
            raise
        finally:
            connection.close()
