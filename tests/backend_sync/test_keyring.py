"""The keyring in process: what it opens, what it refuses by name, what never leaves it."""

import hashlib
import json
import stat
import time
from binascii import crc32

import pytest

from backend_sync import ports
from backend_sync.keyring import block_keys, keyfile
from backend_sync.keyring.local import LocalKeyring
from backend_sync.keyring.provision import as_text
from card_layouts.crypto.ed25519 import verify
from card_layouts.crypto.ed25519_cpython import public_native
from card_layouts.crypto.kdf import device_key, device_label
from card_layouts.errors import SealError
from card_layouts.packages import hotlist as hotlist_reader
from card_layouts.packages.ack import check_ack, split_ack_batch
from card_layouts.packages.lease import check_lease
from card_layouts.packages.manifest import LEASE, MANIFEST, check_envelope
from card_layouts.records.chain import record_h
from card_layouts.tickets.single import SELLER_VEHICLE, certificate_message, read_certificate
from tests.backend_sync import sealed_devices as sd


@pytest.fixture
def ring(tmp_path):
    ring = sd.keyring(tmp_path / "keyring")
    yield ring
    ring.close()


@pytest.fixture
def device(ring):
    return sd.SealedDevice(ring.keys.root)


def reseal_crc(slot: bytes) -> bytes:
    return slot[:124] + crc32(slot[:124]).to_bytes(4, "big")


def statuses(opened):
    return [ports.STATUS_NAMES[entry.status] for entry in opened]


# Opening


@pytest.mark.requirement("D11", "D13")
def test_entries_open_in_order_and_carry_pseudonyms(ring, device):
    (card,) = ring.pseudonyms([sd.issue_row(1)])
    run = device.run([sd.refusal(1), sd.outcome(1), sd.refusal(2)])
    first, second, third = ring.unseal([run])
    assert (first.status, first.device, first.epoch, first.seq, first.type) == (0, 4711, 1, 1, 9)
    assert (first.card, first.known) == (card, True)
    assert (second.card, second.known) == (None, False)
    assert third.known is False and third.card not in (None, card)
    assert second.payload == sd.outcome(1)[1]
    assert first.payload == bytes(7) + sd.refusal(1)[1][7:]


@pytest.mark.requirement("D11")
def test_no_uid_is_in_anything_the_ledger_gets(ring, device):
    uids = [sd.uid(number) for number in range(200)]
    ring.pseudonyms([sd.issue_row(number) for number in range(0, 200, 2)])
    entries = [sd.refusal(n) if n % 3 else sd.outcome(n or 1) for n in range(200)]
    opened = ring.unseal([device.run(entries)])
    seen = b"".join(entry.payload + (entry.card or b"") for entry in opened)
    seen += b"".join(ring.pseudonyms(uids))
    assert not [found for found in uids if found in seen or found[::-1] in seen]


