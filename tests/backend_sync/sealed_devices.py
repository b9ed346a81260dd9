"""Keyrings, cards and devices for tests of the backend: real keys, really sealed slots."""

from pathlib import Path

from backend_sync.keyring.keyfile import make_keys, read_keys, write_keys
from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from card_layouts.cards.issue import ISSUE
from card_layouts.crypto.kdf import block_key, device_key, next_block_key
from card_layouts.link.batches import encode_batch
from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.entries import OUTCOME, REFUSAL
from card_layouts.records.entries_tap import OUTCOME as OUTCOME_LAYOUT
from card_layouts.records.entries_tap import REFUSAL as REFUSAL_LAYOUT
from card_layouts.records.slot import SLOT_HEADER, SLOTS_PER_BLOCK, Sealer

AUTHORITY = 244
EDGE = "depot-1"
NOW = 200_000_000


def keyring_folder(path: Path, seed: str = "tests") -> Path:
    """Make a keyring with one authority in `path`; the same seed gives the same keys."""
    path.mkdir(parents=True, exist_ok=True)
    write_keys(path / KEY_FILE, make_keys([AUTHORITY], seed=seed))
    return path


def keyring(path: Path, device: int = 4711, epoch: int = 1, first_seq: int = 1) -> LocalKeyring:
    """Return a keyring that has one device."""
    ring = LocalKeyring(keyring_folder(path))
    ring.provision(device, epoch, AUTHORITY, 7, EDGE, first_seq=first_seq)
    return ring


def uid(number: int) -> bytes:
    return b"\x04" + number.to_bytes(6, "big")


def issue_row(number: int, **changes: int) -> bytes:
    """Return the ISSUE row of card `number`."""
    values = {"uid": uid(number), "layout": 1, "authority": AUTHORITY, "serial": number}
    return ISSUE.pack({**values, "generation": 1, **changes})


def refusal(number: int) -> tuple[int, bytes]:
    """Return an entry that names a card and moves no money."""
    return REFUSAL, REFUSAL_LAYOUT.pack({"uid": uid(number), "time": NOW, "reason": 1})


def outcome(of: int) -> tuple[int, bytes]:
    """Return an entry that names no card; its first bytes are evidence, not a UID."""
    record = bytes(range(1, 45))
    return OUTCOME, OUTCOME_LAYOUT.pack({"observed": record, "of": of, "outcome": 1, "time": NOW})


class SealedDevice:
    """A device's journal without its flash: seals entries in the order they are given."""

    def __init__(self, k_root: bytes, device: int = 4711, epoch: int = 1, first_seq: int = 1):
        self.device = device
        self.epoch = epoch
        self.seq = first_seq
        self.chain = chain_start(device, epoch)
        self.key = block_key(device_key(k_root, device, epoch))
        self.ordinal = 0
        self.index = 0

    def run(self, entries, layout: int = 1):
        """Return a run (device, epoch, first_seq, H_before, slots) of `entries`."""
        first_seq, h_before = self.seq, self.chain
        slots = [self.slot(kind, payload, layout) for kind, payload in entries]
        return self.device, self.epoch, first_seq, h_before, slots

    def slot(self, kind: int, payload: bytes, layout: int = 1) -> bytes:
        """Return the next sealed slot, 128 bytes."""
        if self.index == SLOTS_PER_BLOCK:
            self.next_block()
        header = SLOT_HEADER.pack(
            {
                "magic": 0x54,
                "type": kind,
                "layout": layout,
                "epoch": self.epoch,
                "device": self.device,
                "seq": self.seq,
                "length": 96,
                "slot": self.index,
                "block": self.ordinal & 255,
            }
        )
        slot = Sealer(self.key).seal(header, payload)
        self.chain = chain_next(self.chain, slot)
        self.seq += 1
        self.index += 1
        return slot

    def next_block(self) -> None:
        """Begin the next block, as a device does that found this one torn."""
        self.key = next_block_key(self.key)
        self.ordinal += 1
        self.index = 0


class ManualClock:
    """A clock that moves when told to."""

    def __init__(self, now: int = NOW):
        self.now = now
        self.ms = 0

    def utc_seconds(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.ms


def batch(*runs, edge: str = EDGE) -> bytes:
    """Return the bytes of one batch as an edge sends them."""
    return encode_batch(edge, list(runs))


def keyring_registered(folder: Path, devices: tuple[int, ...] = (4711,)) -> None:
    """Enter devices into the keyring of a folder, for a process that will serve it."""
    ring = LocalKeyring(folder)
    for device in devices:
        ring.provision(device, 1, AUTHORITY, 7, EDGE)
    ring.close()


def root_key(folder: Path) -> bytes:
    return read_keys(folder / KEY_FILE).root
