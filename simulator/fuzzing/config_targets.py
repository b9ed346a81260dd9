"""Seeds and rules of what people write for the programs: configurations and files of keys.

Each is read from a file in memory (or a temporary folder): that is how the programs get it.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend_sync import config as ledger_config
from backend_sync.keyring import keyfile
from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from backend_sync.keyring.provision import as_text
from edge_agent import config as edge_config
from edge_agent.counter import key_components
from edge_agent.counter.card_keys import read_keys
from edge_agent.counter.desk import CounterError
from simulator.fuzzing.link_targets import shared_work
from simulator.fuzzing.target import Operation, Work, must
from simulator.fuzzing.text import ALL_TEXT, TREE
from simulator.prng import Prng

EDGE = b"""edge = "depot-1"
authority = 244
data = "data"
retention_days = 30
resend_ms = 5000
clock = "system"
[broker]
host = "127.0.0.1"
port = 1883
username = "edge"
[[dock]]
name = "one"
port = "/dev/ttyUSB0"
baud = 921600
[ledger]
publics = ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"]
"""
LEDGER = b"""database = "ledger.db"
authority = 1
[broker]
host = "localhost"
port = 1883
[intake]
queue_messages = 200
[lease]
hours = 72
renew_hours = 24
max_taps = 20000
[boards.small]
tariff = 131072
hotlist = 262144
"""
TOML_WORDS = (b"[broker]", b"[[dock]]", b"= [", b'"""', b"1979-05-27T07:32:00Z",
              b"0x7fffffffffffffff", b"true", b"{a = 1}", b"a.b.c = 1", b'"\\u0000"',
              b'"\\ud800"', b"inf")  # fmt: skip