@pytest.mark.requirement("D13")
def test_every_flipped_bit_of_a_slot_is_refused_and_nothing_else_with_it(ring, device):
    good, victim = device.run([sd.refusal(1)]), device.run([sd.refusal(2)])
    for bit in range(124 * 8):
        slot = bytearray(victim[4][0])
        slot[bit // 8] ^= 0x80 >> bit % 8
        opened = ring.unseal([good, (*victim[:4], [reseal_crc(bytes(slot))])])
        assert opened[0].status == ports.OK
        assert opened[1].status in (ports.BAD_SEAL, ports.BAD_FORMAT), bit


@pytest.mark.requirement("D13")
def test_torn_short_and_blank_slots_are_named_bad_format(ring, device):
    slot = device.slot(*sd.refusal(1))
    bad = [slot[:127], slot + b"\0", b"", b"\xff" * 128, bytes(128), slot[:120] + b"\0" * 8]
    opened = ring.unseal([(4711, 1, 1, bytes(32), [piece]) for piece in bad])
    assert statuses(opened) == ["bad format"] * len(bad)
    assert [entry.payload for entry in opened] == [b""] * len(bad)


@pytest.mark.requirement("D16")
def test_foreign_forged_and_swapped_entries_are_refused_by_name(ring, device, tmp_path):
    stranger = sd.SealedDevice(b"another scheme's root".ljust(32))
    other = sd.SealedDevice(ring.keys.root, device=4712)
    ring.provision(4713, 1, sd.AUTHORITY, 7, sd.EDGE)
    run = device.run([sd.refusal(1)])
    swapped = (4713, *run[1:])
    older_epoch = (4711, 0, *run[2:])
    assert statuses(ring.unseal([stranger.run([sd.refusal(1)])])) == ["bad seal"]
    assert statuses(ring.unseal([other.run([sd.refusal(1)])])) == ["unknown device"]
    assert statuses(ring.unseal([swapped])) == ["bad format"]
    assert statuses(ring.unseal([older_epoch])) == ["bad format"]
    assert statuses(ring.unseal([(*run[:2], 5, *run[3:])])) == ["bad format"]


@pytest.mark.requirement("D13")
def test_an_entry_type_nobody_knows_is_not_let_out(ring, device):
    opened = ring.unseal([device.run([(60, sd.uid(1) * 13 + b"\0" * 5)])])
    opened += ring.unseal([device.run([sd.refusal(1)], layout=2)])
    assert statuses(opened) == ["bad format", "bad format"]
    assert [entry.payload for entry in opened] == [b"", b""]
    assert opened[0].type == 60 and opened[1].layout == 2


@pytest.mark.requirement("D13")
def test_blocks_follow_one_another_and_torn_blocks_are_stepped_over(ring, device):
    assert statuses(ring.unseal([device.run([sd.refusal(1)] * 95)])) == ["ok"] * 95
    for _ in range(3):  # each of these blocks held only torn slots
        device.next_block()
    assert statuses(ring.unseal([device.run([sd.refusal(1)] * 5)])) == ["ok"] * 5
    for _ in range(300):  # more than the header's eight bits can tell
        device.next_block()
    assert statuses(ring.unseal([device.run([sd.refusal(1)] * 40)])) == ["ok"] * 40


@pytest.mark.requirement("D1")
def test_a_new_epoch_starts_at_its_own_first_seq_and_old_entries_still_open(ring, device):
    old = device.run([sd.refusal(1)])
    ring.provision(4711, 2, sd.AUTHORITY, 7, sd.EDGE, first_seq=5001)
    new = sd.SealedDevice(ring.keys.root, epoch=2, first_seq=5001)
    assert statuses(ring.unseal([new.run([sd.refusal(1)] * 70), old])) == ["ok"] * 71
    with pytest.raises(ports.KeyringRefused, match="take a new epoch"):
        ring.provision(4711, 2, sd.AUTHORITY, 7, sd.EDGE, first_seq=1)


@pytest.mark.requirement("D11")
def test_a_forged_number_cannot_make_the_keyring_walk_for_ever(ring, device):
    forger = sd.SealedDevice(b"another root".ljust(32), first_seq=(1 << 30) - 40)
    assert statuses(ring.unseal([forger.run([sd.refusal(1)])])) == ["bad seal"]
    walked = ring.block_keys.kept.get((4711, 1), {})
    assert max(walked, default=0) <= block_keys.SPAN


@pytest.mark.requirement("D11")
def test_where_a_device_stands_survives_the_process(ring, device, tmp_path):
    for _ in range(600):
        device.next_block()
    device.seq = 600 * 30 + 1
    run = device.run([sd.refusal(1)])
    assert statuses(ring.unseal([run])) == ["ok"]
    ring.close()
    again = LocalKeyring(tmp_path / "keyring")
    assert again.block_keys.newest[4711, 1] == 512
    assert statuses(again.unseal([run])) == ["ok"]
    ring.register, ring.lock = again.register, again.lock  # the fixture closes them


@pytest.mark.requirement("D11")
def test_opening_forty_thousand_slots_a_second_is_within_reach(ring, device, capsys):
    ring.pseudonyms([sd.issue_row(number) for number in range(100)])
    runs = [device.run([sd.refusal(n % 100) for n in range(500)]) for _ in range(10)]
    started = time.perf_counter()
    opened = ring.unseal(runs)
    rate = len(opened) / (time.perf_counter() - started)
    with capsys.disabled():
        print(f"\nkeyring: {rate:,.0f} slots/s opened in process (not asserted)")
    assert statuses(opened) == ["ok"] * 5000


# Cards


@pytest.mark.requirement("D11")
def test_a_row_that_contradicts_the_register_enters_nothing(ring):
    ring.pseudonyms([sd.issue_row(1)])
    with pytest.raises(ports.KeyringRefused, match="its serial is not the register's"):
        ring.pseudonyms([sd.issue_row(2), sd.issue_row(1, serial=99)])
    with pytest.raises(ports.KeyringRefused, match="two deliveries with the same numbers"):
        ring.pseudonyms([sd.issue_row(3), sd.issue_row(2, serial=1)])
    assert ring.register.card_count() == 1
    assert ring._find_card(sd.uid(2))[1] is False
    assert ring.pseudonyms([sd.issue_row(1), sd.uid(1)]) == ring.pseudonyms([sd.uid(1)] * 2)
    with pytest.raises(ports.KeyringRefused, match="3 bytes"):
        ring.pseudonyms([b"abc"])


@pytest.mark.requirement("D5", "D22")
def test_the_card_chain_is_recomputed_from_its_start(ring):
    (card,) = ring.pseudonyms([sd.issue_row(1)])
    k_chain = device_label(device_key(ring.keys.root, 4711, 1), b"chain")
    first, second = bytes(range(36)), bytes(range(1, 37))
    h0 = record_h(k_chain, sd.uid(1) + b"\0", first)
    h1 = record_h(k_chain, h0, second)
    assert ring.recompute(
        [
            (card, b"", [(4711, 1, first), (4711, 1, second)]),
            (card, h0, [(4711, 1, second), (9, 9, second), (4711, 1, second)]),
            (bytes(16), b"", [(4711, 1, first)]),
        ]
    ) == [[h0, h1], [h1, b"", b""], [b""]]


# Signing


@pytest.mark.requirement("D16")
def test_acknowledgements_hold_for_device_and_edge_and_no_other(ring):
    ring.provision(4712, 1, sd.AUTHORITY, 7, sd.EDGE)
    values = {"epoch": 1, "seq": 9, "H": bytes(range(32)), "time": sd.NOW, "flags": 0}
    (batch,) = ring.sign("ack", [{"device": 4711, **values}, {"device": 4712, **values}])
    statements, key_id, signature, digest = split_ack_batch(batch)
    publics = dict(ring.assemble("publics", {}))
    verify(publics[key_id], digest, signature)
    for number, statement in zip((4711, 4712), statements, strict=True):
        key = device_label(device_key(ring.keys.root, number, 1), b"ack")
        found = check_ack(statement, key)
        assert (found["device"], found["seq"], found["incarnation"]) == (number, 9, 1)
        with pytest.raises(SealError):
            check_ack(statement, device_label(device_key(ring.keys.root, number, 2), b"ack"))
    with pytest.raises(SealError):
        verify(publics[key_id], hashlib.sha256(b"other").digest(), signature)


@pytest.mark.requirement("D16")
def test_a_restored_ledger_acknowledges_with_a_higher_incarnation(ring):
    assert ring.restored() == 2
    values = {"device": 4711, "epoch": 1, "seq": 9, "H": bytes(32), "time": sd.NOW}
    statements = split_ack_batch(ring.sign("ack", [values])[0])[0]
    key = device_label(device_key(ring.keys.root, 4711, 1), b"ack")
    assert check_ack(statements[0], key)["incarnation"] == 2


@pytest.mark.requirement("D18")
def test_manifests_are_signed_for_one_device(ring):
    config = ring.provision(4711, 1, sd.AUTHORITY, 7, sd.EDGE)
    values = {"role": LEASE, "authority": sd.AUTHORITY, "version": 3, "sha256": bytes(range(32))}
    (envelope,) = ring.sign("manifest", [(4711, values)])
    assert check_envelope(envelope, config["cfg"], config["publics"])["version"] == 3
    with pytest.raises(SealError):
        check_envelope(envelope, config["ack"], config["publics"])
    forged = bytearray(envelope)
    MANIFEST.put(forged, "version", 4)
    with pytest.raises(SealError):
        check_envelope(bytes(forged), config["cfg"], config["publics"])


@pytest.mark.requirement("D16", "D18")
def test_nothing_is_signed_for_strangers_and_refused_devices(ring):
    ring.register.refuse_device(4711, 1)
    manifest = {"role": LEASE, "authority": sd.AUTHORITY}
    ack = {"epoch": 1, "seq": 9, "H": bytes(32), "time": sd.NOW}
    with pytest.raises(ports.KeyringRefused, match="device 4711 epoch 1 is refused"):
        ring.sign("manifest", [(4711, manifest)])
    with pytest.raises(ports.KeyringRefused, match="4712 was never provisioned"):
        ring.sign("manifest", [(4712, manifest)])
    with pytest.raises(ports.KeyringRefused, match="4712 epoch 1 is unknown"):
        ring.sign("ack", [{"device": 4712, **ack}])
    # What a refused device still has in its journal is taken and acknowledged (trust.md 6.6).
    assert len(ring.sign("ack", [{"device": 4711, **ack}])) == 1
    with pytest.raises(ports.KeyringRefused, match="ACK.seq"):
        ring.sign("ack", [{"device": 4711, **ack, "seq": 1 << 30}])
    with pytest.raises(ports.KeyringRefused, match="kind 'coin'"):
        ring.sign("coin", [])


# Assembling


@pytest.mark.requirement("D8", "D11")
def test_a_hotlist_names_cards_by_pseudonym_and_devices_find_them_by_uid(ring):
    cards = ring.pseudonyms([sd.issue_row(number) for number in (1, 2, 3)])
    listed = [(cards[0], 1, hotlist_reader.HOT_BLOCK), (cards[1], 0, hotlist_reader.HOT_KILL)]
    body = ring.assemble("hotlist", {"version": 5, "entries": listed})
    assert body == ring.assemble("hotlist", {"version": 5, "entries": listed[::-1]})
    overlay = ring.assemble(
        "overlay", {"version": 1, "base": body, "entries": [(cards[2], 2, 2), (cards[1], 0, 0)]}
    )
    found = hotlist_reader.Hotlist(
        lambda at, n: body[at : at + n], lambda at, n: overlay[at : at + n]
    )
    assert found.lookup(sd.uid(1)) == (hotlist_reader.HOT_BLOCK, 1)
    assert found.lookup(sd.uid(2))[0] == hotlist_reader.HOT_NONE
    assert found.lookup(sd.uid(3)) == (hotlist_reader.HOT_BLOCK, 2)
    with pytest.raises(ports.KeyringRefused, match="no issued card is 0000"):
        ring.assemble("hotlist", {"version": 6, "entries": [(bytes(16), 1, 2)]})


@pytest.mark.requirement("D18")
def test_a_lease_is_for_one_device_and_one_epoch(ring):
    config = ring.provision(4711, 1, sd.AUTHORITY, 7, sd.EDGE)
    lease = ring.assemble("lease", {"device": 4711, "epoch": 1, "lease": 7, "max_taps": 500})
    assert check_lease(lease, config["cfg"])["max_taps"] == 500
    with pytest.raises(ports.KeyringRefused, match="epoch 2 was never provisioned"):
        ring.assemble("lease", {"device": 4711, "epoch": 2, "lease": 7})
    with pytest.raises(ports.KeyringRefused, match="'device' is missing"):
        ring.assemble("lease", {})
    with pytest.raises(ports.KeyringRefused, match="LEASE"):
        ring.assemble("lease", {"device": 4711, "epoch": 1, "lease": 7, "colour": 1})


@pytest.mark.requirement("D12")
def test_a_dock_key_is_for_one_edge_and_month(ring):
    def key(edge, month):
        return ring.assemble("dock", {"edge": edge, "month": month, "devices": [4711]})[0][1]

    assert len({key("depot-1", 70), key("depot-1", 71), key("depot-10", 70)}) == 3
    with pytest.raises(ports.KeyringRefused, match="edge 'Depot'"):
        key("Depot", 70)
    with pytest.raises(ports.KeyringRefused, match="device 1 is not provisioned"):
        ring.assemble("dock", {"edge": "a", "month": 1, "devices": [1]})


# Key file and provisioning


@pytest.mark.requirement("D10")
def test_a_device_gets_its_own_keys_and_no_root(ring):
    config = ring.provision(4711, 1, sd.AUTHORITY, 7, sd.EDGE)
    text = str(as_text(config))
    assert list(config["card_keys"][1]) == ["K1", "TICKET"]
    for secret in (ring.keys.root, device_key(ring.keys.root, 4711, 1), ring.keys.ledger_seed):
        assert secret.hex() not in text
    for name in ("K0", "K2", "K3", "K4", "PICC"):
        assert ring.keys.masters[1][name].hex() not in text
    assert config["chain"].hex() in text and "PILOT ONLY" in text
    with pytest.raises(ports.KeyringRefused, match="epoch 64"):
        ring.provision(4711, 64)
    with pytest.raises(ports.KeyringRefused, match="kind 'bus'"):
        ring.provision(4711, 3, kind="bus")


@pytest.mark.requirement("D10", "D11")
def test_a_key_file_is_its_owners_alone_and_never_overwritten(tmp_path):
    path = sd.keyring_folder(tmp_path) / "keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keyfile.read_keys(path) == keyfile.make_keys([sd.AUTHORITY], seed="tests")
    with pytest.raises(keyfile.KeyFileError, match="never overwritten"):
        keyfile.write_keys(path, keyfile.make_keys([1]))
    path.chmod(0o640)
    with pytest.raises(keyfile.KeyFileError, match="0640 lets others read"):
        keyfile.read_keys(path)
    path.chmod(0o600)
    whole = path.read_text()
    root = keyfile.read_keys(path).root.hex()
    for broken in ("", "{}", whole[:200], whole.replace(root, root[:-2]), "\xff", "[]"):
        path.write_text(broken, encoding="latin-1")
        with pytest.raises(keyfile.KeyFileError) as caught:
            keyfile.read_keys(path)
        assert root[:16] not in str(caught.value)


@pytest.mark.requirement("D10", "W-94")
def test_a_generation_made_before_there_were_tickets_gives_devices_no_key_of_them(tmp_path):
    path = sd.keyring_folder(tmp_path) / "keys.json"
    whole = json.loads(path.read_text())
    del whole["generations"]["1"]["TICKET"]
    path.write_text(json.dumps(whole))
    ring = LocalKeyring(path.parent)
    config = ring.provision(4711, 1, sd.AUTHORITY, 7, sd.EDGE, kind="counter")
    ring.close()
    assert list(config["card_keys"][1]) == ["K1", "K2", "K3"]


@pytest.mark.requirement("D10")
def test_keys_without_a_seed_differ_each_time():
    first, second = keyfile.make_keys([1]), keyfile.make_keys([1])
    assert first.root != second.root and first.masters[1]["K1"] != second.masters[1]["K1"]


@pytest.mark.requirement("D20")
def test_one_process_uses_a_keyring_at_a_time(ring, tmp_path):
    with pytest.raises(keyfile.KeyFileError, match="another process uses this keyring"):
        LocalKeyring(tmp_path / "keyring")


@pytest.mark.requirement("D9", "W-99")
def test_only_who_sells_is_certified_for_thirty_days_by_his_authority(ring):
    config = ring.provision(77, authority=sd.AUTHORITY, kind="vehicle")
    ring.provision(78, authority=sd.AUTHORITY)
    certified = ring.assemble("certificate", {"device": 77, "epoch": 0, "from_day": 2000})
    values = read_certificate(certified[:42])
    assert (values["authority"], values["device"], values["number"]) == (sd.AUTHORITY, 77, 2000)
    assert values["until_day"] - values["from_day"] == 29 and values["kind"] == SELLER_VEHICLE
    assert values["public"] == config["ticket"]["public"] == public_native(config["ticket"]["seed"])
    verify(config["signers"][sd.AUTHORITY], certificate_message(certified[:42]), certified[42:])
    assert 0 not in config["signers"], "the scheme sells nothing"
    with pytest.raises(ports.KeyringRefused, match="device 78 is a validator"):
        ring.assemble("certificate", {"device": 78, "epoch": 0, "from_day": 2000})
    ring.register.refuse_device(77, 0)
    with pytest.raises(ports.KeyringRefused, match="device 77 epoch 0 is refused"):
        ring.assemble("certificate", {"device": 77, "epoch": 0, "from_day": 2001})
