"""Two-key triple DES in CBC, in plain Python, for cards that know no AES (Ultralight C).

MicroPython's cryptolib has no DES. A half of a block is kept as its expansion E, eight groups of 6
bits in two numbers of 24: E is linear, so P and E merge into a table by the output of each box and
no number is too wide for a small integer of 31 bits. A cipher makes its tables anew and takes them
along when it goes (2 KB): a ticket in twenty taps is not worth keeping them. An authentication (one
cipher, four blocks) is 6.6 million instructions of the unix port, 80 ms on RP2350.

Not for secrets that somebody can time: table look-ups are not constant-time. A stand-in with the
same calls on CPython: triple_des_cpython. Source: FIPS 46-3; NIST SP 800-67 (keying option 2).
"""

from array import array

from card_layouts.errors import RangeError

CBC = 2
KEY_BYTES = 16
BLOCK_BYTES = 8

# One hexadecimal digit an entry: eight boxes of four rows of sixteen.
_S_BOXES = (
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d"
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9"
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c"
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e"
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453"
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d"
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c"
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b"
)
# fmt: off
_P = (
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
    2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
)
_PC1_C = (
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18,
    10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
)
_PC1_D = (
    63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22,
    14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
)
_PC2 = (
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
    41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
)
# fmt: on
_TURNS = (1, 2, 4, 6, 8, 10, 12, 14, 15, 17, 19, 21, 23, 25, 27, 28)  # of C and D, by round


class TripleDes:
    """One 16-byte key in CBC mode; every call starts from the vector given."""

    def __init__(self, key, mode, iv):
        if mode != CBC or len(key) != KEY_BYTES or len(iv) != BLOCK_BYTES:
            raise RangeError("2K3DES: mode %s, key %d B, IV %d B" % (mode, len(key), len(iv)))
        self._iv = bytes(iv)
        self._tables = _tables()
        self._first, self._second = _schedules(key)

    def encrypt(self, src):
        """Return `src`, n x 8 bytes, encrypted."""
        out = bytearray(_whole(src))
        previous, back = self._iv, 0
        for at in range(0, len(out), BLOCK_BYTES):
            for i in range(BLOCK_BYTES):
                out[at + i] ^= previous[back + i]
            self._block(out, at, False)
            previous, back = out, at
        return bytes(out)

    def decrypt(self, src):
        """Return `src`, n x 8 bytes, decrypted."""
        out = bytearray(_whole(src))
        for at in range(0, len(out), BLOCK_BYTES):
            self._block(out, at, True)
            for i in range(BLOCK_BYTES):
                out[at + i] ^= src[at - BLOCK_BYTES + i] if at else self._iv[i]
        return bytes(out)

    def _block(self, data, at, backwards):
        halves = _split(data, at)
        # Keying option 2: encrypt, decrypt, encrypt. What one pass permutes at its end the next
        # undoes at its beginning, so only the outer permutations are made.
        _sixteen_rounds(halves, self._tables, self._first, backwards)
        _sixteen_rounds(halves, self._tables, self._second, not backwards)
        _sixteen_rounds(halves, self._tables, self._first, backwards)
        _join(halves, data, at)


def _tables():
    """Return what the rounds look up: boxes in order, and what P and E make of their outputs."""
    high, low = _spread()
    return _ordered_boxes(), high, low


def _ordered_boxes():
    """Return for each box, by the six bits that go in, 16 times the box's number plus its output.

    The standard's rows go by the two outer bits, its columns by the four between.
    """
    boxes = bytearray(512)
    for n in range(512):
        place = n & 0x1C0 | (n & 0x20) | (n & 0x0F) << 1 | n >> 4 & 1
        boxes[place] = n >> 6 << 4 | int(_S_BOXES[n], 16)
    return boxes


def _spread():
    """Return what P and E make of a box's output: upper and lower 24 bits, by 16 * box + output."""
    high, low = array("I", bytes(512)), array("I", bytes(512))
    for i in range(32):
        bit = _P[i] - 1
        at = bit >> 2 << 4 | 8 >> (bit & 3)
        high[at], low[at] = _expanded_bit(i)
    for at in range(128):
        s = at & 15
        if s & (s - 1):
            high[at] = high[at & (at - 1)] | high[at & 0x70 | s & -s]
            low[at] = low[at & (at - 1)] | low[at & 0x70 | s & -s]
    return high, low


