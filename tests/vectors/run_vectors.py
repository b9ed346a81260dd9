"""Run every vector file under whichever runtime this is; prints `N passed, N failed`.

The same file on both: `python tests/vectors/run_vectors.py`, `micropython
tests/vectors/run_vectors.py`. tests/card_layouts/test_vectors.py compares what the two print.
Written in the shared dialect. Exit status 1 if anything failed.
"""

import json
import sys
from binascii import crc32

HERE = sys.argv[0].rsplit("/", 1)[0] if "/" in sys.argv[0] else "."
sys.path.insert(0, HERE + "/../..")

from card_layouts.cards import counter, zones  # noqa: E402
from card_layouts.codec import cbor, cobs, timestamps  # noqa: E402
from card_layouts.crypto import an10922, cmac, ed25519, kdf, sha512  # noqa: E402
from card_layouts.crypto.aes import CBC, aes  # noqa: E402
from card_layouts.crypto.triple_des import TripleDes  # noqa: E402
from card_layouts.errors import LayoutError, RangeError, SealError  # noqa: E402
from card_layouts.packages import ack, action_list, actions, lease, manifest  # noqa: E402
from card_layouts.records import block_page, chain, entries, slot  # noqa: E402
from tests.vectors import desfire_replay, singles_replay, ultralight_replay  # noqa: E402

try:
    import micropython
except ImportError:
    micropython = None

unhex = bytes.fromhex


