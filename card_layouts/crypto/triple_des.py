"""Two-key triple DES in CBC, in plain Python, for cards that know no AES (Ultralight C).

MicroPython's cryptolib has no DES. Both halves of a block are kept as two 16-bit numbers: a 32-bit
number would be allocated anew at every step where small integers have 31 bits. S-boxes and the
permutation P are merged into sixteen lists of 64 entries, made on first use (about 4 KB on a 32-bit
core); `prepare()` makes them at a moment of one's own choosing.

Not for secrets that somebody can time: table look-ups are not constant-time. A stand-in with the
same calls on CPython: triple_des_cpython. Source: FIPS 46-3; NIST SP 800-67 (keying option 2).
"""

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
# PC-2 as right shifts of a 28-bit half: six for each of four boxes from C, then from D.
_PC2_SHIFTS = (
    14, 11, 17, 4, 27, 23,
    25, 0, 13, 22, 7, 18,
    5, 9, 16, 24, 2, 20,
    12, 21, 1, 8, 15, 26,
    15, 4, 25, 19, 9, 1,
    26, 16, 5, 11, 23, 8,
    12, 7, 17, 0, 22, 3,
    10, 14, 6, 20, 27, 24,
)
# fmt: on
_ONE_STEP_ROUNDS = (0, 1, 8, 15)  # the key halves turn by one here, by two elsewhere

_high = []  # by box: what its output does to the upper 16 bits of a half
_low = []  # ... and to the lower 16


class TripleDes:
    """One 16-byte key in CBC mode; every call starts from the vector given."""

    def __init__(self, key, mode, iv):
        if mode != CBC or len(key) != KEY_BYTES or len(iv) != BLOCK_BYTES:
            raise RangeError("2K3DES: mode %s, key %d B, IV %d B" % (mode, len(key), len(iv)))
        prepare()
        self._iv = bytes(iv)
        self._first = _schedule(key, 0)
        self._second = _schedule(key, 8)

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
        _sixteen_rounds(halves, self._first, backwards)
        _sixteen_rounds(halves, self._second, not backwards)
        _sixteen_rounds(halves, self._first, backwards)
        _join(halves, data, at)


def prepare():
    """Make the tables now, if they are not made yet."""
    if _low:
        return
    for box in range(8):
        # Which bit of the box goes where in the half: (its value, place counted from the right).
        places = []
        for i in range(32):
            if (_P[i] - 1) >> 2 == box:
                places.append((8 >> (_P[i] - 1 & 3), 31 - i))
        high, low = [0] * 64, [0] * 64
        for x in range(64):
            s = int(_S_BOXES[box * 64 + (x >> 4 & 2 | x & 1) * 16 + (x >> 1 & 15)], 16)
            for bit, place in places:
                if s & bit and place > 15:
                    high[x] |= 1 << (place - 16)
                elif s & bit:
                    low[x] |= 1 << place
        _high.append(high)
        _low.append(low)


def _schedule(key, at):
    """Return sixteen round keys, eight 6-bit numbers each, of key[at:at + 8]; parity is ignored."""
    c = d = 0
    for i in range(28):
        c = c << 1 | key[at + (_PC1_C[i] - 1 >> 3)] >> (-_PC1_C[i] & 7) & 1
        d = d << 1 | key[at + (_PC1_D[i] - 1 >> 3)] >> (-_PC1_D[i] & 7) & 1
    keys = bytearray(128)
    for number in range(16):
        for _ in range(1 if number in _ONE_STEP_ROUNDS else 2):
            # Bit by bit, so that no intermediate number is wider than 29 bits.
            c = (c << 1 | c >> 27) & 0xFFFFFFF
            d = (d << 1 | d >> 27) & 0xFFFFFFF
        for box in range(8):
            half = c if box < 4 else d
            six = 0
            for i in range(box * 6, box * 6 + 6):
                six = six << 1 | half >> _PC2_SHIFTS[i] & 1
            keys[number * 8 + box] = six
    return keys


def _sixteen_rounds(halves, keys, backwards):
    """Run DES without its outer permutations over [left high, left low, right high, right low]."""
    a0, a1, a2, a3, a4, a5, a6, a7 = _high
    b0, b1, b2, b3, b4, b5, b6, b7 = _low
    h, w, g, m = halves
    for at in range(120, -8, -8) if backwards else range(0, 128, 8):
        # The expansion E: each box sees four bits of the right half and one neighbour either side.
        i0 = ((m & 1) << 5 | g >> 11) ^ keys[at]
        i1 = (g >> 7 & 63) ^ keys[at + 1]
        i2 = (g >> 3 & 63) ^ keys[at + 2]
        i3 = ((g & 31) << 1 | m >> 15) ^ keys[at + 3]
        i4 = ((g & 1) << 5 | m >> 11) ^ keys[at + 4]
        i5 = (m >> 7 & 63) ^ keys[at + 5]
        i6 = (m >> 3 & 63) ^ keys[at + 6]
        i7 = ((m & 31) << 1 | g >> 15) ^ keys[at + 7]
        h ^= a0[i0] ^ a1[i1] ^ a2[i2] ^ a3[i3] ^ a4[i4] ^ a5[i5] ^ a6[i6] ^ a7[i7]
        w ^= b0[i0] ^ b1[i1] ^ b2[i2] ^ b3[i3] ^ b4[i4] ^ b5[i5] ^ b6[i6] ^ b7[i7]
        h, g = g, h
        w, m = m, w
    halves[0], halves[1], halves[2], halves[3] = g, m, h, w


def _split(data, at):
    """Return the initial permutation of a block: it gathers bit columns, last byte first."""
    h = w = g = m = 0
    for i in range(8):
        b = data[at + i]
        h |= (b >> 6 & 1) << (8 + i) | (b >> 4 & 1) << i
        w |= (b >> 2 & 1) << (8 + i) | (b & 1) << i
        g |= (b >> 7 & 1) << (8 + i) | (b >> 5 & 1) << i
        m |= (b >> 3 & 1) << (8 + i) | (b >> 1 & 1) << i
    return [h, w, g, m]


def _join(halves, data, at):
    """Write the block whose initial permutation is `halves`."""
    h, w, g, m = halves
    for i in range(8):
        b = (g >> (8 + i) & 1) << 7 | (h >> (8 + i) & 1) << 6 | (g >> i & 1) << 5
        b |= (h >> i & 1) << 4 | (m >> (8 + i) & 1) << 3 | (w >> (8 + i) & 1) << 2
        data[at + i] = b | (m >> i & 1) << 1 | w >> i & 1


def _whole(src):
    if len(src) % BLOCK_BYTES:
        raise RangeError("2K3DES: %d bytes, whole blocks of 8 wanted" % len(src))
    return src
