"""Seeds, seals and rules of what comes sealed from inland, and of a journal's slots and pages."""

import hashlib
from binascii import crc32
from typing import Any

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from card_layouts.codec.bits import Layout
from card_layouts.crypto import ed25519
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import next_action_key, seal_keys
from card_layouts.errors import SealError
from card_layouts.packages import ack, action_list, actions, lease, manifest
from card_layouts.packages.action_list import ACTION_LIST
from card_layouts.packages.action_list_builder import build_action_list
from card_layouts.packages.hotlist import HOTLIST_HEAD
from card_layouts.packages.hotlist_builder import build_base, build_overlay
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL, HOT_NONE
from card_layouts.records import block_page
from card_layouts.records.bulk_cpython import BulkSealer
from card_layouts.records.slot import BLOCK_HEADER, SLOT_HEADER, Sealer
from simulator.fuzzing.link_targets import shared_work
from simulator.fuzzing.mutation import BYTES, fixed, in_fields, in_parts, sealed
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.shared.sealed import GENERATION, KEY, UIDS
from simulator.fuzzing.target import Operation, Work, must
from simulator.prng import Prng


def mac(message: bytes) -> bytes:
    """Return AES-CMAC under the fuzzing key by a library that nobody here wrote."""
    maker = CMAC(AES(KEY))
    maker.update(message)
    return maker.finalize()


def _macked(layout: Layout, size: int, maced: int, seal: Any) -> Any:
    """Return the work of a record of one size whose last 16 bytes are its MAC."""
    seeds = [seal({}, KEY), seal(_most(layout), KEY)]

    def check(case: bytes, value: Any) -> None:
        must(len(case) == size, "another size was taken")
        must(case[maced:size] == mac(case[:maced]), "a wrong MAC was taken")

    operations: tuple[Operation, ...] = (*BYTES, in_fields(layout), fixed(*BYTES, size=size))
    return seeds, check, operations, sealed(lambda case: case[:maced] + mac(case[:maced]))


