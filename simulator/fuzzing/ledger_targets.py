"""Seeds and rules of the ledger's house: the keyring's socket, the folder of what is published,
topics, and of what an edge takes from inland.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from backend_sync.catalogue import Catalogue
from backend_sync.keyring import wire
from backend_sync.keyring.calls import Calls
from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from backend_sync.ports import KeyringRefused
from backend_sync.topics import parse_topic
from card_layouts.codec import cbor
from card_layouts.errors import LayoutError
from card_layouts.packages.ack import ack_digest, join_ack_batch, seal_ack
from card_layouts.packages.manifest import HOTLIST, MANIFEST, ROLE_NAMES, seal_envelope
from card_layouts.settlement import batch as settled
from edge_agent.downlink import Downlink
from edge_agent.store import Store
from simulator.fuzzing.config_targets import Folder
from simulator.fuzzing.line_targets import PRIVATE, PUBLIC
from simulator.fuzzing.mutation import BYTES, in_fields, in_parts
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.shared.sealed import KEY
from simulator.fuzzing.target import Work, must
from simulator.fuzzing.text import TEXT, TREE
from simulator.prng import Prng
from simulator.worlds.small_tariffs import count_tariff

NOW = 200_000_000
KEYRING_WORDS = ("ack", "manifest", "lease", "hotlist", "overlay", "settled", "settlement")


class Clock:
    """A clock that stands."""

    def utc_seconds(self) -> int:
        """Return NOW."""
        return NOW

    def monotonic_ms(self) -> int:
        """Return 0."""
        return 0


def keyring_work() -> Work:
    """Requests on the keyring's socket: a frame, a call, an answer or a refusal."""
    folder = tempfile.TemporaryDirectory(prefix="tornello-fuzz-")
    write_keys(Path(folder.name) / KEY_FILE, make_keys([1], seed="fuzz"))
    keyring = LocalKeyring(folder.name)
    keyring.provision(11, 0, 1, 10, "depot", "validator")
    batches = keyring.assembly.batches
    batches.remember([(1, bytes(32))])
    calls = Calls(keyring)
    requests: list[Any] = [
        ["unseal", [[11, 0, 1, bytes(32), [bytes(128), b"\x54" + bytes(127)]]]],
        ["pseudonyms", [bytes(7), bytes(64)]],
        ["recompute", [[bytes(7), bytes(8), [[11, 0, bytes(36)]]]]],
        ["assemble", ["devices", {}]],
        ["assemble", ["hotlist", {"version": 1, "authority": 0, "entries": []}]],
        ["assemble", ["lease", {"device": 11, "epoch": 0, "lease": 1, "not_after": 9}]],
        ["assemble", ["settled", {"batches": [[1, bytes(32)], [2, b"\1" * 32]]}]],
        ["sign", ["settlement", [_batch_body(2)]]],
        ["sign", ["ack", [{"device": 11, "epoch": 0, "seq": 1, "H": bytes(32), "time": 1}]]],
        ["sign", ["manifest", [[11, {"role": 1, "authority": 1, "version": 1, "size": 1}]]]],
    ]
    seeds = [wire.encode_frame(request) for request in requests]
    words = tuple(cbor.encode(name) for name in KEYRING_WORDS)
    words += (b"\xa0", b"\xf6", b"\xf5", b"\xfb" + bytes(8), b"\x9f\xff", b"\xc2\x49" + b"\xff" * 9)

    def read(case: bytes) -> Any:
        size = wire.frame_size(case)
        if size != len(case):
            raise wire.WireError(f"frame of {len(case)} bytes, {size} wanted")
        request = wire.decode_frame(case)
        if not (isinstance(request, list) and len(request) == 2 and isinstance(request[0], str)):
            raise wire.WireError("request is not [call, arguments]")
        try:
            return calls.answer(request[0], request[1])
        finally:
            if batches.known(2):  # else a million cases answer with all that came before them
                batches.forget(2)

    def length(case: bytes, prng: Prng, work: Work) -> bytes:
        return (len(case) - 4).to_bytes(4, "big") + case[4:] if len(case) > 4 else case

    def check(case: bytes, value: Any) -> None:
        must(wire.decode_frame(wire.encode_frame([0, value])), "an answer nobody can read")

    def close() -> None:
        keyring.close()
        folder.cleanup()

    work = Work(read, (wire.WireError, KeyringRefused), seeds, BYTES, check, length, words)
    work.close, work.memory_max = close, 1 << 20
    return work


def _batch_body(number: int) -> bytes:
    """Return the body of an empty batch that goes on from the one the keyring knows."""
    values: dict[str, Any] = {name: kind() for name, kind in settled.FIELDS}
    values |= {"schema": settled.SCHEMA, "number": number, "previous": bytes(32)}
    values |= {"ranges": [[1, 0]] * settled.RANGES, "sums": [0, 0, 0, 0]}
    return settled.encode_body(values)