class Tally:
    """Counts what passed and prints each failure with its file and name."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.file = ""

    def equal(self, name, found, wanted):
        if isinstance(found, (bytes, bytearray)):
            found = bytes(found).hex()
        if found == wanted:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {self.file}, {name}: {found}, {wanted} wanted")

    def refused(self, name, error, function, *arguments):
        try:
            function(*arguments)
        except error:
            self.passed += 1
            return
        self.failed += 1
        print(f"FAILED {self.file}, {name}: not refused")


def run_cmac(data, tally):
    for key, k1, k2 in data["subkeys"]:
        found = cmac.subkeys(unhex(key))
        tally.equal("K1", found[0], k1)
        tally.equal("K2", found[1], k2)
    reused = cmac.Cmac(unhex(data["cmac"][0][0]))
    for key, message, tag in data["cmac"]:
        tally.equal("cmac of " + message, cmac.cmac(unhex(key), unhex(message)), tag)
        tally.equal("reused key", reused.mac(unhex(message)), tag)


def run_an10922(data, tally):
    for master, m, key in data["diversify"]:
        tally.equal(m, an10922.diversify(unhex(master), unhex(m)), key)


def run_ed25519(data, tally):
    for message, digest in data["sha512"]:
        tally.equal("sha512", sha512.sha512_pure(unhex(message)), digest)
    for public, message, signature in data["verify"]:
        ed25519.verify_pure(unhex(public), unhex(message), unhex(signature))
        ed25519.verify(unhex(public), unhex(message), unhex(signature))
        tally.equal("verify", "right", "right")
    for seed, row in data["sign"]:
        public, message, signature = data["verify"][row]
        found = singles_replay.ended(ed25519.public_steps(unhex(seed)))
        tally.equal("public key", found, public)
        steps = ed25519.sign_steps(unhex(seed), found, unhex(message))
        tally.equal("sign", singles_replay.ended(steps), signature)
    for name, public, message, signature in data["refused"]:
        arguments = (unhex(public), unhex(message), unhex(signature))
        tally.refused(name, SealError, ed25519.verify_pure, *arguments)
        tally.refused(name, SealError, ed25519.verify, *arguments)


def run_aes_session(data, tally):
    for name, key, iv, clear, ciphertext in data["cbc"]:
        tally.equal(name, aes(unhex(key), CBC, unhex(iv)).encrypt(unhex(clear)), ciphertext)
        tally.equal(name, aes(unhex(key), CBC, unhex(iv)).decrypt(unhex(ciphertext)), clear)
    for name, message, crc in data["crc32"]:
        # The card's CRC32 leaves out the final inversion.
        tally.equal(name, (crc32(unhex(message)) ^ 0xFFFFFFFF).to_bytes(4, "big"), crc)
    for name, key, iv, message, tag in data["chained_cmac"]:
        k2 = cmac.subkeys(unhex(key))[1]
        block = bytearray(unhex(message) + b"\x80" + bytes(15 - len(unhex(message))))
        for i in range(16):
            block[i] ^= k2[i]
        found = aes(unhex(key), CBC, unhex(iv)).encrypt(block)
        tally.equal(name, found[: len(tag) // 2], tag)


def run_codecs(data, tally):
    for clear, stuffed in data["cobs"]:
        tally.equal("cobs.encode", cobs.encode(unhex(clear)), stuffed)
        tally.equal("cobs.decode", cobs.decode(unhex(stuffed)), clear)
    for name, stuffed in data["cobs_refused"]:
        tally.refused("cobs " + name, LayoutError, cobs.decode, unhex(stuffed))
    for value, encoded in data["cbor"]:
        tally.equal("cbor.encode", cbor.encode(_from_json(value)), encoded)
        tally.equal("cbor.decode", cbor.encode(cbor.decode(unhex(encoded))), encoded)
    for name, encoded in data["cbor_refused"]:
        tally.refused("cbor " + name, LayoutError, cbor.decode, unhex(encoded))
    for seconds, day, month in data["timestamps"]:
        tally.equal("day_of", timestamps.day_of(seconds), day)
        tally.equal("month_of", timestamps.month_of(day), month)


def run_codes(data, tally):
    for numbers, code in data["zones"]:
        tally.equal(f"zones {numbers}", zones.zones_bitmap(numbers), code)
        tally.equal("zones_list", zones.zones_list(code), numbers)
    for numbers in data["zones_refused"]:
        tally.refused(f"zones {numbers}", RangeError, zones.zones_bitmap, numbers)
    for code in data["zone_codes_refused"]:
        tally.refused(f"zones {code}", LayoutError, zones.zones_list, code)
    for a, b, subset in data["subsets"]:
        tally.equal("subset", zones.zones_subset(a, b), subset)
    for code, hull, first, last, count in data["hulls"]:
        tally.equal("hull", zones.zones_hull(code), hull)
        ends = [zones.zones_first(code), zones.zones_last(code), zones.zones_count(code)]
        tally.equal("ends", ends, [first, last, count])
    for b, n, value in data["counter"]:
        tally.equal("counter_value", counter.counter_value(b, n), value)
        tally.equal("counter_b_n", list(counter.counter_b_n(value)), [b, n])


def run_layouts(data, tally):
    modules = {}
    for module, name, values, packed in data["layouts"]:
        if module not in modules:
            modules[module] = __import__(module, None, None, ("*",))
        layout = getattr(modules[module], name)
        values = _from_json(values)
        tally.equal(name + ".pack", layout.pack(values), packed)
        data_bytes = unhex(packed)
        tally.equal(name + ".unpack", layout.unpack(data_bytes) == values, True)
        buf = bytearray(layout.size)
        _put_all(layout, buf, values)
        for _, width, field in layout.rows():
            if field not in ("free", "spare"):
                tally.equal(name + "." + field, layout.get(buf, field) == values[field], True)
                if width <= 30:
                    tally.refused(field, RangeError, layout.put, buf, field, 1 << width)
                else:
                    tally.refused(field, RangeError, layout.put, buf, field, bytes(3))


def _put_all(layout, buf, values):
    # With the heap locked an allocation would raise MemoryError: putting needs none (D4).
    if micropython is not None:
        micropython.heap_lock()
    try:
        for name in values:
            layout.put(buf, name, values[name])
        layout.pack_into(buf, 0, values)
    finally:
        if micropython is not None:
            micropython.heap_unlock()


def run_seals(data, tally):
    keys = data["keys"]
    tally.equal("K_dev", kdf.device_key(unhex(keys["root"]), 4711, 2), keys["device"])
    for label in ("ack", "cfg", "wrap", "dock", "chain", "block"):
        found = kdf.device_label(unhex(keys["device"]), label.encode())
        tally.equal(label, found, keys[label])
    tally.equal("fwd", kdf.next_block_key(unhex(keys["block"])), keys["next_block"])
    tally.equal("act", kdf.next_action_key(unhex(keys["cfg"])), keys["next_action"])
    found = kdf.dock_key(unhex(keys["dock"]), b"depot-1", 77)
    tally.equal("dock key", found, keys["dock_key"])
    for key, message, digest in data["hmac"]:
        tally.equal("hmac", kdf.hmac_sha256_pure(unhex(key), unhex(message)), digest)
        tally.equal("hmac", kdf.hmac_sha256(unhex(key), unhex(message)), digest)
    _run_slots(data, tally)
    _run_packages(data, tally)


def _run_slots(data, tally):
    h = chain.chain_start(data["device"], data["epoch"])
    tally.equal("H0", h, data["H0"])
    for k_block, header, payload, sealed, h_after in data["slots"]:
        sealer = slot.Sealer(unhex(k_block))
        tally.equal("seal", sealer.seal(unhex(header), unhex(payload)), sealed)
        tally.equal("open", sealer.open_seal(unhex(sealed)), payload)
        tally.equal("crc", slot.check_crc(unhex(sealed)), True)
        h = chain.chain_next(h, unhex(sealed))
        tally.equal("H", h, h_after)
        bad = bytearray(unhex(sealed))
        bad[20] ^= 1
        tally.refused("CRC", LayoutError, sealer.open_seal, bad)
        bad[124:128] = crc32(bad[:124]).to_bytes(4, "big")
        tally.refused("tag", SealError, sealer.open_seal, bad)
    for k_chain, before, first36, found in data["record_h"]:
        tally.equal("h", chain.record_h(unhex(k_chain), unhex(before), unhex(first36)), found)
    for epoch, device, seq, prefix in data["prefixes"]:
        tally.equal("prefix", entries.record_prefix(epoch, device, seq), prefix)
    for seq, block, ordinal in data["ordinals"]:
        tally.equal("ordinal", slot.block_ordinal(seq, block), ordinal)
    page = unhex(data["block_page"])
    tally.equal("page", block_page.unpack_block_page(page)["ordinal"], 5)
    tally.equal("page key", block_page.block_page_key(page), data["keys"]["block"])


def _run_packages(data, tally):
    k_ack = unhex(data["keys"]["ack"])
    k_cfg = unhex(data["keys"]["cfg"])
    for name, sealed in data["packages"]:
        whole = unhex(sealed)
        bad = bytearray(whole)
        bad[9] ^= 1
        if name == "ack":
            tally.equal(name, ack.seal_ack(ack.check_ack(whole, k_ack), k_ack), sealed)
            tally.refused(name, SealError, ack.check_ack, bad, k_ack)
        elif name == "lease":
            tally.equal(name, lease.seal_lease(lease.check_lease(whole, k_cfg), k_cfg), sealed)
            tally.refused(name, SealError, lease.check_lease, bad, k_cfg)
        elif name == "action":
            values = actions.open_action(whole, k_cfg)
            tally.equal(name, actions.seal_action(values, k_cfg), sealed)
            tally.refused(name, SealError, actions.open_action, bad, k_cfg)
        elif name == "action list":
            _check_action_list(whole, k_cfg, tally)
        else:
            publics = {unhex(data["key_id"]): unhex(data["public"])}
            found = manifest.check_envelope(whole, k_cfg, publics)
            tally.equal(name, found["version"], 12)
            tally.refused(name, SealError, manifest.check_envelope, bad, k_cfg, publics)
            tally.refused(name, SealError, manifest.check_envelope, whole, k_cfg, {})


def _check_action_list(whole, k_act, tally):
    """K_act is of the generation before the list's, which is 0: they count modulo 256."""

    def read(offset, n):
        return whole[offset : offset + n]

    def damaged(offset, n):
        return bytes(bad[offset : offset + n])

    found = action_list.open_action_list(read, k_act, 255)
    tally.equal("whole", action_list.check_action_list(read, len(whole), 12, 244), None)
    for uid, actions_k in (("04a1b2c3d4e5f6", [3, 4]), ("04112233445566", [1]), ("04" * 7, [])):
        first, count = found.find(unhex(uid))
        opened = [actions.open_action(found.line(first + i), found.k_act) for i in range(count)]
        tally.equal("lines", [row["k"] for row in opened], actions_k)
    tally.refused("generation", SealError, action_list.open_action_list, read, k_act, 1)
    bad = bytearray(whole)
    bad[17] ^= 1
    tally.refused("head", SealError, action_list.open_action_list, damaged, k_act, 255)


