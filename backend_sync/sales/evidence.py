"""What makes up a cash figure, for the accused to keep: one JSON that anybody can check again.

It holds every entry of the sum in clear, and every slot of the shift as the device sealed it. The
slots' hash chain runs from H before the shift to H behind it, so a slot that was left out, added or
changed is found without any key; with the keyring each clear entry is opened again out of its slot.
Imports no ledger beyond the shift's reading. Source: trust.md T18; decisions D1, D25.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend_sync.ledger.chains import folded_to
from backend_sync.ledger.decoding import body_of
from backend_sync.ports import OK, Keyring
from backend_sync.sales import till_evidence
from backend_sync.sales.figure_evidence import figure_of, wrong_claim, wrong_figure
from backend_sync.sales.finding import DECIDED, Count, Finding
from backend_sync.sales.shift_journal import ShiftName, is_sold_load, open_slots, slots_of
from backend_sync.sales.till_evidence import check_till
from backend_sync.storage.database import Database
from card_layouts.records.chain import chain_next
from card_layouts.records.entries import ACTION, CASH_SALE, SHIFT, TYPE_NAMES
from card_layouts.records.entries_all import layout_of
from card_layouts.records.slot import SLOT_BYTES, SLOT_HEADER

FORMAT = "tornello cash evidence 2"
WALK = 5000  # slots of the journal before the shift, read at a time
WANTED = ("format", "device", "epoch", "shift", "clerk", "state", "first_seq", "last_seq",
          "chain_before", "chain_after", "slots", "entries", "loaded", "counts")  # fmt: skip


class EvidenceFault(ValueError):
    """A file is no cash evidence; the message says where, what was found, what was wanted."""


def evidence_of(
    database: Database,
    keyring: Keyring,
    finding: Finding,
    name: ShiftName,
    clerk: int,
    counts: Sequence[Count],
) -> dict[str, Any]:
    """Return the evidence about a clerk's shift as plain values.

    Shape: `expected` and `difference` only if the finding is decided; slots as hex of 128 bytes.
    """
    shift = finding.shift
    first, last = (shift.first_seq, shift.last_seq) if shift else (0, -1)
    slots = slots_of(database, name, first, last)
    before, after = chains_of(database, name, first, last)
    return {
        "format": FORMAT,
        **name._asdict(),
        "clerk": clerk,
        **figure_of(finding, counts),
        "first_seq": first,
        "last_seq": last,
        "chain_before": before.hex(),
        "chain_after": after.hex(),
        "slots": [slot.hex() for _, _, _, slot in slots],
        "entries": [] if finding.expected is None else _entries(keyring, name, slots),
        # Of the loads among the entries, those that reached their card in this clerk's shift.
        "loaded": [load.seq for load in shift.loads_of(clerk)] if shift else [],
    }


def digest(evidence: dict[str, Any]) -> bytes:
    """Return SHA-256 of the evidence in its one canonical form."""
    text = json.dumps(evidence, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def read_evidence(path: Path) -> Any:
    """Return the tree of an evidence's file. Raises: EvidenceFault, OSError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise EvidenceFault(f"{path}: no JSON: {error}") from None


def check(evidence: Any) -> list[str]:
    """Return everything that does not hold in an evidence, in sentences; none = it holds.

    Needs no ledger and no key. Raises: EvidenceFault for what is no evidence at all.
    """
    formats = {FORMAT: WANTED, till_evidence.FORMAT: till_evidence.WANTED}
    if not isinstance(evidence, dict) or str(evidence.get("format")) not in formats:
        raise EvidenceFault(f"not a cash evidence: wanted 'format': '{FORMAT}'")
    lacking = [name for name in formats[evidence["format"]] if name not in evidence]
    if lacking:
        raise EvidenceFault(f"it lacks {', '.join(lacking)}")
    try:
        if evidence["format"] == till_evidence.FORMAT:
            return check_till(evidence)
        return [*_wrong_slots(evidence), *_wrong_sums(evidence)]
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        raise EvidenceFault(f"cannot be read: {type(error).__name__}: {error}") from error


def check_with(evidence: dict[str, Any], database: Database, keyring: Keyring) -> list[str]:
    """Return what differs from the slots that the ledger holds, opened again with the keyring."""
    if evidence["format"] == till_evidence.FORMAT:
        return _other_slips(evidence, database)
    name = ShiftName(evidence["device"], evidence["epoch"], evidence["shift"])
    slots = slots_of(database, name, evidence["first_seq"], evidence["last_seq"])
    found = []
    if [slot.hex() for _, _, _, slot in slots] != evidence["slots"]:
        found.append("the ledger holds other slots than the evidence")
    if _entries(keyring, name, slots) != evidence["entries"]:
        found.append("the slots say something else than the entries of the evidence")
    return found


