"""`blocks.py` for CPython: one wide integer a block. Left out of the board's image."""

_TOP = 1 << 128


def xor_into(target: bytearray, at: int, block: bytes | bytearray) -> None:
    """XOR the 16 bytes `block` into target[at : at + 16]."""
    mixed = int.from_bytes(target[at : at + 16], "big") ^ int.from_bytes(block, "big")
    target[at : at + 16] = mixed.to_bytes(16, "big")


def double(block: bytes | bytearray) -> bytes:
    """Return the 16 bytes doubled in GF(2^128): one bit to the left; what falls out is 87."""
    shifted = int.from_bytes(block, "big") << 1
    if shifted & _TOP:
        shifted ^= _TOP | 0x87
    return shifted.to_bytes(16, "big")