def _expanded_bit(i):
    """Return (upper, lower 24 bits) of the expansion of a half whose bit `i`, 0 leftmost, is 1."""
    out = [0, 0]
    group = i >> 2
    _add(out, group, 4 - (i & 3))
    if i & 3 == 0:
        _add(out, group - 1 & 7, 0)
    elif i & 3 == 3:
        _add(out, group + 1 & 7, 5)
    return out[0], out[1]


def _add(out, group, bit):
    out[group >> 2] |= 1 << (18 - 6 * (group & 3) + bit)


def _schedules(key):
    """Return the round keys of both halves of `key`, sixteen times two numbers of 24 bits each.

    Parity bits are ignored.
    """
    first, second = array("I", bytes(128)), array("I", bytes(128))
    bits1, bits2 = bytearray(56), bytearray(56)  # C or D twice: what is turned is read on
    for side in (0, 1):
        at = 0
        for bit in _PC1_D if side else _PC1_C:
            byte, shift = (bit - 1) >> 3, -bit & 7
            bits1[at] = bits1[at + 28] = key[byte] >> shift & 1
            bits2[at] = bits2[at + 28] = key[8 + byte] >> shift & 1
            at += 1
        at = side
        for turns in _TURNS:
            turns -= 29 if side else 1
            a = b = 0
            for i in range(24 * side, 24 * side + 24):
                place = _PC2[i] + turns
                a = a << 1 | bits1[place]
                b = b << 1 | bits2[place]
            first[at], second[at] = a, b
            at += 2
    return first, second


def _sixteen_rounds(halves, tables, keys, backwards):
    """Run DES without its outer permutations over [left high, left low, right high, right low]."""
    h, w, g, m = halves
    boxes, high, low = tables
    for at in range(30, -2, -2) if backwards else range(0, 32, 2):
        u = g ^ keys[at]
        v = m ^ keys[at + 1]
        s0 = boxes[u >> 18]
        s1 = boxes[64 | u >> 12 & 63]
        s2 = boxes[128 | u >> 6 & 63]
        s3 = boxes[192 | u & 63]
        s4 = boxes[256 | v >> 18]
        s5 = boxes[320 | v >> 12 & 63]
        s6 = boxes[384 | v >> 6 & 63]
        s7 = boxes[448 | v & 63]
        u = h ^ high[s0] ^ high[s1] ^ high[s2] ^ high[s3]
        u ^= high[s4] ^ high[s5] ^ high[s6] ^ high[s7]
        v = w ^ low[s0] ^ low[s1] ^ low[s2] ^ low[s3]
        v ^= low[s4] ^ low[s5] ^ low[s6] ^ low[s7]
        h = g
        w = m
        g = u
        m = v
    halves[0], halves[1], halves[2], halves[3] = g, m, h, w


def _split(data, at):
    """Return the expanded halves of a block after the initial permutation.

    That permutation gathers bit columns, last byte first: row r of the left half is bit 2r + 2 of
    every byte, of the right half bit 2r + 1.
    """
    halves = []
    for top in (6, 7):
        h = w = 0
        for i in range(8):
            b = data[at + i]
            h |= (b >> top & 1) << (8 + i) | (b >> (top - 2) & 1) << i
            w |= (b >> (top - 4) & 1) << (8 + i) | (b >> (top - 6) & 1) << i
        # Each 16 bits between the last bit before them and the first one after.
        halves.append(_groups((w & 1) << 17 | h << 1 | w >> 15))
        halves.append(_groups((h & 1) << 17 | w << 1 | h >> 15))
    return halves


def _groups(word):
    """Return 24 bits: four overlapping groups of six out of 18 bits."""
    return (word >> 12) << 18 | (word >> 8 & 63) << 12 | (word >> 4 & 63) << 6 | word & 63


def _join(halves, data, at):
    """Write the block whose initial permutation and expansion are `halves`."""
    h, w, g, m = [_narrowed(word) for word in halves]
    for i in range(8):
        b = (g >> (8 + i) & 1) << 7 | (h >> (8 + i) & 1) << 6 | (g >> i & 1) << 5
        b |= (h >> i & 1) << 4 | (m >> (8 + i) & 1) << 3 | (w >> (8 + i) & 1) << 2
        data[at + i] = b | (m >> i & 1) << 1 | w >> i & 1


def _narrowed(word):
    """Return the 16 bits of which four groups are the expansion."""
    return (word >> 19 & 15) << 12 | (word >> 13 & 15) << 8 | (word >> 7 & 15) << 4 | word >> 1 & 15


def _whole(src):
    if len(src) % BLOCK_BYTES:
        raise RangeError("2K3DES: %d bytes, whole blocks of 8 wanted" % len(src))
    return src
