"""SHA-512 for runtimes whose hashlib lacks it: signatures need it, and nothing else here does.

Source: FIPS 180-4 sections 4.1.3, 4.2.3, 5 and 6.4. The constants are the fractions of roots of
primes and are worked out at the first use: that is less code than a table of them. They are kept
as bytes: as numbers they would take eight times the heap, for ever.
"""

import hashlib

MASK = (1 << 64) - 1
ROUNDS = 80
STARTS = 8
_constants = bytearray(8 * (ROUNDS + STARTS))  # one of 8 bytes a round, then the first state


def sha512(message):
    """Return the 64-byte SHA-512 of `message`."""
    if hasattr(hashlib, "sha512"):
        return hashlib.sha512(message).digest()
    return sha512_pure(message)


def sha512_pure(message):
    """Return the same, computed here; the tests compare the two."""
    if not _constants[8 * ROUNDS - 8]:  # the last to be found
        _find_constants()
    size = len(message)
    tail = bytearray((111 - size) % 128 + 17)
    tail[0] = 0x80
    tail[len(tail) - 8 :] = (size * 8).to_bytes(8, "big")
    padded = bytes(message) + tail
    state = [_constant(i) for i in range(ROUNDS, ROUNDS + STARTS)]
    for at in range(0, len(padded), 128):
        state = _compress(state, padded, at)
    return b"".join([word.to_bytes(8, "big") for word in state])


def _compress(state, data, at):
    words = [int.from_bytes(data[i : i + 8], "big") for i in range(at, at + 128, 8)]
    a, b, c, d, e, f, g, h = state
    for i in range(ROUNDS):
        if i >= 16:
            words.append(_next_word(words))
            words.pop(0)
        # After the first sixteen rounds the newest word is always the last of sixteen.
        word = words[i] if i < 16 else words[15]
        choice = (e & f) ^ (~e & MASK & g)
        t1 = h + (_turn(e, 14) ^ _turn(e, 18) ^ _turn(e, 41)) + choice + _constant(i) + word
        t2 = (_turn(a, 28) ^ _turn(a, 34) ^ _turn(a, 39)) + ((a & b) ^ (a & c) ^ (b & c))
        a, b, c, d, e, f, g, h = (t1 + t2) & MASK, a, b, c, (d + t1) & MASK, e, f, g
    return [(old + new) & MASK for old, new in zip(state, (a, b, c, d, e, f, g, h))]


def _next_word(words):
    w1 = words[1]
    w14 = words[14]
    small0 = _turn(w1, 1) ^ _turn(w1, 8) ^ (w1 >> 7)
    small1 = _turn(w14, 19) ^ _turn(w14, 61) ^ (w14 >> 6)
    return (words[0] + small0 + words[9] + small1) & MASK


def _turn(word, bits):
    return (word >> bits | word << (64 - bits)) & MASK


def _constant(index):
    return int.from_bytes(_constants[8 * index : 8 * index + 8], "big")


def _find_constants():
    # First the 80 cube roots, then the 8 square roots the state starts from.
    number = 2
    for index in range(ROUNDS):
        while not _is_prime(number):
            number += 1
        _keep(index, _root(number << 192, 3))
        if index < STARTS:
            _keep(ROUNDS + index, _root(number << 128, 2))
        number += 1


def _is_prime(number):
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 1
    return True


def _keep(index, root):
    _constants[8 * index : 8 * index + 8] = (root & MASK).to_bytes(8, "big")


def _root(value, degree):
    # Newton from above: falls until it reaches the rounded-down root.
    guess = 1 << 80
    while True:
        better = ((degree - 1) * guess + value // guess ** (degree - 1)) // degree
        if better >= guess:
            return guess
        guess = better