def run_desfire(data, tally):
    for transcript in data["transcripts"]:
        tally.equal(transcript["name"], desfire_replay.replay(transcript), [])


def run_ultralight(data, tally):
    for key, iv, clear, ciphertext in data["tdes"]:
        cipher = TripleDes(unhex(key), CBC, unhex(iv))
        tally.equal("2K3DES", cipher.encrypt(unhex(clear)), ciphertext)
        tally.equal("2K3DES back", cipher.decrypt(unhex(ciphertext)), clear)
    for row in data["conversations"]:
        tally.equal(row[0], ultralight_replay.replay(row), [])


def _from_json(value):
    # JSON has no byte strings: "x:" and hex stands for one.
    if isinstance(value, str) and value.startswith("x:"):
        return unhex(value[2:])
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _from_json(value[key]) for key in value}
    return value


RUNNERS = (
    ("cmac", run_cmac),
    ("an10922", run_an10922),
    ("ed25519", run_ed25519),
    ("aes_session", run_aes_session),
    ("desfire_ev1", run_desfire),
    ("ultralight_c", run_ultralight),
    ("codecs", run_codecs),
    ("codes", run_codes),
    ("layouts", run_layouts),
    ("seals", run_seals),
    ("singles", singles_replay.replay),
)


def main():
    tally = Tally()
    for name, run in RUNNERS:
        tally.file = name + ".json"
        before = tally.passed
        with open(HERE + "/" + tally.file) as file:
            run(json.load(file), tally)
        print(f"{tally.file}: {tally.passed - before} passed")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