def _most(layout: Layout) -> dict[str, Any]:
    """Return the largest value of each field."""
    return {
        name: (1 << width) - 1 if width <= 30 else b"\xff" * (width // 8)
        for _bit, width, name in layout.rows()
        if name not in ("free", "spare", "mac")
    }


def _record(name: str, layout: Layout, size: int, maced: int, seal: Any) -> Work:
    seeds, check, operations, repair = _macked(layout, size, maced, seal)
    return shared_work(name, seeds, check=check, operations=operations, repair=repair)


def ack_work() -> Work:
    """One acknowledgement under K_ack."""
    return _record("ack", ack.ACK, ack.ACK_BYTES, ack.MACED_BYTES, ack.seal_ack)


def lease_work() -> Work:
    """A lease under K_cfg."""
    return _record("lease", lease.LEASE, lease.LEASE_BYTES, lease.MACED_BYTES, lease.seal_lease)


def action_work() -> Work:
    """A line of the action list under K_act: its MAC is under a key that follows from it."""
    seeds = [
        actions.seal_action({"uid": UIDS[0], "K": bytes(16), "what": bytes(32)}, KEY),
        actions.seal_action(_most(actions.ACTION_ENTRY), KEY),
    ]

    def check(case: bytes, value: Any) -> None:
        # What was opened seals to the same line but for bits that nobody reads.
        again = actions.open_action(actions.seal_action(_without_mac(value), KEY), KEY)
        must(_without_mac(again) == _without_mac(value), "the line does not seal again")

    def seal(case: bytes) -> bytes:
        _k_enc, k_mac = seal_keys(KEY)
        clear = case[: actions.MACED_BYTES]
        return clear + bytes(cmac(k_mac, clear))

    operations = (*BYTES, in_fields(actions.ACTION_ENTRY), fixed(*BYTES, size=96))
    return shared_work("action", seeds, check=check, operations=operations, repair=sealed(seal))


def action_list_work() -> Work:
    """An action list of a lease's generation or a later one; its head's MAC is made good again."""
    lines = [{"uid": uid, "kind": 1, "k": k} for uid in UIDS[:3] for k in (1, 2)]
    many = [{"uid": bytes([6, n, 1, 2, 3, 4, 5]), "k": 1} for n in range(60)]
    later = next_action_key(KEY)
    seeds = [build_action_list(7, 0, GENERATION, KEY, rows) for rows in ([], lines, lines + many)]
    seeds.append(build_action_list(8, 0, GENERATION + 1, later, lines))

    def bucket(case: bytes, prng: Prng, work: Work) -> bytes:
        """Let a bucket of the index begin or end anywhere among the lines."""
        if len(case) < 60:
            return case
        at = 48 + 2 * prng.below(min(ACTION_LIST.get(case, "buckets"), 40) + 1)
        start = prng.below(min(ACTION_LIST.get(case, "count"), 1 << 14) + 2)
        return case[:at] + start.to_bytes(2, "big") + case[at + 2 :]

    def seal(case: bytes) -> bytes:
        if len(case) < ACTION_LIST.size:
            return case
        key = KEY if ACTION_LIST.get(case, "generation") == GENERATION else later
        clear = case[: action_list.MACED_BYTES]
        return clear + bytes(cmac(seal_keys(key)[1], clear)) + case[ACTION_LIST.size :]

    def check(case: bytes, value: Any) -> None:
        _version, _whole, answers = value
        for uid, found in zip(UIDS, answers, strict=True):
            must(found is None or all(row[:7] == uid for row in found), "another card's line")

    operations = (*BYTES, in_fields(ACTION_LIST), bucket, bucket)
    return shared_work(
        "action-list", seeds, check=check, operations=operations, repair=sealed(seal)
    )


def _without_mac(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "mac"}


def ack_batch_work() -> Work:
    """A signed batch of acknowledgements."""
    statements = [ack.seal_ack({"seq": seq}, KEY) for seq in range(3)]
    seeds = [ack.join_ack_batch(statements[:n], b"key1", bytes(64)) for n in (1, 2, 3)]

    def check(case: bytes, value: Any) -> None:
        found, key_id, signature, digest = value
        must(ack.join_ack_batch(found, key_id, signature) == case, "bytes were lost")
        must(digest == hashlib.sha256(case[:-68]).digest(), "another digest is signed")

    return shared_work("ack-batch", seeds, check=check)


def envelope_work() -> Work:
    """A manifest in its envelope, one to three signatures."""
    signed = [(bytes([n]) * 4, bytes([n]) * 64) for n in range(1, 4)]
    plain = manifest.MANIFEST.pack({"layout": 1, "role": 1, "version": 7, "sha256": bytes(32)})
    full = manifest.MANIFEST.pack({**_most(manifest.MANIFEST), "layout": 1, "role": 7})
    seeds = [manifest.seal_envelope(m, signed[:n], KEY) for m in (plain, full) for n in (1, 2, 3)]

    def check(case: bytes, value: Any) -> None:
        values, signatures = value
        must(case[-16:] == mac(case[:-16]), "a wrong MAC was taken")
        must(1 <= len(signatures) <= 3 and len(case) == 80 + 68 * len(signatures), "sizes")
        must(values["role"] < len(manifest.ROLE_NAMES), "a role nobody knows")

    operations = (*BYTES, in_fields(manifest.MANIFEST), fixed(*BYTES, size=148))
    seal = sealed(lambda case: case[:-16] + mac(case[:-16]))
    return shared_work("envelope", seeds, check=check, operations=operations, repair=seal)


def slot_work() -> Work:
    """A slot of the journal: opened one by one and in bulk alike."""
    sealer, bulk = Sealer(KEY), BulkSealer(KEY)
    headers = [{"magic": 0x54, "type": 1, "layout": 1, "length": 96}, {**_most(SLOT_HEADER)}]
    headers[1]["magic"] = 0x54
    seeds = [sealer.seal(SLOT_HEADER.pack(h), bytes(range(96))) for h in headers]

    def check(case: bytes, value: Any) -> None:
        _header, payload = value
        must(bulk.open_slots([case]) == [(0, payload)], "opening in bulk says something else")
        must(sealer.seal(case[:12], payload) == case, "the slot does not seal again")

    def read(case: bytes) -> Any:
        try:
            return one(case)
        except SealError:
            must(bulk.open_slots([case])[0][0] == 1, "in bulk the seal is right")
            raise

    def seal(case: bytes) -> bytes:
        clear = case[:124].ljust(124, b"\0")
        if clear[7] & 1:  # half of them with a right tag, too
            clear = clear[:108] + sealer._cmac.mac(clear[:108])
        return clear + crc32(clear).to_bytes(4, "big")

    operations = (*BYTES, in_fields(SLOT_HEADER), fixed(*BYTES, size=128))
    work = shared_work("slot", seeds, check=check, operations=operations, repair=sealed(seal))
    one, work.read = work.read, read
    return work


def block_page_work() -> Work:
    """The first page of a block, its keys in two copies."""
    seeds = [block_page.pack_block_page(values, KEY) for values in ({}, _most_page())]
    seeds.append(seeds[0][: block_page.KEYS_AT] + bytes(43))

    def check(case: bytes, value: Any) -> None:
        values, key = value
        crc = crc32(case[: block_page.CRC_AT]).to_bytes(4, "big")
        must(case[block_page.CRC_AT : block_page.KEYS_AT] == crc, "a torn page was taken")
        must(key is None or any(key), "a key of zeros was taken")
        must(BLOCK_HEADER.unpack(BLOCK_HEADER.pack(values)) == values, "does not pack again")

    def seal(case: bytes) -> bytes:
        page = bytearray(case[:256].ljust(256, b"\xff"))
        page[209:213] = crc32(page[:209]).to_bytes(4, "big")
        page[229:233] = crc32(page[213:229]).to_bytes(4, "big")
        return bytes(page)

    operations = (*BYTES, in_fields(BLOCK_HEADER), fixed(*BYTES, size=256))
    return shared_work("block-page", seeds, check=check, operations=operations, repair=sealed(seal))


def _most_page() -> dict[str, Any]:
    values = _most(BLOCK_HEADER)
    made = ("magic", "layout", "records", "crc", "K_a", "crc_a", "K_b", "crc_b")
    return {name: value for name, value in values.items() if name not in made}


def hotlist_work() -> Work:
    """A hotlist: base and overlay."""
    rows = [(UIDS[0], HOT_BLOCK, 3), (UIDS[1], HOT_KILL, 0)]
    more = [(bytes([5, n, 1, 2, 3, 4, 5]), HOT_BLOCK, 1 + n % 60) for n in range(60)]
    short = [(uid, HOT_BLOCK, g or 1) for uid, _action, g in rows + more]
    many = [(bytes([6, n, 1, 2, 3, 4, n // 256]), HOT_BLOCK, 1) for n in range(250)]
    many += [(bytes([7, n, 1, 2, 3, 4, 5]), HOT_BLOCK, 1) for n in range(250)]
    bases = [build_base(1, rows), build_base(2, rows + more), build_base(3, short, width=5)]
    bases.append(build_base(4, []))
    overlays = [build_overlay(9, base, [(UIDS[0], HOT_NONE, 0)]) for base in bases]
    seeds = [join_parts(pair) for pair in zip(bases, overlays, strict=True)]
    seeds += [join_parts([base]) for base in bases]
    seeds.append(join_parts([build_base(5, many)]))

    def bucket(case: bytes, prng: Prng, work: Work) -> bytes:
        """Let a bucket of the index begin or end anywhere among the entries."""
        parts = split_parts(case)
        if not parts or len(parts[0]) < 60:
            return case
        head = HOTLIST_HEAD.unpack(parts[0])
        at = 48 + 3 * prng.below(min(head["buckets"], 40) + 1)
        start = prng.below(min(head["count"], 1 << 20) + 2)
        parts[0] = parts[0][:at] + start.to_bytes(3, "big") + parts[0][at + 3 :]
        return join_parts(parts)

    operations = (*BYTES, in_parts(*BYTES, in_fields(HOTLIST_HEAD)), bucket, bucket, bucket)

    def check(case: bytes, value: Any) -> None:
        _version, _overlay, answers, most, files = value
        must(most <= files * (6 + 80 * 8), "a lookup reads more than a bucket of each file")
        for found in answers:
            must(found is None or (0 <= found[0] <= 3 and 0 <= found[1] <= 63), "no entry")

    return shared_work("hotlist", seeds, check=check, operations=operations)


def signature_work() -> Work:
    """Ed25519 by the library and by our own code: both say the same of any key and signature."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = private.public_key().public_bytes_raw()
    # Points of small order and encodings that are not the shortest: where implementations part.
    odd = [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f",
           b"\xed" + b"\xff" * 30 + b"\x7f", b"\xee" + b"\xff" * 31,
           bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f"
                         "2a2053fa2c39ccc64ec7fd7792ac037a")]  # fmt: skip
    good = private.sign(b"message")
    seeds = [public + good, public + private.sign(b"other")]
    seeds += [point + r + bytes(32) for point in odd for r in odd]
    order = ed25519.ORDER.to_bytes(32, "little")
    words = (*odd, order, bytes(32), good[:32], good[32:])

    def check(case: bytes, value: Any) -> None:
        must(case[:32] != public or case[32:96] == good, "a signature nobody made was taken")

    def read(case: bytes) -> Any:
        try:
            ed25519.verify(case[:32], b"message", case[32:])
        except SealError:
            must(not _taken(case), "our own code takes what the library refuses")
            raise
        must(_taken(case), "our own code refuses what the library takes")
        return True

    operations = (fixed(*BYTES, size=96), *BYTES, in_fields(_KEY_AND_SIGNATURE))
    return Work(read, (SealError,), seeds, operations, check, words=words)


_KEY_AND_SIGNATURE = Layout("signed", 96, ("public", 256, "r", 256, "s", 256))


def _taken(case: bytes) -> bool:
    try:
        ed25519.verify_pure(case[:32], b"message", case[32:])
    except SealError:
        return False
    return True