def catalogue_work() -> Work:
    """The folder of what is published; the first byte says which of its files the case is."""
    folder = Folder("hotlist.json")
    names = ("hotlist.json", "leases.json", "a.ttar")
    hotlist = b'{"cards": [{"card": "' + b"11" * 16 + b'", "action": "block", "g": 1}]}'
    leases = b'{"11": {"revoked": true}, "12": {"max_taps": 5, "not_after": 100}}'
    tariff = count_tariff([[250]], 244, valid=(0, 12_000))
    seeds = [bytes([at]) + body for at, body in enumerate((hotlist, leases, tariff))]
    catalogue = Catalogue(folder.path.parent)

    def read(case: bytes) -> Any:
        for path in folder.path.parent.iterdir():
            if path.is_file():
                path.unlink()
        name = names[case[0] % 3] if case else names[0]
        (folder.path.parent / name).write_bytes(case[1:])
        for kept in (folder.path.parent / "archive").glob("*.ttar"):
            kept.unlink()
        return catalogue.read()

    def check(case: bytes, contents: Any) -> None:
        for error in contents.errors:
            must(error.startswith("CatalogueError: "), "a file refused without its name")
        for tariff in contents.tariffs.values():
            must(0 <= tariff.valid_from <= tariff.expires, "a tariff that ends before it begins")
        for _card, g, action in contents.listed or ():
            must(0 <= g <= 62 and 1 <= action <= 3, "a row that no list holds")

    def behind(case: bytes, prng: Prng, work: Work) -> bytes:
        """Change the file and leave its name."""
        operations = (*TREE, *TEXT) if case[:1] != b"\x02" else BYTES
        changed = operations[prng.below(len(operations))](case[1:], prng, work)
        return case[:1] + changed

    work = Work(read, (), seeds, (behind, behind, behind, *BYTES), check)
    work.close, work.memory_max = folder.folder.cleanup, 1 << 20
    return work


def topic_work() -> Work:
    """Names of MQTT topics."""

    def check(case: bytes, value: Any) -> None:
        authority, edge, kind = value
        said = case.decode("utf-8", "replace")
        zeros = said.split("/")[2] != str(authority)  # 007 is 7
        must(zeros or f"tornello/v1/{authority}/{edge}/{kind}" == said, "two names of one topic")

    def read(case: bytes) -> Any:
        return parse_topic(case.decode("utf-8", "replace"))

    seeds = [b"tornello/v1/244/depot-1/up", b"tornello/v1/0/a/state", b"tornello/v1/255/x/ack"]
    words = (b"/", b"+", b"#", b"..", b"$SYS/", "²".encode(), b"00244")
    return Work(read, (LayoutError,), seeds, (*BYTES, *TEXT), check, words=words)


class _Back(Exception):
    """Everything of this case is to be forgotten."""


def downlink_work() -> Work:
    """Messages from inland to an edge: taken, or refused, counted and nothing deleted.

    The case is a kind and a payload; a store is asked and put back as it was.
    """
    folder = Folder("unused")
    store = Store(folder.path.parent / "edge.db")
    key_id = hashlib.sha256(PUBLIC).digest()[:4]
    downlink = Downlink(store, Clock(), {key_id: PUBLIC})
    body = b"body"
    sha = hashlib.sha256(body).digest()
    manifest = MANIFEST.pack({"layout": 1, "role": HOTLIST, "version": 1, "size": 4, "sha256": sha})
    envelope = seal_envelope(manifest, [(b"key1", bytes(64))], KEY)
    acks = [seal_ack({"device": 11, "seq": 5, "incarnation": 1}, KEY)]
    signature = PRIVATE.sign(ack_digest(acks))
    seeds = [
        join_parts([b"down", cbor.encode([1, "package", 11, envelope, body])]),
        join_parts([b"down", cbor.encode([1, "dock", 80, [[11, bytes(16)], [12, bytes(16)]]])]),
        join_parts([b"ack", join_ack_batch(acks, key_id, signature)]),
    ]

    def read(case: bytes) -> Any:
        parts = split_parts(case)
        kind = parts[0].decode("ascii", "replace") if parts else ""
        payload = parts[1] if len(parts) > 1 else b""
        try:
            with store.immediate():
                taken = downlink.take(f"tornello/v1/244/depot-1/{kind}", payload)
                found = taken, downlink.problem, store.parcels.held()
                raise _Back
        except _Back:
            return found

    def sign(case: bytes, prng: Prng, work: Work) -> bytes:
        """Sign a changed batch of acknowledgements again."""
        parts = split_parts(case)
        if len(parts) == 2 and parts[0] == b"ack" and len(parts[1]) > 68:
            clear = parts[1][:-68]
            parts[1] = clear + key_id + PRIVATE.sign(ack_digest([clear]))
        return join_parts(parts)

    def check(case: bytes, value: Any) -> None:
        taken, problem, held = value
        must(taken or problem, "refused without a word")
        must(all(0 <= row[0] < 1 << 20 and row[1] < len(ROLE_NAMES) for row in held), "no package")

    def close() -> None:
        store.close()
        folder.folder.cleanup()

    operations = (in_parts(*BYTES), in_parts(*BYTES, in_fields(MANIFEST)), *BYTES)
    work = Work(read, (), seeds, operations, check, sign, (b"package", b"dock", b"\x80", b"\x1b"))
    work.close, work.memory_max = close, 1 << 20
    return work
