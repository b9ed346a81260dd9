"""Make codecs, codes, layouts, seals and singles.json without the code they are to check.

Bits are joined as text, seals come from the `cryptography` package's own CTR, CMAC and Ed25519,
COBS and CBOR from the cobs and cbor2 packages. Run: `python tests/vectors/make_vectors.py`; a test
compares the files with what this makes, so a table that changes by accident is noticed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import zlib
from importlib import import_module
from pathlib import Path

import cbor2
from cobs import cobs as cobs_package
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.cmac import CMAC

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from card_layouts.codec.bits import Layout  # noqa: E402
from tests.vectors.make_singles import make_singles  # noqa: E402

MODULES = (
    "card_layouts.cards.card_layout",
    "card_layouts.cards.issue",
    "card_layouts.cards.ulc_layout",
    "card_layouts.records.slot",
    "card_layouts.records.entries_tap",
    "card_layouts.records.entries_device",
    "card_layouts.records.entries_service",
    "card_layouts.packages.ack",
    "card_layouts.packages.lease",
    "card_layouts.packages.actions",
    "card_layouts.packages.action_list",
    "card_layouts.packages.hotlist_layout",
    "card_layouts.packages.manifest",
    "card_layouts.tickets.single",
)
G_EXAMPLE = (
    "2080499c01e24014000072000195752a0002a40011040005dc1e8088618c006c001520000011223344556677"
)


def layouts_of(module: str) -> list[Layout]:
    """Return the tables of a module in the order they stand in it."""
    return [item for item in vars(import_module(module)).values() if isinstance(item, Layout)]


def value_of(name: str, width: int) -> int | str:
    """Return a value for a field that depends on nothing but its name and width."""
    stream = hashlib.shake_128(name.encode()).digest(max(4, width // 8))
    if width > 30:
        return "x:" + stream[: width // 8].hex()
    return int.from_bytes(stream[:4], "big") % (1 << width)


def pack_as_text(layout: Layout, values: dict) -> str:
    """Return the record in hex, made from the written-out bits of each field."""
    bits = ""
    for _, width, name in layout.rows():
        if name in ("free", "spare"):
            bits += ("0" if name == "free" else "1") * width
        else:
            value = values[name]
            number = int(value[2:], 16) if isinstance(value, str) else value
            bits += format(number, f"0{width}b")
    return "".join(format(int(bits[i : i + 8], 2), "02x") for i in range(0, len(bits), 8))


def make_layouts() -> dict:
    """Return two packed records of each table, and the design's own example of G."""
    rows = []
    for module in MODULES:
        for layout in layouts_of(module):
            fields = [row for row in layout.rows() if row[2] not in ("free", "spare")]
            ones = {
                name: (1 << width) - 1 if width <= 30 else "x:" + "ff" * (width // 8)
                for _, width, name in fields
            }
            mixed = {name: value_of(layout.name + name, width) for _, width, name in fields}
            for values in (ones, mixed):
                rows.append([module, layout.name, values, pack_as_text(layout, values)])
    rows.append(["card_layouts.cards.card_layout", "G", g_example(), G_EXAMPLE])
    return {"source": "make_vectors.py; the last G is the example in SPEC.md", "layouts": rows}


def g_example() -> dict:
    """Return the fields of the example record in SPEC.md section 2."""
    names = (
        "layout epoch device seq kind clock night n b a time amount D L authority line zone "
        "start_zone zones start_minute charged transfers paid_by companions"
    )
    numbers = "1 2 4711 123456 2 1 0 57 0 3 180000000 338 8712 12000 244 17 3 3 6144 1728 338 0 0 0"
    values: dict = dict(zip(names.split(), map(int, numbers.split()), strict=True))
    values["h"] = "x:0011223344556677"
    return values


def make_codecs() -> dict:
    """Return COBS, CBOR and date cases."""
    clear = [b"", b"\0", b"\0\0", b"a\0b", b"a" * 253, b"a" * 254, b"a" * 255, b"a" * 254 + b"\0"]
    clear += [b"\0" + b"a" * 254, bytes(range(256)) * 3, b"a" * 508, b"a" * 509 + b"\0\0"]
    values: list = [0, 23, 24, 255, 256, 65535, 65536, 2**30, 2**32, 2**53, -1, -24, -25, -256]
    values += ["x:", "x:00ff", "", "depot-1", "Pyh\u00e4j\u00e4rvi", [], [[], [[1]]]]
    values += [
        [1, "depot-1", [[4711, 2, 1, "x:" + "11" * 32, ["x:" + "22" * 128]]]],
        "x:" + "5a" * 300,
    ]
    refused = [
        ["nothing", ""],
        ["24 in two bytes", "1817"],
        ["cut", "4201"],
        ["two values", "0000"],
    ]
    refused += [["map", "a0"], ["float", "f90000"], ["null", "f6"], ["indefinite", "9fff"]]
    refused += [["long array", "9a7fffffff"], ["deep", "81" * 9 + "80"], ["not UTF-8", "61ff"]]
    refused += [["2^53 + 1", "1b0020000000000001"], ["tag", "c100"], ["cut head", "19ff"]]
    refused += [["overlong UTF-8", "62c1a4"], ["a surrogate in UTF-8", "63eda080"]]
    return {
        "source": "cobs 1.2 and cbor2 (canonical)",
        "cobs": [[item.hex(), cobs_package.encode(item).hex()] for item in clear],
        "cobs_refused": [
            ["nothing", ""],
            ["00", "00"],
            ["cut", "0511"],
            ["00 in a run", "03110000"],
        ],
        "cbor": [[item, cbor2.dumps(_plain(item), canonical=True).hex()] for item in values],
        "cbor_refused": refused,
        "timestamps": [[0, 0, 0], [86400 * 31, 31, 1], [86400 * 59 + 86399, 59, 1]]
        + [[86400 * 60, 60, 2], [86400 * 366, 366, 12], [2**30 - 1, 12427, 408]],
    }


def make_codes() -> dict:
    """Return zone sets and values of file C."""
    return {
        "source": "SPEC.md section 1 and 2, worked out by hand",
        "zones": [[[], 0], [[3, 4], 0x1800], [[7], 0x0100], [[1, 3], 0x5000], [[1, 15], 0x4001]]
        + [[list(range(1, 16)), 0x7FFF], [[12, 13, 14, 15], 0x000F], [[1], 0x4000], [[15], 1]],
        "zones_refused": [[1, 16], [0], [0, 1], [62, 64]],
        "zone_codes_refused": [0x8000, 0x8618, 0xFFFE],
        "subsets": [[0, 0, True], [0x1800, 0x7FFF, True], [0x7FFF, 0x1800, False]]
        + [[0x5000, 0x7FFF, True], [0x7FFF, 0x5000, False], [0xFFFF, 0xFFFF, True]]
        + [[0x5000, 0xFFFF, True], [0xFFFF, 0x7FFF, False], [0xFFFF, 0x1800, False]],
        "hulls": [[0, 0, 0, 0, 0], [0x5000, 0x7000, 1, 3, 2], [0x4001, 0x7FFF, 1, 15, 2]]
        + [[0x1800, 0x1800, 3, 4, 2], [0x0100, 0x0100, 7, 7, 1]],
        "counter": [[0, 0, 2**30 - 1], [0, 57, 2**30 - 58], [1, 0, 2**30 - 1 - 2**24]]
        + [[62, 2**24 - 1, 2**24], [63, 2**24 - 1, 0]],
    }


def make_seals() -> dict:
    """Return keys, sealed slots with their chain, and one package of each kind."""
    root, device, epoch = bytes(range(32)), 4711, 2
    k_dev = _hmac(root, device.to_bytes(4, "big") + bytes([epoch]))
    labels = ("ack", "cfg", "wrap", "dock", "chain", "block")
    keys = {label: _hmac(k_dev, label.encode())[:16] for label in labels}
    chain = hashlib.sha256(b"tornello H0" + device.to_bytes(4, "big") + bytes([epoch])).digest()
    slots, h = [], chain
    for seq in (1, 2, 31):
        k_block = keys["block"] if seq < 31 else _sha(b"fwd" + keys["block"])[:16]
        sealed, header, payload = seal_slot(k_block, device, epoch, seq)
        h = _sha(h + sealed)
        slots.append([k_block.hex(), header.hex(), payload.hex(), sealed.hex(), h.hex()])
    signer = Ed25519PrivateKey.from_private_bytes(_sha(b"vector signer"))
    public = signer.public_key().public_bytes_raw()
    hexed = {name: key.hex() for name, key in keys.items()}
    hexed |= {"root": root.hex(), "device": k_dev.hex()}
    hexed["next_block"] = _sha(b"fwd" + keys["block"])[:16].hex()
    hexed["next_action"] = _sha(b"act" + keys["cfg"])[:16].hex()
    hexed["dock_key"] = _hmac(keys["dock"], b"depot-1\0" + (77).to_bytes(2, "big"))[:16].hex()
    first36 = bytes.fromhex(G_EXAMPLE)[:36]
    before = bytes.fromhex("04a1b2c3d4e5f600")
    return {
        "source": "make_vectors.py with cryptography, hashlib and hmac",
        "device": device,
        "epoch": epoch,
        "keys": hexed,
        "hmac": [[k.hex(), m.hex(), _hmac(k, m).hex()] for k, m in hmac_cases()],
        "H0": chain.hex(),
        "slots": slots,
        "record_h": [[keys["chain"].hex(), before.hex(), first36.hex()]
                     + [_hmac(keys["chain"], before + first36)[:8].hex()]],
        "prefixes": [[2, 4711, 123456, G_EXAMPLE[:14]], [2, 4711, 2**26 + 123456, G_EXAMPLE[:14]]],
        "ordinals": [[1, 0, 0], [30, 0, 0], [31, 1, 1], [30, 1, 1], [7681, 0, 256], [7680, 0, 256]],
        "block_page": block_page(keys["block"]).hex(),
        "key_id": _sha(public)[:4].hex(),
        "public": public.hex(),
        "packages": [
            ["ack", package("ack", "ACK", keys["ack"], 48).hex()],
            ["lease", package("lease", "LEASE", keys["cfg"], 80).hex()],
            ["action", action(keys["cfg"]).hex()],
            ["action list", action_list(_sha(b"act" + keys["cfg"])[:16]).hex()],
            ["envelope", envelope(keys["cfg"], signer).hex()],
        ],
    }  # fmt: skip


def hmac_cases() -> list[tuple[bytes, bytes]]:
    """Return RFC 4231 cases 1 and 6 (a key longer than a block) and an empty one."""
    long_key = b"Test Using Larger Than Block-Size Key - Hash Key First"
    return [(b"\x0b" * 20, b"Hi There"), (b"\xaa" * 131, long_key), (b"", b"")]


def seal_slot(k_block: bytes, device: int, epoch: int, seq: int) -> tuple[bytes, bytes, bytes]:
    """Return (sealed, header, payload) of an INTENT made of its own name's hash."""
    fields = {"magic": 0x54, "type": 1, "layout": 1, "flags": 0, "epoch": epoch, "device": device}
    fields |= {"seq": seq, "length": 96, "slot": (seq - 1) % 30, "block": (seq - 1) // 30}
    header = bytes.fromhex(pack_as_text(_layout("records.slot", "SLOT_HEADER"), fields))
    payload = hashlib.shake_128(b"payload %d" % seq).digest(96)
    counter = header + bytes(4)
    ciphertext = Cipher(AES(_hmac(k_block, b"enc")[:16]), CTR(counter)).encryptor().update(payload)
    tag = _cmac(_hmac(k_block, b"mac")[:16], header + ciphertext)
    clear = header + ciphertext + tag
    return clear + zlib.crc32(clear).to_bytes(4, "big"), header, payload


def block_page(k_block: bytes) -> bytes:
    """Return a block's first page, ordinal 5, other fields from their names."""
    layout = _layout("records.slot", "BLOCK_HEADER")
    values = _mixed(layout) | {"magic": 0x544A, "layout": 2, "records": 30, "ordinal": 5}
    copy = k_block + zlib.crc32(k_block).to_bytes(4, "big")
    head = bytes.fromhex(pack_as_text(layout, values))[:209]
    return head + zlib.crc32(head).to_bytes(4, "big") + copy + copy + b"\xff" * 3


def package(module: str, name: str, key: bytes, clear_bytes: int) -> bytes:
    """Return a record of that table whose last 16 bytes are a CMAC over the others."""
    layout = _layout("packages." + module, name)
    clear = bytes.fromhex(pack_as_text(layout, _mixed(layout) | {"layout": 1}))[:clear_bytes]
    return clear + _cmac(key, clear)


def action(k_act: bytes) -> bytes:
    """Return a line of the action list, K and what encrypted."""
    layout = _layout("packages.actions", "ACTION_ENTRY")
    clear = bytes.fromhex(pack_as_text(layout, _mixed(layout) | {"layout": 1}))
    stream = Cipher(AES(_hmac(k_act, b"enc")[:16]), CTR(clear[:12] + bytes(4))).encryptor()
    body = clear[:32] + stream.update(clear[32:80])
    return body + _cmac(_hmac(k_act, b"mac")[:16], body)


def action_list(k_act: bytes) -> bytes:
    """Return a list of generation 0 of three lines, two of one card, bucket after bucket."""
    layout, salt, count = _layout("packages.actions", "ACTION_ENTRY"), bytes(range(8)), 3
    lines: list[tuple[int, bytes, int, bytes]] = []
    for uid, k in (("04a1b2c3d4e5f6", 3), ("04a1b2c3d4e5f6", 4), ("04112233445566", 1)):
        bucket = int.from_bytes(_sha(salt + bytes.fromhex(uid))[:3], "big") % count
        values = {**_mixed(layout), "uid": "x:" + uid, "layout": 1, "k": k}
        clear = bytes.fromhex(pack_as_text(layout, values))
        stream = Cipher(AES(_hmac(k_act, b"enc")[:16]), CTR(clear[:12] + bytes(4))).encryptor()
        body = clear[:32] + stream.update(clear[32:80])
        body += _cmac(_hmac(k_act, b"mac")[:16], body)
        lines.append((bucket, bytes.fromhex(uid), k, body))
    index = [sum(line[0] < bucket for line in lines) for bucket in range(count + 1)]
    values = {"magic": 0x5441, "layout": 1, "authority": 244, "version": 12, "count": count}
    values |= {"generation": 0, "buckets": count, "salt": "x:" + salt.hex(), "mac": 0}
    clear = bytes.fromhex(pack_as_text(_layout("packages.action_list", "ACTION_LIST"), values))[:32]
    head = clear + _cmac(_hmac(k_act, b"mac")[:16], clear)
    starts = b"".join(start.to_bytes(2, "big") for start in index)
    return head + starts + b"".join(line[3] for line in sorted(lines))


def envelope(k_cfg: bytes, signer: Ed25519PrivateKey) -> bytes:
    """Return an envelope with one signature."""
    layout = _layout("packages.manifest", "MANIFEST")
    values = _mixed(layout) | {"layout": 1, "role": 1, "version": 12}
    clear = bytes.fromhex(pack_as_text(layout, values))
    key_id = _sha(signer.public_key().public_bytes_raw())[:4]
    clear += key_id + signer.sign(b"tornello manifest\0" + clear)
    return clear + _cmac(k_cfg, clear)


def make_all() -> dict[str, str]:
    """Return {file name: text} of every file made here."""
    made = {"codecs": make_codecs(), "codes": make_codes()}
    made |= {"layouts": make_layouts(), "seals": make_seals(), "singles": make_singles()}
    return {name + ".json": _one_case_a_line(data) for name, data in made.items()}


def _one_case_a_line(data: dict) -> str:
    parts = []
    for key, value in data.items():
        if isinstance(value, list):
            rows = ",\n  ".join(json.dumps(row) for row in value)
            parts.append(f'"{key}": [\n  {rows}\n ]')
        else:
            parts.append(f'"{key}": {json.dumps(value)}')
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def _layout(module: str, name: str) -> Layout:
    return getattr(import_module("card_layouts." + module), name)


def _mixed(layout: Layout) -> dict:
    rows = [row for row in layout.rows() if row[2] not in ("free", "spare")]
    return {name: value_of(layout.name + name, width) for _, width, name in rows}


def _plain(value: object) -> object:
    if isinstance(value, str) and value.startswith("x:"):
        return bytes.fromhex(value[2:])
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _sha(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def _cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(message)
    return mac.finalize()


if __name__ == "__main__":
    for file_name, text in make_all().items():
        (HERE / file_name).write_text(text)
