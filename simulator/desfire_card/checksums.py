"""The two checksums of DESFire secure messaging."""

from zlib import crc32


def crc32_desfire(data: bytes) -> bytes:
    """Return CRC32 with polynomial EDB88320, start FFFFFFFF and no final inversion, LE. [T]"""
    return (crc32(data) ^ 0xFFFFFFFF).to_bytes(4, "little")


def crc16_desfire(data: bytes) -> bytes:
    """Return the ISO/IEC 14443-3 type A CRC (start 6363), little-endian; used by D40. [P]"""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF
        byte ^= (byte << 4) & 0xFF
        crc = (crc >> 8) ^ (byte << 8) ^ (byte << 3) ^ (byte >> 4)
    return crc.to_bytes(2, "little")
