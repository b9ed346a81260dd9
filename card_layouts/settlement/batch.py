"""The signed batch: what was closed, the root over its lines, where each device stands, totals.

Shape of a batch file: deterministic CBOR [body, key id 4 B, Ed25519 signature 64 B]; the body is
CBOR too, its parts in the order of FIELDS. The signature is the ledger's, over DOMAIN and SHA-256
of the body. Left out of the board's image. Source: SPEC_SETTLEMENT.md section 5; decision D25.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from card_layouts.codec import cbor
from card_layouts.crypto.ed25519_cpython import verify_native
from card_layouts.errors import LayoutError, SealError
from card_layouts.records.entries import CASH_SALE, INTENT
from card_layouts.settlement import lines

SCHEMA = 3
# Types of slots that get lines. Up to schema 2 tourist tickets had none.
EARNING = {2: (INTENT, CASH_SALE), 3: lines.EARNING}
DOMAIN = b"tornello settlement\0"
KEY_ID_BYTES, SIGNATURE_BYTES, HASH_BYTES = 4, 64, 32

# name, type; `rows` are lists of rows.
FIELDS = (
    ("schema", int),
    ("number", int),  # 1, 2, 3 ...
    ("day", int),  # service day that was closed, days since 2020
    ("closed_at", int),  # s since 2020
    ("currency", str),
    ("previous", bytes),  # SHA-256 of the body before, b"" in the first
    ("ranges", list),  # [first, last] of entries, ride postings, postings that are in it
    ("tariffs", list),  # [authority, version, SHA-256] of every package it is priced by
    ("devices", list),  # [device, epoch, seq, H, held above seq as "a-b,c"]
    ("lines", int),
    ("root", bytes),
    ("sums", list),  # of the lines, of the totals by operator, of what moved on REV; unassigned
    ("operators", list),
    ("payers", list),
    ("products", list),
    ("days", list),
    ("tax", list),
    ("clearing", list),
    ("channels", list),
    ("passes", list),  # what came in for them here
    ("uses", list),  # who carried their holders here
    ("shared", list),  # what moves because of both
    # The ledger's word: money that changed authority otherwise than by rides, and cash taken.
    ("loads", list),
    ("takings", list),
)
TOTALS = ("operators", "payers", "products", "days", "tax", "clearing", "channels",
          "passes", "uses", "shared")  # fmt: skip
COLUMNS = {
    "operators": ("authority", "operator", "lines", "charged", "billed", "moved", "gross", "tax",
                  "net"),
    "payers": ("authority", "payer", "operator", "product", "concession", "group", "lines",
               "cents"),
    "products": ("authority", "operator", "tariff", "product", "lines", "charged", "billed",
                 "borne by nobody"),
    "days": ("authority", "day", "lines", "cents"),
    "tax": ("authority", "code", "permille", "gross", "tax"),
    "clearing": ("issuer", "authority", "cents"),
    "channels": ("authority", "channel", "lines", "cents"),
    "passes": ("authority", "product", "month", "tariff", "code", "permille", "cents"),
    "uses": ("authority", "product", "month", "area", "operator", "code", "permille", "taps"),
    "shared": ("authority", "area", "operator", "code", "permille", "cents"),
    "loads": ("from", "to", "cents"),
    "takings": ("authority", "channel", "cents"),
}  # fmt: skip

TEXTS = ("payer", "code", "channel")
# Types of what a row holds, for every part that is rows.
ROWS = {
    "ranges": [int, int],
    "tariffs": [int, int, bytes],
    "devices": [int, int, int, bytes, str],
    **{
        name: [str if column in TEXTS else int for column in columns]
        for name, columns in COLUMNS.items()
    },
}
RANGES = 4
HELD = re.compile(r"(\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*)?")

Body = dict[str, Any]


def encode_body(values: Body) -> bytes:
    """Return the bytes that are signed. Raises: RangeError for what has no encoding."""
    return bytes(cbor.encode([values[name] for name, _ in FIELDS]))


def decode_body(data: bytes) -> Body:
    """Return the parts of a body by name. Raises: LayoutError naming the part."""
    found = cbor.decode(data)
    if not isinstance(found, list) or len(found) != len(FIELDS):
        raise LayoutError(
            "batch.body: wanted a list of %d parts, schema %d" % (len(FIELDS), SCHEMA)
        )
    for (name, kind), value in zip(FIELDS, found):
        if not isinstance(value, kind):
            raise LayoutError("batch.body.%s: %r, wanted %s" % (name, value, kind.__name__))
    if found[0] not in EARNING:
        raise LayoutError("batch.body.schema: %d, wanted 2 or %d" % (found[0], SCHEMA))
    body = {name: value for (name, _), value in zip(FIELDS, found)}
    for name, kinds in ROWS.items():
        for place, row in enumerate(body[name]):
            if not isinstance(row, list) or [type(part) for part in row] != kinds:
                raise LayoutError("batch.body.%s[%d]: %r does not fit" % (name, place, row))
    if len(body["ranges"]) != RANGES or [type(part) for part in body["sums"]] != [int] * 4:
        raise LayoutError("batch.body: wanted %d ranges and 4 sums" % RANGES)
    for row in body["devices"]:
        if not HELD.fullmatch(row[4]):
            raise LayoutError("batch.body.devices: held %r, wanted 3-7,9" % row[4])
    return body


def body_hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def batch_message(body: bytes) -> bytes:
    """Return what the ledger signs for a body."""
    return DOMAIN + body_hash(body)


def encode_batch(body: bytes, signature: bytes) -> bytes:
    """Return a batch file. Shape: signature = key id 4 | Ed25519 64."""
    return bytes(cbor.encode([body, signature[:KEY_ID_BYTES], signature[KEY_ID_BYTES:]]))


def open_batch(data: bytes, public: bytes) -> bytes:
    """Return the body of a batch file. Raises: LayoutError, SealError when it is not signed so."""
    return split_batch(data, public)[0]


def split_batch(data: bytes, public: bytes) -> tuple[bytes, bytes]:
    """Return (body, signature) as `encode_batch` takes them; otherwise as `open_batch`."""
    found = cbor.decode(data)
    if not isinstance(found, list) or [type(part) for part in found] != [bytes] * 3:
        raise LayoutError("batch: wanted [body, key id, signature]")
    body, key_id, signature = found
    wanted = hashlib.sha256(public).digest()[:KEY_ID_BYTES]
    if key_id != wanted:
        raise SealError("batch: signed by key %s, wanted %s" % (key_id.hex(), wanted.hex()))
    verify_native(public, batch_message(body), signature)
    return body, key_id + signature