class Folder:
    """A temporary folder with one file in it, for readers that want a path."""

    def __init__(self, name: str) -> None:
        base = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.folder = tempfile.TemporaryDirectory(prefix="tornello-fuzz-", dir=base)
        self.path = Path(self.folder.name) / name
        self.path.touch(0o600)

    def reading(self, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
        """Return a read that puts the case into the file first."""

        def reads(case: bytes) -> Any:
            self.path.write_bytes(case)
            return read(self.path)

        return reads


def file_work(
    name: str,
    read: Callable[[Path], Any],
    refusals: tuple[type[BaseException], ...],
    seeds: list[bytes],
    operations: tuple[Operation, ...],
    **more: Any,
) -> Work:
    folder = Folder(name)
    work = Work(folder.reading(read), refusals, seeds, operations, **more)
    work.close = folder.folder.cleanup
    work.memory_max = 1 << 20
    return work


def board_work() -> Work:
    """A board's configuration as provisioning lays it into its file system."""
    place = {"terminal": 2, "line": 17, "trip": -1, "issuers": [1, 244], "conductor": True}
    vehicle = {**provisioned("vehicle"), "profile": place, "pins": "00" * 11}
    seeds = [json.dumps(provisioned("validator"), indent=1).encode(), json.dumps(vehicle).encode()]
    words = (b"\\u00e4", b"\\ud83d\\ude00", b"\\u", b"NaN", b"1e3", b"-0", b"00", b"1073741823",
             b'"K1"', b'"TICKET"', b'{"1": {}}', b",,", b"[1,]", b"{}", b"[]")  # fmt: skip

    def check(case: bytes, value: Any) -> None:
        labelled, masters, signers, _ticket, publics, profile = value
        must({len(key) for key in labelled[:4]} == {16}, "a key of another size")
        must(all(len(key) == 16 for _, _, key in masters), "a master of another size")
        must(all(len(key) == 32 for key in (*signers.values(), *publics.values())), "no public key")
        must(0 <= profile["device"] < 1 << 20 and 0 <= profile["authority"] < 256, "no such device")
        must(strict(case) is not None, "CPython's json does not take it")

    def strict(case: bytes) -> Any:
        return json.loads(case.decode("ascii"))

    operations = (*TREE, *TREE, *ALL_TEXT)
    return shared_work("board-config", seeds, operations=operations, words=words, check=check)


def edge_work() -> Work:
    """The edge's TOML."""

    def check(case: bytes, config: Any) -> None:
        must(0 <= config.authority <= 255 and 1 <= config.broker.port <= 65535, "out of bounds")
        must(all(len(public) == 32 for public in config.publics.values()), "a key of another size")

    return file_work("edge.toml", edge_config.read_config, (edge_config.ConfigError,), [EDGE],
                      ALL_TEXT, check=check, words=TOML_WORDS)  # fmt: skip


def ledger_work() -> Work:
    """The ledger's TOML."""

    def check(case: bytes, config: Any) -> None:
        must(config.terms.renew_s < config.terms.life_s, "leases that are never renewed")
        must(json.dumps(dict(ledger_config.as_settings(config))), "settings nobody can print")

    return file_work("ledger.toml", ledger_config.read_config, (ledger_config.ConfigError,),
                      [LEDGER], ALL_TEXT, check=check, words=TOML_WORDS)  # fmt: skip


def keyring_work() -> Work:
    """The keyring's file of secrets, and the masters that two custodians join."""
    keys = keyfile.make_keys([1, 244], seed="fuzz")
    tree = keyfile._to_json(keys)
    masters = {name: value.hex() for name, value in keys.masters[1].items()}
    joined = {"format": keyfile.MASTERS_FORMAT, "generation": 1, "masters": masters}

    def read(path: Path) -> Any:
        if b'"masters"' in path.read_bytes():
            return keyfile.with_masters(keys, path)
        return keyfile.read_keys(path)

    def check(case: bytes, found: Any) -> None:
        again = keyfile._from_json(json.loads(json.dumps(keyfile._to_json(found))))
        must(again == found, "the keys do not write again")
        must(len(found.root) == 32 and 0 <= found.aid <= 0xFFFF, "out of bounds")

    seeds = [json.dumps(row).encode() for row in (tree, joined)]
    return file_work("keys.json", read, (keyfile.KeyFileError,), seeds, TREE, check=check)


def counter_keys_work() -> Work:
    """Keys of a service point: lines, or what `keyring provision` prints."""
    lines = b"# keys\n0100f0 1 " + b"00" * 16 + b"\nmaster 0100f0 2 " + b"11" * 16
    lines += b"\nticket " + b"22" * 16 + b"\nticket-master " + b"33" * 16 + b"\n"
    device = json.dumps(provisioned("counter")).encode()

    def read(path: Path) -> Any:
        ring = read_keys(argparse.Namespace(keys=path))
        return ring, ring.key(b"\x01\x00\xf0", 1, bytes(7)), ring.ticket_key(bytes(7))

    def check(case: bytes, value: Any) -> None:
        _ring, key, ticket = value
        must(key is None or len(key) == 16, "a key of another size")
        must(ticket is None or len(ticket) == 16, "a ticket's key of another size")

    operations = (*ALL_TEXT, *TREE)
    return file_work("keys", read, (CounterError,), [lines, device], operations, check=check)


def components_work() -> Work:
    """A key component, as a custodian types it in."""
    text = key_components.component_text(key_components.draw(Prng(5).bytes)).encode()

    def read(case: bytes) -> Any:
        return key_components.parse_component(case.decode("utf-8", "replace"), "typed")

    def check(case: bytes, found: Any) -> None:
        again = key_components.component_text(found)
        must(key_components.parse_component(again, "x") == found, "does not write again")

    return Work(read, (CounterError,), [text], ALL_TEXT, check)


def provisioned(kind: str) -> dict[str, Any]:
    """Return what the keyring prints for a device of a kind, as one reads it from its JSON."""
    with tempfile.TemporaryDirectory() as folder:
        keyfile.write_keys(Path(folder) / KEY_FILE, keyfile.make_keys([1], seed="fuzz"))
        keyring = LocalKeyring(folder)
        try:
            found: dict[str, Any] = keyring.provision(11, 0, 1, 10, "depot", kind)
        finally:
            keyring.close()
    return as_text(found)
