"""Opens runs of sealed slots and puts pseudonyms where UIDs were: the first of the five calls.

Slots of one block are opened together. Whatever is wrong with a slot becomes its status; nothing
here raises over bytes from outside. Source: decisions D11, D13; card-bits.md section 3.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from backend_sync.keyring.block_keys import BlockKeys
from backend_sync.ports import BAD_FORMAT, BAD_SEAL, OK, UNKNOWN_DEVICE, Opened, Run
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import seal_keys
from card_layouts.records import entries
from card_layouts.records.bulk_cpython import BulkSealer
from card_layouts.records.slot import (
    SEALED_BYTES,
    SLOT_BYTES,
    SLOT_MAGIC,
    TAG_END,
    block_ordinal,
)

NO_UID = bytes(7)
# Entry types of payload layout 1: those that begin with a UID, and those that hold none at all.
# A type that is in neither set is not let out: nobody here knows where its UID would stand.
WITH_UID = frozenset(
    (*entries.OPENING, entries.OBS, entries.REFUSAL, entries.INSPECTION, entries.TICKET)
)
WITHOUT_UID = frozenset(
    (entries.OUTCOME, entries.CASH_SALE, entries.SHIFT, entries.CONFIG, entries.TAMPER,
     entries.BOOT, entries.BARCODE)
)  # fmt: skip
# A journal with more than 255 torn blocks' worth of slots is 256 ordinals further than expected.
ORDINALS_TRIED = 4
ORDINAL_STEP = 256
SEALS_KEPT_MAX = 4096

FindCard = Callable[[bytes], tuple[bytes, bool]]
FindFirstSeq = Callable[[int, int], int | None]


class Header(NamedTuple):
    """The clear fields of a slot's first 12 bytes."""

    type: int
    layout: int
    flags: int
    epoch: int
    device: int
    seq: int
    block: int


# A slot that waits for its block's key: its place in the answer, header, bytes.
Waiting = tuple[int, Header, bytes]


class Unsealer:
    """Opens slots with keys from `block_keys`.

    `find_card(uid)` returns (P_L, known); `find_first_seq(device, epoch)` None if unprovisioned.
    """

    def __init__(
        self, block_keys: BlockKeys, find_card: FindCard, find_first_seq: FindFirstSeq
    ) -> None:
        self.block_keys = block_keys
        self.find_card = find_card
        self.find_first_seq = find_first_seq
        self.seals: dict[tuple[int, int, int], BulkSealer] = {}

    def unseal(self, runs: Sequence[Run]) -> list[Opened]:
        """Return one Opened for each slot, in the runs' order."""
        opened: list[Opened] = []
        waiting: dict[tuple[int, int, int], list[Waiting]] = {}
        for device, epoch, first_seq, _, slots in runs:
            start = self.find_first_seq(device, epoch)
            for seq, slot in enumerate(slots, first_seq):
                header = read_header(slot)
                if header is None or header[3:6] != (epoch, device, seq):
                    opened.append(_refused(BAD_FORMAT, device, epoch, seq))
                elif start is None:
                    opened.append(_refused(UNKNOWN_DEVICE, device, epoch, seq, header))
                else:
                    if seq >= start:
                        ordinal = block_ordinal(seq - start + 1, header.block)
                        row = (len(opened), header, slot)
                        waiting.setdefault((device, epoch, ordinal), []).append(row)
                    opened.append(_refused(BAD_SEAL, device, epoch, seq, header))
        for (device, epoch, ordinal), rows in waiting.items():
            self._open_block(device, epoch, ordinal, rows, opened)
        return opened

    def seal_keys_of(self, slot: bytes) -> tuple[bytes, bytes] | None:
        """Return (K_enc, K_mac) of the block of a slot, None when none of ours opens it.

        They open this block and no other: K_block itself, from which later ones follow, stays.
        """
        header = read_header(slot) if isinstance(slot, bytes) else None
        start = self.find_first_seq(header.device, header.epoch) if header else None
        if header is None or start is None or header.seq < start:
            return None
        ordinal = block_ordinal(header.seq - start + 1, header.block)
        for later in range(ORDINALS_TRIED):
            key = self.block_keys.key(header.device, header.epoch, ordinal + later * ORDINAL_STEP)
            if key is None:
                return None
            k_enc, k_mac = seal_keys(key)
            if bytes(cmac(k_mac, slot[:SEALED_BYTES])) == slot[SEALED_BYTES:TAG_END]:
                return bytes(k_enc), bytes(k_mac)
        return None

    def _open_block(
        self,
        device: int,
        epoch: int,
        ordinal: int,
        rows: list[Waiting],
        opened: list[Opened],
    ) -> None:
        for later in range(ORDINALS_TRIED):
            tried = ordinal + later * ORDINAL_STEP
            seal = self._seal(device, epoch, tried)
            if seal is None:
                return
            left = self._open_with(seal, tried, rows, opened)
            if len(left) < len(rows):
                self.block_keys.seen(device, epoch, tried)
            if not left:
                return
            rows = left

    def _open_with(
        self, seal: BulkSealer, block: int, rows: list[Waiting], opened: list[Opened]
    ) -> list[Waiting]:
        """Put what opens into its place; return the rows this block's key does not open."""
        left = []
        answers = seal.open_slots([slot for _, _, slot in rows])
        for row, (status, payload) in zip(rows, answers, strict=True):
            at, header, _ = row
            if status == OK:
                opened[at] = self._let_out(header, block, payload)
            elif status == BAD_SEAL:
                left.append(row)
            else:
                opened[at] = _refused(status, header.device, header.epoch, header.seq)
        return left

    def _seal(self, device: int, epoch: int, ordinal: int) -> BulkSealer | None:
        found = self.seals.get((device, epoch, ordinal))
        if found is None:
            key = self.block_keys.key(device, epoch, ordinal)
            if key is None:
                return None
            if len(self.seals) >= SEALS_KEPT_MAX:
                self.seals.clear()
            found = self.seals[device, epoch, ordinal] = BulkSealer(key)
        return found

    def _let_out(self, header: Header, block: int, payload: bytes) -> Opened:
        """Return the entry as the ledger may see it: never with a UID."""
        kind, layout, flags, epoch, device, seq, _ = header
        card: bytes | None = None
        known = False
        if layout != entries.PAYLOAD_LAYOUT or not (kind in WITH_UID or kind in WITHOUT_UID):
            return _refused(BAD_FORMAT, device, epoch, seq, header)
        if kind in WITH_UID:
            if payload[:7] != NO_UID:
                card, known = self.find_card(payload[:7])
            payload = NO_UID + payload[7:]
        return Opened(OK, device, epoch, seq, kind, layout, flags, block, card, payload, known)


def read_header(slot: bytes) -> Header | None:
    """Return the header of a slot, None when it is none by size or magic; CRC comes later."""
    if len(slot) != SLOT_BYTES or slot[0] != SLOT_MAGIC:
        return None
    # SLOT_HEADER by shifts; tests compare it with the layout.
    bits = int.from_bytes(slot[:12], "big")
    return Header(
        bits >> 82 & 63,
        bits >> 79 & 7,
        bits >> 76 & 7,
        bits >> 70 & 63,
        bits >> 50 & 0xFFFFF,
        bits >> 20 & 0x3FFFFFFF,
        bits & 255,
    )


def _refused(
    status: int, device: int, epoch: int, seq: int, header: Header | None = None
) -> Opened:
    kind, layout, flags = header[:3] if header is not None else (0, 0, 0)
    return Opened(status, device, epoch, seq, kind, layout, flags, 0, None, b"", False)
