"""All evidence about one disputed entry, as a file that passenger and court can check again.

It holds the slots as their devices sealed them, each with the journal's H before and behind it, the
same in clear without the card's number, what they prove, what was booked, and what the fare engine
says of the price. Without any key: each slot hashes to the H behind it and the money adds up.
With the ledger: its slots, opened again, say the same. Source: X-9; trust.md section 4; D1, D25.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from backend_sync.ports import OK, Keyring
from backend_sync.sales.evidence import EvidenceFault, chains_of
from backend_sync.sales.shift_journal import ShiftName, open_slots
from backend_sync.storage.database import Database
from card_layouts.errors import LayoutError
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.repeat import DIFFERENT, PRICE_ONLY, SAME, UNRATED, body_of
from card_layouts.records.chain import chain_next
from card_layouts.records.entries import INTENT, TYPE_NAMES
from card_layouts.records.entries_all import layout_of
from card_layouts.records.slot import SLOT_BYTES, SLOT_HEADER
from card_layouts.settlement.pricing import ride_answer

FORMAT = "tornello dispute evidence 2"
WANTED = ("format", "dispute", "entries", "evidence", "postings", "price")
PRICES = {
    SAME: "as charged",
    PRICE_ONLY: "the price is as charged, the choice of product is not asked",
    DIFFERENT: "another price than was charged",
    UNRATED: "cannot be asked: the tariff is not archived here",
}
Tariffs = Mapping[tuple[int, int], Tariff]


def evidence_of(
    database: Database, keyring: Keyring, tariffs: Tariffs, said: dict[str, Any], entry: int | None
) -> dict[str, Any]:
    """Return the bundle of a case; `entry` is the ledger's row of what is disputed, or None."""
    rows = _rows(database, entry)
    entries = _entries(database, keyring, rows)
    return {
        "format": FORMAT,
        "dispute": said,
        "entries": entries,
        "evidence": _resolutions(database, entry),
        "postings": _postings(database, entry),
        "price": _price(tariffs, entries),
    }


