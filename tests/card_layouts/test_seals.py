"""Slots, chains and packages: one flipped bit anywhere and nothing is believed."""

import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from card_layouts.cards.ulc_layout import check_ulc_slot, seal_ulc_slot
from card_layouts.crypto.ed25519 import verify
from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.packages import ack, actions, lease, manifest
from card_layouts.records import block_page, chain
from card_layouts.records.bulk_cpython import BAD_FORMAT, BAD_SEAL, OPENED, open_slots
from card_layouts.records.slot import SLOT_BYTES, SLOT_HEADER, Sealer, block_ordinal, check_crc

KEY = bytes(range(16))
PAYLOAD = bytes(range(96))
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = SIGNER.public_key().public_bytes_raw()


def header(seq=1, slot=0, block=0):
    fields = {"magic": 0x54, "type": 1, "layout": 1, "epoch": 2, "device": 4711, "length": 96}
    return SLOT_HEADER.pack(fields | {"seq": seq, "slot": slot, "block": block})


def flipped(data, bit):
    wrong = bytearray(data)
    wrong[bit // 8] ^= 128 >> bit % 8
    return bytes(wrong)


def with_crc(slot):
    """Return a slot whose CRC is made right again: what a forger would do."""
    sealed = bytearray(slot)
    sealed[124:] = block_page.crc32(sealed[:124]).to_bytes(4, "big")
    return bytes(sealed)


def envelope(signers=(SIGNER,), key=KEY):
    manifest64 = manifest.MANIFEST.pack({"layout": 1, "role": manifest.TARIFF, "version": 12})
    message = manifest.manifest_message(manifest64)
    signatures = [(key_id(signer), signer.sign(message)) for signer in signers]
    return manifest.seal_envelope(manifest64, signatures, key)


def key_id(signer):
    return ack.hashlib.sha256(signer.public_key().public_bytes_raw()).digest()[:4]


@pytest.mark.requirement("D13", "T12")
def test_any_flipped_bit_of_a_slot_is_refused_even_with_a_right_crc():
    sealer = Sealer(KEY)
    sealed = sealer.seal(header(), PAYLOAD)
    assert sealer.open_seal(sealed) == PAYLOAD
    for bit in range(SLOT_BYTES * 8):
        wrong = flipped(sealed, bit)
        with pytest.raises(LayoutError):
            sealer.open_seal(wrong)
        assert not check_crc(wrong)
        if 8 <= bit < 992:
            with pytest.raises(SealError):
                sealer.open_seal(with_crc(wrong))


@pytest.mark.requirement("D13")
def test_a_seq_used_again_after_a_torn_slot_has_another_keystream():
    sealer = Sealer(KEY)
    streams = set()
    for slot, block in ((0, 0), (1, 0), (0, 1)):
        sealed = sealer.seal(header(seq=1, slot=slot, block=block), bytes(96))
        blocks = [sealed[at : at + 16] for at in range(12, 108, 16)]
        streams.update(blocks)
    assert len(streams) == 18


def test_a_slot_of_another_block_key_is_refused():
    with pytest.raises(SealError):
        Sealer(bytes(16)).open_seal(Sealer(KEY).seal(header(), PAYLOAD))
    with pytest.raises(RangeError):
        Sealer(KEY).seal(header(), PAYLOAD[:95])


@pytest.mark.requirement("D13")
def test_sealing_in_place_gives_the_same_slot():
    slot = bytearray(header() + PAYLOAD + bytes(20))
    Sealer(KEY).seal_into(slot)
    assert bytes(slot) == Sealer(KEY).seal(header(), PAYLOAD)


@pytest.mark.requirement("D11")
def test_a_whole_block_opened_at_once_gives_what_one_by_one_gives():
    sealer = Sealer(KEY)
    slots = [sealer.seal(header(seq, seq - 1), bytes([seq]) * 96) for seq in range(1, 31)]
    slots[3] = flipped(slots[3], 300)
    slots[7] = with_crc(flipped(slots[7], 300))
    slots[9] = b"stub"
    slots[11] = b""
    opened = open_slots(KEY, slots)
    bad = {3: BAD_FORMAT, 7: BAD_SEAL, 9: BAD_FORMAT, 11: BAD_FORMAT}
    for index, (status, payload) in enumerate(opened):
        assert status == bad.get(index, OPENED)
        assert payload == (b"" if index in bad else bytes([index + 1]) * 96)
    assert open_slots(KEY, []) == []


@pytest.mark.requirement("D13")
def test_the_chain_notices_a_changed_left_out_or_exchanged_slot():
    sealer = Sealer(KEY)
    slots = [sealer.seal(header(seq, seq - 1), PAYLOAD) for seq in range(1, 5)]

    def end_of(sequence):
        h = chain.chain_start(4711, 2)
        for slot in sequence:
            h = chain.chain_next(h, slot)
        return h

    good = end_of(slots)
    wrong = [slots[:-1], slots[1:], [slots[1], slots[0], *slots[2:]]]
    wrong.append([flipped(slots[0], 200), *slots[1:]])
    assert len({good, *map(end_of, wrong)}) == 5
    assert chain.chain_start(4711, 2) != chain.chain_start(4711, 3) != chain.chain_start(4712, 2)


@pytest.mark.requirement("P3")
def test_a_card_record_s_h_depends_on_key_predecessor_and_record():
    first36 = bytes(range(36))
    cases = [(KEY, bytes(8), first36), (bytes(16), bytes(8), first36)]
    cases += [(KEY, b"\1" + bytes(7), first36), (KEY, bytes(8), bytes(36))]
    assert len({chain.record_h(*case) for case in cases}) == 4


@pytest.mark.requirement("T6", "T16")
def test_a_block_s_key_is_found_from_either_copy_and_gone_once_zeroed():
    page = block_page.pack_block_page({"device": 4711, "ordinal": 3}, KEY)
    assert block_page.unpack_block_page(page)["ordinal"] == 3
    half = bytearray(page)
    half[block_page.KEYS_AT : block_page.KEYS_AT + 9] = bytes(9)
    assert block_page.block_page_key(half) == KEY
    zeroed = bytearray(page)
    zeroed[block_page.KEYS_AT : block_page.KEYS_AT + block_page.KEYS_BYTES] = bytes(40)
    assert block_page.block_page_key(zeroed) is None
    assert block_page.unpack_block_page(zeroed)["device"] == 4711, "an old page stays readable"
    for bit in range(16, 213 * 8):
        with pytest.raises(LayoutError):
            block_page.unpack_block_page(flipped(page, bit))
    with pytest.raises(LayoutError):
        block_page.unpack_block_page(b"\xff" * 256)


@pytest.mark.requirement("T6")
def test_a_block_s_ordinal_follows_from_seq_and_eight_bits():
    rng = random.Random(1)
    for _ in range(500):
        seq = rng.randrange(1, 2**30)
        ordinal = (seq - 1) // 30 + rng.randrange(256)
        assert block_ordinal(seq, ordinal % 256) == ordinal


@pytest.mark.requirement("D16", "T12")
def test_any_flipped_bit_of_an_acknowledgement_is_refused():
    values = {"device": 4711, "epoch": 2, "seq": 9, "incarnation": 1, "time": 5, "H": bytes(32)}
    sealed = ack.seal_ack(values, KEY)
    assert ack.check_ack(sealed, KEY)["seq"] == 9
    for bit in range(len(sealed) * 8):
        with pytest.raises(SealError):
            ack.check_ack(flipped(sealed, bit), KEY)
    with pytest.raises(SealError):
        ack.check_ack(sealed, bytes(16))
    with pytest.raises(LayoutError):
        ack.check_ack(sealed[:63], KEY)


@pytest.mark.requirement("D16")
def test_an_edge_checks_a_batch_of_acknowledgements_by_one_signature():
    statements = [ack.seal_ack({"device": device, "seq": 1}, KEY) for device in (1, 2, 3)]
    signature = SIGNER.sign(ack.ack_digest(statements))
    batch = ack.join_ack_batch(statements, key_id(SIGNER), signature)
    found, found_id, found_signature, digest = ack.split_ack_batch(batch)
    assert (found, found_id) == (statements, key_id(SIGNER))
    verify(PUBLIC, digest, found_signature)
    with pytest.raises(SealError):
        verify(PUBLIC, ack.split_ack_batch(flipped(batch, 100))[3], found_signature)
    for cut in (b"", batch[:-1], batch[128 + 64 :]):
        with pytest.raises(LayoutError):
            ack.split_ack_batch(cut)


@pytest.mark.requirement("T6", "T9")
def test_any_flipped_bit_of_a_lease_is_refused():
    k_act = bytes(range(100, 116))
    wrapped = lease.wrap_key(KEY, k_act)
    sealed = lease.seal_lease({"device": 4711, "lease": 7, "K_act": wrapped}, KEY)
    found = lease.check_lease(sealed, KEY)
    assert found["lease"] == 7
    assert lease.unwrap_key(KEY, found["K_act"]) == k_act
    for bit in range(len(sealed) * 8):
        with pytest.raises(SealError):
            lease.check_lease(flipped(sealed, bit), KEY)


@pytest.mark.requirement("D9")
def test_an_action_is_readable_with_its_list_s_key_only():
    values = {
        "uid": bytes(range(7)),
        "kind": 1,
        "k": 4,
        "amount": 2000,
        "K": KEY,
        "what": PAYLOAD[:32],
    }
    sealed = actions.seal_action(values, KEY)
    opened = actions.open_action(sealed, KEY)
    assert {name: opened[name] for name in values} == values
    assert KEY not in sealed
    for bit in range(len(sealed) * 8):
        with pytest.raises(SealError):
            actions.open_action(flipped(sealed, bit), KEY)


@pytest.mark.requirement("T9", "D18")
def test_an_envelope_is_checked_by_device_and_by_signature():
    sealed = envelope()
    publics = {key_id(SIGNER): PUBLIC}
    assert manifest.check_envelope(sealed, KEY, publics)["version"] == 12
    for bit in random.Random(2).sample(range(len(sealed) * 8), 60):
        with pytest.raises(SealError):
            manifest.check_envelope(flipped(sealed, bit), KEY, publics)
    with pytest.raises(SealError, match="0 signatures"):
        manifest.check_envelope(sealed, KEY, {})
    for cut in (sealed[:-1], sealed[:80], b""):
        with pytest.raises(LayoutError):
            manifest.check_envelope(cut, KEY, publics)


@pytest.mark.requirement("T9")
def test_two_signatures_are_two_only_if_two_keys_made_them():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    publics = {key_id(key): key.public_key().public_bytes_raw() for key in (SIGNER, other)}
    manifest.check_envelope(envelope((SIGNER, other)), KEY, publics, threshold=2)
    with pytest.raises(SealError, match="1 signatures"):
        manifest.check_envelope(envelope((SIGNER, SIGNER)), KEY, publics, threshold=2)


@pytest.mark.requirement("W-95")
def test_a_signed_package_of_an_unknown_layout_is_refused():
    manifest64 = manifest.MANIFEST.pack({"layout": 2, "version": 12})
    signature = SIGNER.sign(manifest.manifest_message(manifest64))
    sealed = manifest.seal_envelope(manifest64, [(key_id(SIGNER), signature)], KEY)
    with pytest.raises(LayoutError, match="layout: 2, 1 wanted"):
        manifest.check_envelope(sealed, KEY, {key_id(SIGNER): PUBLIC})


@pytest.mark.requirement("T2")
def test_a_ticket_slot_32_taps_old_is_refused():
    uid, header12 = bytes(7), bytes(12)
    slot = seal_ulc_slot({"start": 600000, "last": 5, "device": 4711}, KEY, uid, header12, 40)
    assert check_ulc_slot(slot, KEY, uid, header12, 40)["n"] == 8
    for counter in (8, 72, 41):
        with pytest.raises(SealError):
            check_ulc_slot(slot, KEY, uid, header12, counter)
    for bit in range(96):
        with pytest.raises(SealError):
            check_ulc_slot(flipped(slot, bit), KEY, uid, header12, 40)
