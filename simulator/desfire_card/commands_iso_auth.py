"""ISO 7816-4 authentication: GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE, in this order.

The reader proves the key with E(RndA1 | challenge), the card with E(RndB2 | RndA2); one CBC chain
from a zero vector runs through both. The session is the one of 1A and AA, its key made of RndA1 and
RndB2. Public: two open readers agree on it (Proxmark3, LogicalAccess [P]), and a transcript of a
real EV1 with a zero AES key fits (mifare.net forum, October 2014 [T]). Error words are ours [?].
"""

from dataclasses import dataclass

from simulator.desfire_card.authentication import RANDOM_BYTES, session_key
from simulator.desfire_card.channel import Ev1Channel
from simulator.desfire_card.ciphers import BlockCipher
from simulator.desfire_card.commands_keys import key_of
from simulator.desfire_card.framing import Apdu
from simulator.desfire_card.image import PICC_AID, CardKey
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import Refused

GET_CHALLENGE, EXTERNAL, INTERNAL = 0x84, 0x82, 0x88
INSTRUCTIONS = (GET_CHALLENGE, EXTERNAL, INTERNAL)
ALGORITHMS = {0x02: "2K3DES", 0x04: "3K3DES", 0x09: "AES"}  # 00: whatever the key is
IN_APPLICATION = 0x80
CHALLENGE_SIZES = (8, 16)
WRONG_LENGTH, NOT_SATISFIED, OUT_OF_ORDER = 0x6700, 0x6982, 0x6985
WRONG_PARAMETERS, NO_SUCH_KEY = 0x6A86, 0x6A88


@dataclass
class IsoAuthentication:
    """How far it has come: the challenge is out, then (`vector` is set) the reader has proved."""

    challenge: bytes
    parameters: bytes = b""
    rnd_a: bytes = b""
    vector: bytes = b""


def authenticate(state: CardState, apdu: Apdu) -> tuple[bytes, int]:
    """Return data and error word of one command of INSTRUCTIONS; 0 is no error."""
    running, state.iso_authentication = state.iso_authentication, None
    if apdu.ins == GET_CHALLENGE:
        return _challenge(state, apdu)
    if running is None or (apdu.ins == INTERNAL) != bool(running.vector):
        return b"", OUT_OF_ORDER
    if apdu.p1 and apdu.p1 not in ALGORITHMS:
        return b"", WRONG_PARAMETERS
    level = 0 if state.selected == PICC_AID else IN_APPLICATION
    if apdu.p2 & 0xF0 != level:
        return b"", WRONG_PARAMETERS
    try:
        key = key_of(state, apdu.p2 & 0x0F)
    except Refused:
        return b"", NO_SUCH_KEY
    if apdu.p1 and ALGORITHMS[apdu.p1] != key.kind:
        return b"", WRONG_PARAMETERS
    return (_external if apdu.ins == EXTERNAL else _internal)(state, apdu, running, key)


def _challenge(state: CardState, apdu: Apdu) -> tuple[bytes, int]:
    size = apdu.expected or CHALLENGE_SIZES[0]
    if apdu.data or size not in CHALLENGE_SIZES:
        return b"", WRONG_LENGTH
    state.iso_authentication = IsoAuthentication(state.random_bytes(size))
    return state.iso_authentication.challenge, 0


def _external(
    state: CardState, apdu: Apdu, running: IsoAuthentication, key: CardKey
) -> tuple[bytes, int]:
    size = RANDOM_BYTES[key.kind]
    if len(apdu.data) != 2 * size or len(running.challenge) != size:
        return b"", WRONG_LENGTH
    cipher = BlockCipher(key.kind, key.value, state.count)
    clear = cipher.cbc_decrypt(bytes(cipher.block_bytes), apdu.data)
    if clear[size:] != running.challenge:
        return b"", NOT_SATISFIED
    running.parameters = bytes((apdu.p1, apdu.p2))
    running.rnd_a, running.vector = clear[:size], apdu.data[-cipher.block_bytes :]
    state.iso_authentication = running
    return b"", 0


def _internal(
    state: CardState, apdu: Apdu, running: IsoAuthentication, key: CardKey
) -> tuple[bytes, int]:
    size = RANDOM_BYTES[key.kind]
    if len(apdu.data) != size:
        return b"", WRONG_LENGTH
    if bytes((apdu.p1, apdu.p2)) != running.parameters:
        return b"", WRONG_PARAMETERS
    cipher = BlockCipher(key.kind, key.value, state.count)
    rnd_b = state.random_bytes(size)
    proof = cipher.cbc_encrypt(running.vector, rnd_b + apdu.data)
    session = BlockCipher(key.kind, session_key(key, running.rnd_a, rnd_b), state.count)
    state.channel = Ev1Channel(apdu.p2 & 0x0F, session)
    return proof, 0
