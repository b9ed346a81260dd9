"""ISO 7816-4 authentication of the card: against a transcript of a real one, and the session."""

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulator.desfire_card.ciphers import BlockCipher
from simulator.desfire_card.image import Application, CardKey
from simulator.desfire_card.meter import ExchangeCount
from tests.simulator.card_builders import AID, card, value_file
from tests.simulator.desfire_reader import ENCIPHERED, Reader, StatusError

pytestmark = pytest.mark.requirement("R-24")
H = bytes.fromhex
RND_A1, RND_A2 = bytes(range(0x10, 0x20)), bytes(range(0x30, 0x40))
KINDS = {
    "2K3DES": (0x02, 8, bytes(range(1, 17))),
    "3K3DES": (0x04, 16, bytes(range(2, 26))),
    "AES": (0x09, 16, bytes(range(16))),
}


class Chain:
    """CBC by the library, one chain through several calls: nothing of the card's own code."""

    def __init__(self, kind, key):
        block = 16 if kind == "AES" else 8
        algorithm = algorithms.AES(key) if kind == "AES" else TripleDES((key * 2)[:24])
        self.make = lambda iv: Cipher(algorithm, modes.CBC(iv))
        self.iv = bytes(block)

    def encrypt(self, data):
        sealed = self.make(self.iv).encryptor().update(data)
        self.iv = sealed[-len(self.iv) :]
        return sealed

    def decrypt(self, data):
        clear = self.make(self.iv).decryptor().update(data)
        self.iv = data[-len(self.iv) :]
        return clear


def session_key(kind, a, b):
    if kind == "2K3DES":
        return a[:4] + b[:4] + a[4:8] + b[4:8]
    if kind == "3K3DES":
        return a[:4] + b[:4] + a[6:10] + b[6:10] + a[12:] + b[12:]
    return a[:4] + b[:4] + a[12:] + b[12:]


def key_card(kind):
    made = card({1: value_file(rights=0x1111)})
    app = made.image.applications[AID]
    keys = [CardKey(kind, KINDS[kind][2]) for _ in range(3)]
    made.image.applications[AID] = Application(0x0F, kind, keys, files=app.files)
    return made


def proved(reader, kind, key_no=1, algorithm=None):
    """Go all three steps; return the session's key."""
    by_kind, size, key = KINDS[kind]
    chain, tail = Chain(kind, key), bytes([by_kind if algorithm is None else algorithm])
    tail += bytes([0x80 | key_no])
    challenge = reader.raw(H("00840000") + bytes([size]))
    assert challenge[-2:] == H("9000") and len(challenge) == size + 2
    proof = chain.encrypt(RND_A1[:size] + challenge[:-2])
    assert reader.raw(H("0082") + tail + bytes([len(proof)]) + proof) == H("9000")
    answer = reader.raw(H("0088") + tail + bytes([size]) + RND_A2[:size] + bytes([2 * size]))
    clear = chain.decrypt(answer[:-2])
    assert answer[-2:] == H("9000") and clear[size:] == RND_A2[:size]
    return session_key(kind, RND_A1[:size], clear[:size])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_context", [False, True], ids=["named", "by context"])
def test_the_session_is_that_of_the_native_authentication(kind, by_context):
    reader = Reader(key_card(kind))
    reader.select(AID)
    secret = proved(reader, kind, algorithm=0 if by_context else None)
    reader._cipher = BlockCipher(kind, secret, ExchangeCount())
    reader.iv = bytes(reader.cipher.block_bytes)
    assert reader.read(0x6C, b"\x01", 4, ENCIPHERED) == (5000).to_bytes(4, "little")
    reader.write(0x0C, b"\x01", (7).to_bytes(4, "little"), ENCIPHERED)
    reader.plain(0xC7)
    assert reader.read(0x6C, b"\x01", 4, ENCIPHERED) == (5007).to_bytes(4, "little")


def test_a_real_card_s_answer_is_made_as_ours_is():
    """mifare.net forum, October 2014: an EV1 with a zero AES key answers INTERNAL AUTHENTICATE."""
    asked = H("11121314 04050607 08090A0B 0C0D0E0F".replace(" ", ""))
    answered = H("35844FBFFFCC9A2F36CFB30C806328ECA248490A645F15045DB333A25ED127BC")
    second = Cipher(algorithms.AES(bytes(16)), modes.CBC(answered[:16])).decryptor()
    assert second.update(answered[16:]) == asked


def test_the_card_s_own_key_is_proved_at_card_level():
    reader = Reader(card())
    challenge = reader.raw(H("0084000010"))[:-2]
    proof = Chain("AES", bytes(16)).encrypt(RND_A1 + challenge)
    assert reader.raw(H("00820980 20") + proof) == H("6A86"), "80 is for applications"
    challenge = reader.raw(H("0084000010"))[:-2]
    proof = Chain("AES", bytes(16)).encrypt(RND_A1 + challenge)
    assert reader.raw(H("0082090020") + proof) == H("9000")
    assert len(reader.raw(H("0088090010") + RND_A2)) == 34


def test_a_challenge_serves_once_and_nothing_may_come_between():
    for between in (H("64 00"), H("00A4000C023F00"), H("0084000010")):
        reader = Reader(key_card("AES"))
        reader.select(AID)
        challenge = reader.raw(H("0084000010"))[:-2]
        proof = Chain("AES", KINDS["AES"][2]).encrypt(RND_A1 + challenge)
        reader.raw(between)
        assert reader.raw(H("0082098120") + proof) in (H("6985"), H("6982"))
        assert reader.raw(H("0088098110") + RND_A2) == H("6985")


def test_a_wrong_proof_ends_the_session_that_was_there():
    reader = Reader(key_card("AES"))
    reader.select(AID)
    proved(reader, "AES")
    reader.raw(H("0084000010"))
    assert reader.raw(H("0082098120") + bytes(32)) == H("6982")
    with pytest.raises(StatusError, match="AE"):
        reader.frames(0x51, b"")


@pytest.mark.parametrize("bit", range(0, 256, 17))
def test_a_proof_with_one_flipped_bit_is_refused(bit):
    reader = Reader(key_card("AES"))
    reader.select(AID)
    challenge = reader.raw(H("0084000010"))[:-2]
    proof = bytearray(Chain("AES", KINDS["AES"][2]).encrypt(RND_A1 + challenge))
    proof[16 + bit // 8 % 16] ^= 1 << bit % 8
    assert reader.raw(H("0082098120") + bytes(proof)) == H("6982")
