"""Seeds and rules of a board's two serial lines: the reader chip's and the dock's."""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from card_layouts.link import messages as m
from card_layouts.packages.ack import seal_ack
from card_layouts.packages.hotlist_builder import build_base
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from card_layouts.packages.lease import seal_lease
from card_layouts.packages.manifest import (
    HOTLIST,
    LEASE,
    MANIFEST,
    manifest_message,
    seal_envelope,
)
from simulator.field import Field
from simulator.fuzzing.card_targets import _card
from simulator.fuzzing.link_targets import shared_work
from simulator.fuzzing.mutation import BYTES, in_fields, in_parts
from simulator.fuzzing.shared import lines
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.shared.sealed import KEY, UIDS
from simulator.fuzzing.target import Work, must
from simulator.prng import Prng
from simulator.readers.pn532 import Pn532

PRIVATE = Ed25519PrivateKey.from_private_bytes(lines.SIGNER_SEED)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
CHUNK_BYTES = 700


def pn532_work() -> Work:
    """A reader chip: whatever comes over its line, an exchange ends with an answer or a loss."""
    field = Field()
    field.place(_card())
    chip = Pn532(field)
    said: list[bytes] = []

    class Recorder(lines.Chip):
        def write(self, buf: Any, n: int) -> int:
            said.append(chip.feed(bytes(buf[:n])))
            self._said += said[-1]
            return n

    from firmware.drivers.pn532 import Pn532 as Driver

    driver = Driver(Recorder([]))
    frame = bytearray(64)
    assert driver.poll() == field.card().uid if hasattr(field, "card") else driver.poll()
    frame[0] = 0x5A
    driver.exchange(frame, 4)
    whole = b"".join(said)
    frames = [b"\x00" + piece for piece in said if piece]
    listed = bytes.fromhex("d54b01010344200704e239305101110675778102 80".replace(" ", ""))
    made = [b"\x01" + bytes.fromhex(t) for t in ("d50100", "d51500", "d51300", "d53300")]
    made += [b"\x01" + listed, b"\x01\xd5\x41\x00\x00\x01\x02", b"\x01\xd5\x43\x02", b"\x02"]
    seeds = [join_parts([b"\x00" + whole]), join_parts(frames), join_parts(_with_acks(made))]

    def check(case: bytes, value: Any) -> None:
        (uid, *answers), _alive, _written = value
        must(uid is None or len(uid) in (0, 7), "a UID of another length")
        must(all(isinstance(a, str) or len(a) <= 64 for a in answers), "an answer over 64 bytes")

    return shared_work("pn532", seeds, operations=(in_parts(*BYTES), *BYTES), check=check)


def _with_acks(made: list[bytes]) -> list[bytes]:
    rows = []
    for part in made:
        rows += [b"\x02", part]
    return rows


def dock_work() -> Work:
    """A dock whose edge is hostile and has every key: it can install what is signed, no more."""
    lease = seal_lease({"device": 4711, "epoch": 2, "lease": 3, "not_after": 1 << 29}, KEY)
    hotlist = build_base(9, [(UIDS[0], HOT_BLOCK, 2)])
    seeds = [
        join_parts([_sealed(m.PULL, m.PULL_BODY.pack({"from_seq": 1, "count": 7}))]),
        join_parts([_sealed(m.REPORT, b""), _sealed(m.BYE, b""), _sealed(m.REPORT, b"")]),
        join_parts([bytes([lines.ACKED, m.ACK]) + seal_ack(_ack(), KEY)]),
        join_parts(_package(LEASE, 3, lease)),
        join_parts(_package(HOTLIST, 9, hotlist) + [_sealed(m.REPORT, b"")]),
        join_parts([b"alone", bytes([lines.FRAMED, m.CALL])]),
        join_parts([b"alone", bytes([lines.FRAMED, m.CHALLENGE]) + bytes(58)]),
    ]
    in_manifest = in_parts(in_fields(MANIFEST, at=2))
    in_pull = in_parts(in_fields(m.PULL_BODY, m.CHUNK_HEAD, at=2))

    def kind(case: bytes, prng: Prng, work: Work) -> bytes:
        """Say a part in another way, or as another message."""
        parts = split_parts(case)
        at = prng.below(len(parts)) if parts else 0
        if parts and len(parts[at]) > 1:
            kinds = bytes([prng.below(5), prng.below(16)])
            keep = parts[at][:1] if prng.below(2) else kinds[:1]
            parts[at] = keep + (kinds[1:] if prng.below(2) else parts[at][1:2]) + parts[at][2:]
        return join_parts(parts)

    def check(case: bytes, value: Any) -> None:
        lease_version, hotlist_version, head, acked = value[6:8] + value[8:10]
        must(lease_version in (0, 3), "a lease that nobody signed")
        must(hotlist_version in (0, 9), "a hotlist that nobody signed")
        must(head >= lines.ENTRIES, "entries are gone")
        must(acked in (0, 30) or acked <= head, "acknowledged what is not there")

    operations = (kind, in_manifest, in_pull, in_parts(*BYTES), in_parts(*BYTES), *BYTES)
    work = shared_work("dock", seeds, setup=[PUBLIC], operations=operations, check=check)
    work.lines_max = 600_000
    return work


def _sealed(frame_type: int, payload: bytes) -> bytes:
    return bytes([lines.SEALED, frame_type]) + payload


def _ack() -> dict[str, Any]:
    return {"device": 4711, "epoch": 2, "seq": 30, "incarnation": 1, "time": 9, "H": bytes(32)}


def _package(role: int, version: int, body: bytes) -> list[bytes]:
    """Return an offer and the chunks of a body that is signed for the board."""
    manifest = MANIFEST.pack({
        "layout": 1, "role": role, "authority": 244, "version": version, "size": len(body),
        "sha256": hashlib.sha256(body).digest(), "semantics": 1,
    })  # fmt: skip
    signature = PRIVATE.sign(manifest_message(manifest))
    key_id = hashlib.sha256(PUBLIC).digest()[:4]
    parts = [bytes([lines.ENVELOPE, m.OFFER]) + seal_envelope(manifest, [(key_id, signature)], KEY)]
    for at in range(0, len(body), CHUNK_BYTES):
        parts.append(_sealed(m.CHUNK, m.encode_chunk(at, body[at : at + CHUNK_BYTES])))
    return parts