def _other_slips(evidence: dict[str, Any], database: Database) -> list[str]:
    """Return the slips of a till that the ledger has otherwise."""
    sql = "SELECT place, fiscal FROM slips WHERE device = ?"
    held = dict(map(tuple, database.rows(sql, (evidence["device"],))))
    return [f"the ledger has another slip {row['place']} than the evidence"
            for row in evidence["slips"] if held.get(row["place"]) != row["mark"]]  # fmt: skip


def _entries(keyring: Keyring, name: ShiftName, slots: list[Any]) -> list[dict[str, Any]]:
    """Return sales, loads and shift entries in clear, with their numbers; nothing about cards."""
    shown = [(seq, slot) for seq, _, kind, slot in slots if kind in (ACTION, CASH_SALE, SHIFT)]
    found = []
    for opened in open_slots(keyring, name, shown):
        if opened.status != OK:
            continue
        values = layout_of(opened.type).unpack(opened.payload)
        if opened.type == ACTION:
            if not is_sold_load(values):
                continue
            values = {"action": values["action"], "shift": values["shift"],
                      "cents": body_of(opened.payload).amount}  # fmt: skip
        found.append({"seq": opened.seq, "type": TYPE_NAMES[opened.type], **values})
    return found


def chains_of(database: Database, name: ShiftName, first: int, last: int) -> tuple[bytes, bytes]:
    """Return H before the first and behind the last slot, over what the ledger holds."""
    rows = database.rows("SELECT first_seq FROM devices WHERE device = ? AND epoch = ?", name[:2])
    seq, chain = folded_to(database, name[:2], rows[0][0] if rows else 1)
    at, before = seq + 1, b""
    while at <= last:
        upto = min(at + WALK - 1, last)
        for seq, _, _, slot in slots_of(database, name, at, upto):
            if seq == first:
                before = chain
            chain = chain_next(chain, slot)
        at = upto + 1
    return before, chain


def _wrong_slots(evidence: dict[str, Any]) -> list[str]:
    chain = bytes.fromhex(evidence["chain_before"])
    found, at = [], evidence["first_seq"]
    for text in evidence["slots"]:
        slot = bytes.fromhex(text)
        if len(slot) != SLOT_BYTES:
            raise EvidenceFault(f"slot of seq {at}: {len(slot)} bytes, wanted {SLOT_BYTES}")
        header = SLOT_HEADER.unpack(slot[:12])
        if (header["device"], header["epoch"], header["seq"]) != (
            evidence["device"], evidence["epoch"], at
        ):  # fmt: skip
            found.append(f"slot of seq {header['seq']} of device {header['device']} stands where"
                         f" seq {at} of device {evidence['device']} belongs")  # fmt: skip
            break
        chain = chain_next(chain, slot)
        at += 1
    if not found and evidence["state"] == DECIDED:
        if at != evidence["last_seq"] + 1:
            found.append(f"the slots end before seq {evidence['last_seq']}")
        elif chain.hex() != evidence["chain_after"]:
            found.append("the chain of the slots does not lead to the H behind the shift")
    return found


def _wrong_sums(evidence: dict[str, Any]) -> list[str]:
    if evidence["state"] != DECIDED:
        return wrong_claim(evidence)
    sealed = {SLOT_HEADER.unpack(bytes.fromhex(text)[:12])["seq"]: _type_of(text)
              for text in evidence["slots"]}  # fmt: skip
    shown = {entry["seq"]: entry["type"] for entry in evidence["entries"]}
    found = [
        f"seq {seq} is a {kind} and does not stand among the entries"
        for seq, kind in sealed.items()
        if kind in (TYPE_NAMES[CASH_SALE], TYPE_NAMES[SHIFT]) and shown.get(seq) != kind
    ]
    found += [f"seq {seq} stands among the entries and has no slot" for seq in shown
              if seq not in sealed]  # fmt: skip
    total = sum(
        (-1 if entry["void_of"] else 1) * entry["total"]
        for entry in evidence["entries"]
        if entry["type"] == TYPE_NAMES[CASH_SALE]
        and (entry["shift"], entry["clerk"], entry["paid"])
        == (evidence["shift"], evidence["clerk"], 1)
    )
    loaded = set(evidence["loaded"])
    total += sum(entry["cents"] for entry in evidence["entries"]
                 if entry["type"] == TYPE_NAMES[ACTION] and entry["seq"] in loaded)  # fmt: skip
    return found + wrong_figure(evidence, total, "entries")


def _type_of(text: str) -> str:
    kind: str = TYPE_NAMES[SLOT_HEADER.unpack(bytes.fromhex(text)[:12])["type"]]
    return kind
