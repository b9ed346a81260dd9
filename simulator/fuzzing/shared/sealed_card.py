"""A card that knows every key and holds any bytes: what is behind the seals gets tried too.

It answers as a DESFire's secure messaging wants it, from files that are the case's, and it may say
another status at one exchange. It checks nothing it is told. The seals are made by a second Channel
in the other direction. Shared dialect.
"""

from card_layouts.cards.desfire import AUTHENTICATE_AES, session_key
from card_layouts.cards.desfire_channel import CBC, MORE, Channel, card_crc
from card_layouts.crypto.aes import aes
from card_layouts.crypto.an10922 import card_key
from simulator.bench.board import AID, GENERATION, master
from simulator.fuzzing.shared.board import UID

SELECT, COMMIT, ABORT, VERSION_OF_KEY = 0x5A, 0xC7, 0xA7, 0x64
READ_DATA, READ_RECORDS, GET_VALUE = 0xBD, 0xBB, 0x6C
WRITES = (0x3D, 0x3B)
RND_B = bytes(range(0x20, 0x30))
PART_BYTES = 59
LENGTH_ERROR = b"\x7e"
RECORD_BYTES = 44
FILE_NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8)  # V, C, A, S, P, T, J, G


class SealedCard:
    """One card. `files`: bytes by file number; a value is its 4 bytes, records follow each other.

    `turn` (exchange, status): there it says that status and nothing more.
    """

    def __init__(self, files, turn=(-1, 0)):
        self._files = files
        self._turn = turn
        self._twin = Channel(bytearray(64))
        self._exchanges = 0
        self._rest = b""
        self._written = b""
        self._wanted = 0
        self._key = b""
        self._challenge = b""

    def exchange(self, frame, length):
        """Answer frame[:length] in the same frame; return the answer's length."""
        said = self._answer(bytes(frame[:length]))
        self._exchanges += 1
        if self._exchanges - 1 == self._turn[0]:
            said = bytes([self._turn[1]])
        frame[: len(said)] = said
        return len(said)

    def _answer(self, command):
        code = command[0]
        if code == SELECT:
            self._twin.close()
            return b"\0"
        if code == AUTHENTICATE_AES:
            return self._begin(command)
        if self._challenge:
            return self._prove(command)
        if code == MORE and self._rest:
            return self._part()
        if code == MORE and self._written:
            command = self._written + command[1:]
            code = command[0]
        if code in WRITES:
            return self._take(command)
        if code in (READ_DATA, READ_RECORDS, GET_VALUE):
            return self._read(command)
        return self._done(command)

    def _begin(self, command):
        number = command[1] & 7
        self._key = card_key(master(f"K{min(number, 4)}"), UID, AID, number, GENERATION)
        self._challenge = bytes(aes(self._key, CBC, bytes(16)).encrypt(RND_B))
        return bytes([MORE]) + self._challenge

    def _prove(self, command):
        token = command[1:33]
        challenge, self._challenge = self._challenge, b""
        if len(token) != 32:
            return b"\xae"
        clear = bytes(aes(self._key, CBC, challenge).decrypt(token))
        rnd_a = clear[:16]
        self._twin.open(1, session_key(rnd_a, RND_B))
        proof = bytes(aes(self._key, CBC, token[16:]).encrypt(rnd_a[1:] + rnd_a[:1]))
        return b"\0" + proof

    def _read(self, command):
        twin = self._twin
        if twin.key_no < 0:
            return LENGTH_ERROR
        twin.mac(command)
        held = self._files.get(command[1], b"")
        size, at = 4, 0
        if command[0] == READ_DATA:
            at, size = _u24(command, 2), _u24(command, 5)
        elif command[0] == READ_RECORDS:
            size = RECORD_BYTES * _u24(command, 5)
            at = max(0, len(held) - RECORD_BYTES * (_u24(command, 2) + 1))
        data = (held[at : at + size] + bytes(size))[:size]
        block = bytearray((size + 4 + 15) // 16 * 16)
        block[:size] = data
        block[size : size + 4] = card_crc(data + b"\0")
        twin.encipher(block)
        self._rest = bytes(block)
        return self._part()

    def _part(self):
        part, self._rest = self._rest[:PART_BYTES], self._rest[PART_BYTES:]
        return bytes([MORE if self._rest else 0]) + part

    def _take(self, command):
        """Take an enciphered write: 8 bytes in clear, then as many blocks as its length asks."""
        if len(command) < 8:
            return LENGTH_ERROR
        blocks = (_u24(command, 5) + 4 + 15) // 16 * 16
        if len(command) < 8 + blocks:
            self._written = command
            return bytes([MORE])
        self._written = b""
        return self._moved(command)

    def _done(self, command):
        if command[0] in (COMMIT, ABORT) and self._twin.key_no >= 0:
            self._twin.mac(command)
            return b"\0" + self._twin.mac(b"\0")
        if command[0] == VERSION_OF_KEY:
            if self._twin.key_no < 0:
                return b"\0\1"
            self._twin.mac(command)
            return b"\0\1" + self._twin.mac(b"\1\0")
        return self._moved(command)

    def _moved(self, command):
        """Follow an enciphered command: its last block is the vector; say yes."""
        twin = self._twin
        if twin.key_no < 0 or len(command) < 17:
            return LENGTH_ERROR  # after a turn nobody has a session, or something else is said
        twin._iv[:] = command[-16:]
        return b"\0" + twin.mac(b"\0")


def _u24(data, at):
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16
