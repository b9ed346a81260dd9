"""A sample of blocks opened to an auditor: is a line what its slot says?

Seals are symmetric, so facts and states of lines rest on the ledger's word until it hands over the
seal keys of blocks that the auditor names. The tag proves that they are the device's own; the key
of a block opens neither an earlier nor a later one. Opened slots tell of cards: it is a sample.
Shape of a file: deterministic CBOR [[device, epoch, seq, K_enc 16, K_mac 16] ...].
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 7; decisions D13, D25; T13.
"""

from __future__ import annotations

from collections.abc import Sequence

from card_layouts.codec import cbor
from card_layouts.crypto.aes import ECB, aes
from card_layouts.crypto.cmac import cmac
from card_layouts.errors import LayoutError
from card_layouts.records.entries import OUTCOME
from card_layouts.records.entries_tap import OUTCOME as OUTCOME_LAYOUT
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from card_layouts.records.slot import (
    HEADER_BYTES,
    PAYLOAD_BYTES,
    SEALED_BYTES,
    SLOTS_PER_BLOCK,
    TAG_END,
)
from card_layouts.settlement import lines as ln
from card_layouts.settlement.check import Checker
from card_layouts.settlement.ciphertext import slot_names
from card_layouts.settlement.reading import Standing
from card_layouts.settlement.witness import Held

Opening = tuple[int, int, int, bytes, bytes]  # device, epoch, seq, K_enc, K_mac
KINDS = [int, int, int, bytes, bytes]


def encode_openings(rows: Sequence[Opening]) -> bytes:
    return bytes(cbor.encode([list(row) for row in rows]))


def decode_openings(data: bytes) -> list[Opening]:
    """Return the rows of a file. Raises: LayoutError naming the row."""
    found = cbor.decode(data)
    for place, row in enumerate(found if isinstance(found, list) else [found]):
        fits = isinstance(row, list) and [type(part) for part in row] == KINDS
        if not fits or [len(key) for key in row[3:]] != [16, 16]:
            raise LayoutError("openings[%d]: wanted [device, epoch, seq, K_enc, K_mac]" % place)
    return [tuple(row) for row in found]


def open_slot(slot: bytes, k_enc: bytes, k_mac: bytes) -> bytes | None:
    """Return the clear payload of a slot, None when these are not its block's keys."""
    if bytes(cmac(k_mac, slot[:SEALED_BYTES])) != slot[SEALED_BYTES:TAG_END]:
        return None
    counters = b"".join(
        slot[:HEADER_BYTES] + number.to_bytes(4, "big") for number in range(PAYLOAD_BYTES // 16)
    )
    stream = bytes(aes(k_enc, ECB).encrypt(counters))
    mixed = int.from_bytes(slot[HEADER_BYTES:SEALED_BYTES], "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(PAYLOAD_BYTES, "big")


def check_openings(checker: Checker, rows: Sequence[Opening]) -> tuple[int, list[str]]:
    """Return (slots compared with their lines, findings), after all batches were checked."""
    compared, findings, held = 0, [], checker.held()
    for device, epoch, seq, k_enc, k_mac in rows:
        name = "device %d epoch %d seq" % (device, epoch)
        opened, first = False, None
        for at in range(seq - SLOTS_PER_BLOCK + 1, seq + SLOTS_PER_BLOCK):
            slot = checker.witness.slot(device, epoch, at)
            payload = open_slot(slot, k_enc, k_mac) if slot else None
            if slot is not None and payload is not None:
                first = at if first is None else first
            if first is not None and _is_of_its_block(checker, (device, epoch, at), k_enc, k_mac):
                # Its block began at or before its number: none before it can have sealed that.
                findings.append("%s %d: called forged, but of its own number's block" % (name, at))
            if slot is None or payload is None:
                continue
            opened = opened or at == seq
            told, words = _compare(checker, slot, payload, held)
            compared += told
            if words:
                findings.append("%s %d: %s" % (name, at, words))
        if not opened:
            findings.append("%s %d: the keys that were handed over do not open it" % (name, seq))
    return compared, findings


def _is_of_its_block(checker: Checker, slot: ln.Slot, k_enc: bytes, k_mac: bytes) -> bool:
    """Return whether these keys open a slot of this number that a batch calls forged."""
    return any(open_slot(one, k_enc, k_mac) for one in checker.witness.forged(*slot))


def _compare(checker: Checker, slot: bytes, payload: bytes, held: Held) -> tuple[int, str]:
    """Return (1 if there is a line to compare with, what differs or "")."""
    kind, device, epoch, seq = slot_names(slot)
    if kind in ln.EARNING:
        standing = checker.standing.get((device, epoch, seq))
        if standing is None:
            return 0, ""  # a later batch will tell of it
        is_told = standing.facts == ln.blank(kind, payload)
        return 1, "" if is_told else "its line says otherwise than it does"
    if kind != OUTCOME:
        return 0, ""
    of = OUTCOME_LAYOUT.get(payload, "of")
    standing = checker.standing.get((device, epoch, of))
    if standing is None or not (held.has((device, epoch, of)) and held.has((device, epoch, seq))):
        return 0, ""  # the books do not have both yet, or not again since they were put back
    return 1, _against(standing, OUTCOME_LAYOUT.get(payload, "outcome"), of)


def _against(standing: Standing, outcome: int, of: int) -> str:
    """Return what an OUTCOME has against the line of its INTENT."""
    if standing.state == ln.FORK:
        return ""
    if outcome == OUTCOME_COMMITTED and standing.sign != 1:
        return "it says that seq %d was paid, the batches do not count it" % of
    if outcome == OUTCOME_ABORTED and standing.sign == 1:
        return "it says that seq %d was not paid, the batches count it" % of
    return ""
