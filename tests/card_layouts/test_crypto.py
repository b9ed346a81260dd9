"""AES, CMAC, HMAC, diversification and Ed25519 against the `cryptography` package."""

import hashlib
import hmac
import json
import pathlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from card_layouts.crypto import an10922, ed25519, kdf, sha512
from card_layouts.crypto.aes import CBC, ECB, aes
from card_layouts.crypto.cmac import Cmac, cmac
from card_layouts.errors import RangeError, SealError

VECTORS = pathlib.Path(__file__).parents[1] / "vectors"
keys = st.binary(min_size=16, max_size=16)


def library_cmac(key, message):
    mac = CMAC(AES(key))
    mac.update(message)
    return mac.finalize()


@pytest.mark.requirement("T7")
def test_the_official_vectors_are_all_there():
    cmac_cases = json.loads((VECTORS / "cmac.json").read_text())
    assert len(cmac_cases["cmac"]) == 4, "RFC 4493 has four examples"
    assert len(json.loads((VECTORS / "an10922.json").read_text())["diversify"]) == 2
    assert len(json.loads((VECTORS / "ed25519.json").read_text())["verify"]) == 3


@given(keys, st.lists(st.binary(max_size=130), min_size=1, max_size=4))
def test_cmac_agrees_with_the_library_however_often_the_key_is_used(key, messages):
    reused = Cmac(key)
    for message in messages:
        assert reused.mac(message) == cmac(key, message) == library_cmac(key, message)


@pytest.mark.requirement("T7", "D10")
@given(keys, st.binary(min_size=1, max_size=31))
def test_diversification_pads_to_32_bytes_whatever_the_input(master, m):
    message = b"\x01" + m
    if len(message) == 32:
        assert an10922.diversify(master, m) == library_cmac(master, message)
    else:
        # Padding to 16 where it would do is the mistake known as libfreefare issue 91.
        wrong = library_cmac(master, message)
        right = an10922.diversify(master, m)
        assert (right == wrong) == (len(message) > 16)


def test_diversification_refuses_inputs_of_other_lengths():
    for m in (b"", bytes(32)):
        with pytest.raises(RangeError):
            an10922.diversify(bytes(16), m)


@pytest.mark.requirement("D10")
def test_a_card_key_depends_on_card_application_number_and_generation():
    base = (bytes(16), bytes(7), b"\x05\x23\xf4", 1, 5)
    others = [
        (b"\1" + bytes(15), *base[1:]),
        (base[0], b"\4" + bytes(6), *base[2:]),
        (*base[:2], b"\x06\x23\xf4", 1, 5),
        (*base[:3], 2, 5),
        (*base[:4], 6),
    ]
    derived = {an10922.card_key(*case) for case in [base, *others]}
    assert len(derived) == 6


def test_aes_keeps_its_chain_and_its_direction_as_cryptolib_does():
    once = aes(bytes(16), CBC, bytes(16)).encrypt(bytes(32))
    parts = aes(bytes(16), CBC, bytes(16))
    assert parts.encrypt(bytes(16)) + parts.encrypt(bytes(16)) == once
    with pytest.raises(ValueError):
        parts.decrypt(bytes(16))
    with pytest.raises(ValueError):
        aes(bytes(16), ECB).encrypt(bytes(15))
    buf = bytearray(32)
    aes(bytes(16), CBC, bytes(16)).encrypt(buf, buf)
    assert bytes(buf) == once


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_hmac_written_here_agrees_with_the_standard_library(key, message):
    assert kdf.hmac_sha256_pure(key, message) == hmac.digest(key, message, "sha256")
    assert kdf.hmac_sha256(key, message) == hmac.digest(key, message, "sha256")


@pytest.mark.requirement("D10", "D12")
def test_every_label_device_epoch_edge_and_month_has_a_key_of_its_own():
    root = bytes(32)
    devices = [kdf.device_key(root, device, epoch) for device in (1, 2) for epoch in (0, 1)]
    labels = (b"ack", b"cfg", b"wrap", b"dock", b"chain", b"block")
    found = {kdf.device_label(k_dev, label) for k_dev in devices for label in labels}
    docks = {kdf.dock_key(bytes(16), edge, month) for edge in (b"a", b"b") for month in (1, 2)}
    assert len(found) == 24
    assert len(docks) == 4
    assert len(set(kdf.seal_keys(bytes(16)))) == 2


def test_tags_of_another_length_or_bit_are_not_the_same():
    assert kdf.same(b"ab", bytearray(b"ab"))
    assert not kdf.same(b"ab", b"ac")
    assert not kdf.same(b"ab", b"abc")


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_sha512_written_here_agrees_with_hashlib(message):
    assert sha512.sha512_pure(message) == hashlib.sha512(message).digest()


@pytest.mark.requirement("T9", "D18")
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511))
@settings(deadline=None, max_examples=40)
def test_ed25519_takes_what_the_library_signed_and_no_other_bit(seed, message, bit):
    signer = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = signer.public_key().public_bytes_raw(), signer.sign(message)
    ed25519.verify_pure(public, message, signature)
    ed25519.verify(public, message, signature)
    wrong = bytearray(signature)
    wrong[bit // 8] ^= 1 << bit % 8
    for check in (ed25519.verify, ed25519.verify_pure):
        with pytest.raises(SealError):
            check(public, message, bytes(wrong))
        with pytest.raises(SealError):
            check(public, message + b"\0", signature)


def test_the_check_comes_in_many_steps_so_that_a_tap_can_run_in_between():
    case = json.loads((VECTORS / "ed25519.json").read_text())["verify"][2]
    steps = ed25519.verify_steps(*[bytes.fromhex(part) for part in case])
    assert sum(1 for _ in steps) >= 127
