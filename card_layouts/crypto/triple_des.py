"""Two-key triple DES in CBC, in plain Python, for cards that know no AES (Ultralight C).

MicroPython's cryptolib has no DES. A half of a block is kept as its expansion E, eight groups of 6
bits in two numbers of 24: E is linear, so S-boxes, P and E merge into sixteen lists of 64 entries
and no number is too wide for a small integer of 31 bits. A cipher makes its lists anew and takes
them along when it goes (5 KB): a ticket in twenty taps is not worth keeping them. An authentication
(one cipher, four blocks) is 3.8 million instructions of the unix port, 45 ms on RP2350.

Not for secrets that somebody can time: table look-ups are not constant-time. A stand-in with the
same calls on CPython: triple_des_cpython. Source: FIPS 46-3; NIST SP 800-67 (keying option 2).
"""

from array import array
from binascii import unhexlify

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
        self._boxes = _merged_boxes()
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
        _sixteen_rounds(halves, self._boxes, self._first, backwards)
        _sixteen_rounds(halves, self._boxes, self._second, not backwards)
        _sixteen_rounds(halves, self._boxes, self._first, backwards)
        _join(halves, data, at)


def _merged_boxes():
    """Return, box by box, what its output does to the upper and to the lower half of a half."""
    digits = unhexlify(_S_BOXES)
    highs, lows = _spread()
    boxes = []
    n = 0
    for box in range(8):
        high_of, low_of = highs[box], lows[box]
        high, low = array("I", bytes(256)), array("I", bytes(256))
        for row in (0, 1, 32, 33):  # the outer bits of x choose a row of sixteen
            for x in range(row, row + 32, 4):
                s = digits[n]
                n += 1
                high[x], low[x] = high_of[s >> 4], low_of[s >> 4]
                high[x + 2], low[x + 2] = high_of[s & 15], low_of[s & 15]
        boxes.append(high)
        boxes.append(low)
    return boxes


def _spread():
    """Return what P and E make of the four bits out of a box: two lists of sixteen for each."""
    highs = [array("I", bytes(64)) for _ in range(8)]
    lows = [array("I", bytes(64)) for _ in range(8)]
    for i in range(32):
        bit = _P[i] - 1
        box, s = bit >> 2, 8 >> (bit & 3)
        highs[box][s], lows[box][s] = _expanded_bit(i)
    for rows in (highs, lows):
        for row in rows:
            for s in range(3, 16):
                row[s] = row[s & (s - 1)] | row[s & -s]
    return highs, lows


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


def _sixteen_rounds(halves, boxes, keys, backwards):
    """Run DES without its outer permutations over [left high, left low, right high, right low]."""
    h, w, g, m = halves
    a0, b0, a1, b1, a2, b2, a3, b3, a4, b4, a5, b5, a6, b6, a7, b7 = boxes
    for at in range(30, -2, -2) if backwards else range(0, 32, 2):
        u = g ^ keys[at]
        v = m ^ keys[at + 1]
        i0 = u >> 18
        i1 = u >> 12 & 63
        i2 = u >> 6 & 63
        u &= 63
        i4 = v >> 18
        i5 = v >> 12 & 63
        i6 = v >> 6 & 63
        v &= 63
        i7 = h ^ a0[i0] ^ a1[i1] ^ a2[i2] ^ a3[u] ^ a4[i4] ^ a5[i5] ^ a6[i6] ^ a7[v]
        v = w ^ b0[i0] ^ b1[i1] ^ b2[i2] ^ b3[u] ^ b4[i4] ^ b5[i5] ^ b6[i6] ^ b7[v]
        h = g
        w = m
        g = i7
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