def digest(evidence: dict[str, Any]) -> bytes:
    """Return SHA-256 of a bundle in its one canonical form."""
    text = json.dumps(evidence, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def check(evidence: Any) -> list[str]:
    """Return everything that does not hold in a bundle, in sentences; none = it holds.

    Needs no ledger and no key. Raises: EvidenceFault for what is no bundle at all.
    """
    if not isinstance(evidence, dict) or evidence.get("format") != FORMAT:
        raise EvidenceFault(f"not the evidence of a dispute: wanted 'format': '{FORMAT}'")
    lacking = [name for name in WANTED if name not in evidence]
    if lacking:
        raise EvidenceFault(f"it lacks {', '.join(lacking)}")
    try:
        return [*_wrong_slots(evidence["entries"]), *_wrong_sums(evidence["postings"])]
    except (TypeError, KeyError, ValueError, AttributeError, LayoutError) as error:
        raise EvidenceFault(f"cannot be read: {type(error).__name__}: {error}") from error


def check_with(
    evidence: dict[str, Any], database: Database, keyring: Keyring, tariffs: Tariffs
) -> list[str]:
    """Return what differs from the ledger's own slots, opened again, and its books now."""
    names = [(e["device"], e["epoch"], e["seq"]) for e in evidence["entries"]]
    held = _held(database, names[0]) if names else None
    if names and held is None:
        return [f"the ledger holds no seq {names[0][2]} of device {names[0][0]}"]
    now = evidence_of(database, keyring, tariffs, evidence["dispute"], held)
    words = {
        "entries": "slots or words",
        "evidence": "evidence",
        "postings": "lines",
        "price": "answers of the fare engine",
    }
    return [
        f"{name}: the ledger has other {what} than the bundle"
        for name, what in words.items()
        if now[name] != evidence[name]
    ]


def _held(database: Database, name: tuple[int, int, int]) -> int | None:
    sql = "SELECT id FROM held_entries WHERE device = ? AND epoch = ? AND seq = ?"
    rows = database.rows(sql, name)
    return int(rows[0][0]) if rows else None


def _rows(database: Database, entry: int | None) -> list[Any]:
    """Return (id, device, epoch, seq, slot): the entry, its outcomes, its evidence, its rivals."""
    if entry is None:
        return []
    wanted = {entry}
    for sql in (
        "SELECT o.id FROM held_entries e JOIN held_entries o ON o.device = e.device"
        " AND o.epoch = e.epoch AND o.of = e.seq WHERE e.id = ?",
        "SELECT entry FROM evidence WHERE pending = ? AND entry IS NOT NULL",
        "SELECT r.id FROM pendings p JOIN pendings r ON r.card = p.card AND r.n = p.n"
        " WHERE p.id = ?",
    ):
        wanted |= {int(row[0]) for row in database.rows(sql, (entry,))}
    rows = database.rows_in(
        "SELECT id, device, epoch, seq, slot FROM held_entries WHERE id IN {}", sorted(wanted)
    )
    return sorted(set(map(tuple, rows)), key=lambda row: (row[0] != entry, row[1:4]))


def _entries(database: Database, keyring: Keyring, rows: Sequence[Any]) -> list[dict[str, Any]]:
    found = []
    for _, device, epoch, seq, slot in rows:
        name = ShiftName(device, epoch, 0)
        opened = open_slots(keyring, name, [(seq, bytes(slot))])[0]
        # Behind a hole nobody knows H: then the slot stands for itself.
        sql = "SELECT seq FROM devices WHERE device = ? AND epoch = ?"
        is_known = any(row[0] >= seq for row in database.rows(sql, (device, epoch)))
        before, after = chains_of(database, name, seq, seq) if is_known else (b"", b"")
        found.append({
            "device": device, "epoch": epoch, "seq": seq, "type": TYPE_NAMES[opened.type],
            "slot": bytes(slot).hex(),
            "chain_before": before.hex(), "chain_after": after.hex(),
            "clear": _clear(opened.type, opened.payload) if opened.status == OK else {},
        })  # fmt: skip
    return found


def _clear(kind: int, payload: bytes) -> dict[str, Any]:
    """Return an entry's fields in clear; the card's number is none of them."""
    values = layout_of(kind).unpack(payload)
    return {
        name: bytes(value).hex() if isinstance(value, bytes | bytearray) else value
        for name, value in values.items()
        if name not in ("uid", "free")
    }


def _resolutions(database: Database, entry: int | None) -> list[dict[str, Any]]:
    rows = database.rows(
        "SELECT v.rule, e.device, e.epoch, e.seq FROM evidence v"
        " LEFT JOIN entries e ON e.id = v.entry WHERE v.pending = ? ORDER BY v.rule",
        (entry or 0,),
    )
    return [dict(zip(("rule", "device", "epoch", "seq"), row, strict=True)) for row in rows]


def _postings(database: Database, entry: int | None) -> list[dict[str, Any]]:
    """Return what was booked for the entry; a card's account is called its kind alone."""
    rows = database.rows(
        "SELECT p.transfer, a.kind, a.name, p.cents, p.currency, p.rule FROM postings p"
        " JOIN accounts a ON a.id = p.account WHERE p.pending = ? OR p.entry = ?"
        " AND p.pending IS NULL ORDER BY p.id",
        (entry or 0, entry or 0),
    )
    names = ("transfer", "account", "cents", "currency", "rule")
    return [
        dict(zip(names, (row[0], _account(row[1], row[2]), *row[3:]), strict=True)) for row in rows
    ]


def _account(kind: str, name: str) -> str:
    is_card = kind in ("LIAB", "PLEDGE") or name.startswith("UNALLOCATED:card:")
    return f"{kind} of the card" if is_card else name


def _price(tariffs: Tariffs, entries: list[dict[str, Any]]) -> str:
    """Return what the engine says of the disputed ride's price, from its own sealed inputs."""
    if not entries or entries[0]["type"] != TYPE_NAMES[INTENT] or not entries[0]["clear"]:
        return ""
    layout, clear = layout_of(INTENT), entries[0]["clear"]
    values = {
        name: bytes.fromhex(value) if isinstance(value, str) else value
        for name, value in clear.items()
    }
    payload = layout.pack({**layout.unpack(bytes(layout.size)), **values})
    intent = layout.unpack(payload)
    return PRICES[ride_answer(tariffs, body_of(intent)["authority"], intent).verdict]


def _wrong_slots(entries: list[dict[str, Any]]) -> list[str]:
    found = []
    for entry in entries:
        slot = bytes.fromhex(entry["slot"])
        name = f"seq {entry['seq']} of device {entry['device']}"
        header = SLOT_HEADER.unpack(slot[:12])
        if len(slot) != SLOT_BYTES or TYPE_NAMES[header["type"]] != entry["type"] or any(
            header[field] != entry[field] for field in ("device", "epoch", "seq")
        ):  # fmt: skip
            found.append(f"{name}: its slot is another entry's")
        before = bytes.fromhex(entry["chain_before"])
        if entry["chain_after"] and (chain_next(before, slot).hex() != entry["chain_after"]):
            found.append(f"{name}: its slot does not lead to the H behind it")
    return found


def _wrong_sums(postings: list[dict[str, Any]]) -> list[str]:
    sums: dict[int, int] = {}
    for line in postings:
        sums[line["transfer"]] = sums.get(line["transfer"], 0) + line["cents"]
    return [
        f"the lines of transfer {transfer} sum to {cents} cents, wanted 0"
        for transfer, cents in sums.items()
        if cents
    ]
