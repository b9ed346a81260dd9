"""Seeds and rules of what the ledger takes from the broker, edges' states and batches, and from
files: rows that commands bring in, and the publisher's versions.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from backend_sync.edge_states import read_state
from backend_sync.intake import Intake
from backend_sync.ledger import listed
from backend_sync.package_versions import PackageVersions, VersionsError
from backend_sync.ports import Message
from backend_sync.quarantine import Quarantine
from card_layouts.errors import LayoutError
from card_layouts.link.batches import encode_batch
from simulator.fuzzing.config_targets import Folder, file_work
from simulator.fuzzing.ledger_targets import Clock
from simulator.fuzzing.mutation import BYTES, in_parts
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.target import Work, must
from simulator.fuzzing.text import TEXT, TREE
from simulator.prng import Prng

TOPIC = "tornello/v1/244/depot-1/"


def state_work() -> Work:
    """An edge's retained state: it is there or not, and what packages it holds."""
    full = {"online": True, "birth": "7", "holds": {
        "packages": [[11, 1, 244, 9], [12, 2, 0, 3]], "dock_months": [82, 83]}}  # fmt: skip
    seeds = [json.dumps(tree).encode() for tree in (full, {"online": False})]

    def read(case: bytes) -> Any:
        return read_state(Message(TOPIC + "state", case, 0))

    def check(case: bytes, value: Any) -> None:
        edge, online, birth, holds = value
        must(edge == (244, "depot-1") and isinstance(online, bool), "another edge")
        must(isinstance(birth, str), "a birth that is no text")
        if holds is not None:
            must(all(isinstance(n, int) for row in holds[0] for n in row), "no numbers")

    return Work(read, (LayoutError,), seeds, TREE, check, memory_max=1 << 20)


class _Broker:
    """A broker that hears what is done; nothing is published in these cases."""

    def __init__(self) -> None:
        self.handed_back = 0

    def done(self, message: Message) -> None:
        """Count one."""
        self.handed_back += 1


def intake_work() -> Work:
    """Messages to the ledger, topic and payload: into a group, or into quarantine with a reason."""
    folder = Folder("unused")
    quarantine = Quarantine(folder.path.parent / "quarantine")
    slot = bytes(range(128))
    runs: list[Any] = [(7, 1, 1, b"h" * 32, [slot]), (9, 2, 5, bytes(32), [slot, slot])]
    up = (TOPIC + "up").encode()
    seeds = [join_parts([up, encode_batch("depot-1", runs[:n])]) for n in (1, 2)]
    seeds.append(join_parts([b"tornello/v1/1/a/up", encode_batch("a", runs)]))

    def read(case: bytes) -> Any:
        topic, payload = ([*split_parts(case), b"", b""])[:2]
        broker: Any = _Broker()
        nobody: Any = None  # ledger and keyring are asked when a group is posted
        intake = Intake(broker, nobody, nobody, quarantine, Clock())
        intake.take(Message(topic.decode("utf-8", "replace"), payload, 1))
        kept = quarantine.reasons()
        for path in quarantine.folder.iterdir():
            path.unlink()
        return intake, broker.handed_back, kept, payload

    def check(case: bytes, value: Any) -> None:
        intake, handed_back, kept, payload = value
        taken = len(intake.group)
        must(taken + len(kept) == 1, "neither taken nor kept as evidence")
        must(handed_back == len(kept) == intake.counts.quarantined, "handed back before its commit")
        must(all(": " in reason for reason in kept), "kept without a named reason")
        for batch in intake.group:
            must(encode_batch(batch.edge, batch.runs) == payload, "another batch than was sent")

    operations = (in_parts(*BYTES), in_parts(*BYTES, *TEXT), *BYTES)
    words = (b"tornello/v1/", b"/up", b"\x58\x80", b"\x83\x01", b"depot-1")
    work = Work(read, (), seeds, operations, check, words=words)
    work.close, work.memory_max = folder.folder.cleanup, 1 << 20
    return work


def versions_work() -> Work:
    """The publisher's memory of versions: without it devices would refuse what it publishes."""
    manifest = {"version": 7, "sha256": hashlib.sha256(b"body").hexdigest(), "role": 1, "size": 4}
    tree = {"format": 1, "manifests": {"tariff-244": manifest, "lease-4711-1": manifest},
            "extra": {"tariff-244": None, "lease-4711-1": {"lease": 7}}}  # fmt: skip

    def check(case: bytes, versions: Any) -> None:
        for name in versions.manifests:
            must(versions.last(name) >= 0, "a version below 0")
        for name, manifest in list(versions.manifests.items()):
            versions.put(name, manifest, versions.extra.get(name))
        versions.save()
        must(PackageVersions(versions.path).manifests == versions.manifests, "saves otherwise")

    def read(path: Path) -> Any:
        return PackageVersions(path)

    seeds = [json.dumps(tree).encode()]
    return file_work("versions.json", read, (VersionsError,), seeds, TREE, check=check)


def lists_work() -> Work:
    """Files of rows for the books; the first byte says of which kind the case is."""
    folder = Folder("rows")
    readers = (listed.read_sales, listed.read_tickets, listed.read_batches,
               listed.read_counter_sales, listed.read_issues)  # fmt: skip
    sold = {"sale_id": "s1", "action_id": 9, "cents": 500, "channel": "web", "time": 200_000_000}
    ticket = {**sold, "uid": "04112233445566", "header": "00" * 12}
    batch = {"authority": 244, "batch": 17, "head": "00" * 44}
    single = {"sale": "s1", "code": "TO1:", "channel": "desk", "time": 200_000_000}
    files: list[Any] = [[sold, {**sold, "sale_id": 2}], [ticket], [batch]]
    texts = [json.dumps(tree).encode() for tree in files]
    texts += [json.dumps(single).encode() + b"\n", bytes(128)]
    seeds = [bytes([at]) + text for at, text in enumerate(texts)]

    def read(case: bytes) -> Any:
        folder.path.write_bytes(case[1:])
        return readers[case[0] % len(readers) if case else 0](folder.path)

    def check(case: bytes, rows: Any) -> None:
        for row in rows:
            if isinstance(row, bytes):
                must(len(row) == listed.ISSUE_BYTES, "half a row")
                continue
            for value in row:
                must(isinstance(value, str | bytes | int), "a value that no column holds")
                must(not isinstance(value, str) or value.encode(), "a text that is none")
                must(not isinstance(value, int) or 0 <= value <= listed.ACTION_MAX, "no number")

    def behind(case: bytes, prng: Prng, work: Work) -> bytes:
        """Change the file and leave its kind."""
        operations = TREE if case[:1] < b"\x03" else (*TREE, *TEXT)
        return case[:1] + operations[prng.below(len(operations))](case[1:], prng, work)

    work = Work(read, (listed.ListFault,), seeds, (behind, behind, behind, *BYTES), check)
    work.close, work.memory_max = folder.folder.cleanup, 1 << 20
    return work
