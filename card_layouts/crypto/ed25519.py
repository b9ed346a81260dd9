"""Checking and making Ed25519 signatures, in one go or in steps that leave the reader alive.

Checking sees public values only. Signing does the same work for every secret, but Python's integers
take a time of their own: it is for a device that prints its own tickets, not for the authority's
key, which signs with the `cryptography` package. Source: RFC 8032 section 5.1; point formulas of
Hisil, Wong, Carter and Dawson 2008 for a = -1 (extended coordinates); both multiplications at once
by a table of four points (Shamir).
"""

import sys

from card_layouts.crypto.sha512 import sha512
from card_layouts.errors import SealError

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = 0x52036CEE2B6FFE738CC740797779E89800700A4D4141D8AB75EB4DCA135978A3
ROOT_OF_MINUS_ONE = 0x2B8324804FC1DF0B2B4D00993DFBD7A72F431806AD2FE478C4EE1B274A0EA0B0
BASE_X = 0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A
BASE_Y = 0x6666666666666666666666666666666666666666666666666666666666666658
WINDOWS = 127  # of two bits: scalars are below 2^253


def verify(public, message, signature):
    """Return None if the signature is right. Raises: SealError. Shape: 32 and 64 bytes."""
    if sys.implementation.name == "micropython":
        verify_pure(public, message, signature)
        return
    from card_layouts.crypto.ed25519_cpython import verify_native

    verify_native(public, message, signature)


def verify_pure(public, message, signature):
    """Do the same without any library."""
    for _ in verify_steps(public, message, signature):
        pass


def verify_steps(public, message, signature):
    """Check in about 130 small steps: a generator that ends quietly or raises SealError."""
    if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
        raise SealError(
            "ed25519: key and signature of %d and %d bytes, 32 and 64 wanted"
            % (len(public), len(signature))
        )
    public = bytes(public)
    r_bytes = bytes(signature[:32])
    s = _from_little(signature[32:])
    if s >= ORDER:
        # RFC 8032 5.1.7: otherwise s + ORDER would be a second signature of the same message.
        raise SealError("ed25519: s is not below the order")
    x, y = _decompress(public)
    yield
    h = _from_little(sha512(r_bytes + public + bytes(message))) % ORDER
    yield
    # Neutral, -A, B, B - A: with more of them a board's heap would be full of points.
    minus_a = (P - x, y, 1, (P - x) * y % P)
    base = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
    table = (None, minus_a, base, _add(base, minus_a))
    del minus_a, base, x, y
    yield
    point = (0, 1, 1, 0)
    for window in range(WINDOWS - 1, -1, -1):
        for bit in (2 * window + 1, 2 * window):
            point = _double(point)
            index = (s >> bit & 1) * 2 + (h >> bit & 1)
            if index:
                point = _add(point, table[index])
        yield
    if _compress(point) != r_bytes:
        raise SealError("ed25519: wrong signature")


def sign_steps(seed, public, message):
    """Sign in about 130 small steps: a generator whose result is the 64-byte signature.

    Shape: seed and public 32 bytes. `public` must be the seed's own: with another one the signature
    would give the key away, so whoever keeps the two keeps them together.
    """
    secret = sha512(bytes(seed))
    yield
    r = _from_little(sha512(secret[32:] + bytes(message))) % ORDER
    yield
    r_bytes = yield from _base_times_steps(r)
    h = _from_little(sha512(r_bytes + bytes(public) + bytes(message)))
    s = (r + h * _clamped(secret)) % ORDER
    return r_bytes + s.to_bytes(32, "little")


def public_steps(seed):
    """Work out the 32-byte public key of a seed in steps: the generator's result."""
    return (yield from _base_times_steps(_clamped(sha512(bytes(seed)))))


def _clamped(secret):
    # RFC 8032 5.1.5, step 2.
    return _from_little(secret[:32]) & (1 << 254) - 8 | 1 << 254


def _base_times_steps(scalar):
    """Multiply the base point; every window adds, the neutral element where it must."""
    base = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
    table = [(0, 1, 1, 0), base]
    for _ in range(2):
        table.append(_add(table[len(table) - 1], base))
    point = (0, 1, 1, 0)
    for window in range(WINDOWS, -1, -1):
        point = _add(_double(_double(point)), table[scalar >> 2 * window & 3])
        yield
    return _compress(point)


def _add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * D * p[3] * q[3] % P
    d = 2 * p[2] * q[2] % P
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(p):
    a = p[0] * p[0] % P
    b = p[1] * p[1] % P
    h = a + b
    e = h - (p[0] + p[1]) * (p[0] + p[1]) % P
    g = a - b
    f = 2 * p[2] * p[2] % P + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _decompress(data):
    y = _from_little(data)
    sign = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        raise SealError("ed25519: the public key is no point")
    u = (y * y - 1) % P
    v = (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P) % P, (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (v * x * x - u) % P or (sign and not x):
        raise SealError("ed25519: the public key is no point")
    return (P - x if x & 1 != sign else x), y


def _compress(p):
    inverse = pow(p[2], P - 2, P)
    x = p[0] * inverse % P
    y = p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _from_little(data):
    return int.from_bytes(bytes(data), "little")
