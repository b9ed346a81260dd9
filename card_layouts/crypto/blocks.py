"""A block of 16 bytes: XOR and doubling, as CMAC and a card's sessions want them.

Loops on a board, where wide integers take memory for every step; wide integers on CPython.
"""

import sys

if sys.implementation.name == "micropython":

    def xor_into(target, at, block):
        """XOR the 16 bytes `block` into target[at : at + 16], a bytearray."""
        for i in range(16):
            target[at + i] ^= block[i]

    def double(block):
        """Return the 16 bytes doubled in GF(2^128): one bit to the left; what falls out is 87."""
        out = bytearray(16)
        carry = 0
        for i in range(15, -1, -1):
            out[i] = (block[i] << 1 & 255) | carry
            carry = block[i] >> 7
        if carry:
            out[15] ^= 0x87
        return bytes(out)

else:
    from card_layouts.crypto.blocks_cpython import double, xor_into

__all__ = ("double", "xor_into")
