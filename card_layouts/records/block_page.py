"""The first page of a journal block: state at its start, and its key twice.

The page CRC leaves out the keys, because they are programmed to 00 when the next page is durable;
each copy has a CRC of its own, so a half-programmed one is told from a whole one.
Source: SPEC.md section 3, D13, T6, T16.
"""

from binascii import crc32

from card_layouts.errors import LayoutError
from card_layouts.records.slot import (
    BLOCK_HEADER,
    BLOCK_LAYOUT,
    BLOCK_MAGIC,
    HEADER_PAGE,
    SLOTS_PER_BLOCK,
)

CRC_AT = 209
KEYS_AT = 213
KEY_COPY_BYTES = 20
KEYS_BYTES = 2 * KEY_COPY_BYTES


def pack_block_page(values, k_block):
    """Return the 256-byte page of `values` with the key and all CRCs in place."""
    page = bytearray(BLOCK_HEADER.pack(values))
    BLOCK_HEADER.put(page, "magic", BLOCK_MAGIC)
    BLOCK_HEADER.put(page, "layout", BLOCK_LAYOUT)
    BLOCK_HEADER.put(page, "records", SLOTS_PER_BLOCK)
    BLOCK_HEADER.put(page, "crc", _crc(page, 0, CRC_AT))
    for name, crc_name in (("K_a", "crc_a"), ("K_b", "crc_b")):
        BLOCK_HEADER.put(page, name, k_block)
        BLOCK_HEADER.put(page, crc_name, crc32(k_block).to_bytes(4, "big"))
    return bytes(page)


def unpack_block_page(page):
    """Return the fields of a page. Raises: LayoutError for a torn, erased or unknown one."""
    if len(page) < HEADER_PAGE or BLOCK_HEADER.get(page, "magic") != BLOCK_MAGIC:
        raise LayoutError("block page: no page here")
    if _crc(page, 0, CRC_AT) != bytes(page[CRC_AT:KEYS_AT]):
        raise LayoutError("block page: CRC wrong, torn")
    values = BLOCK_HEADER.unpack(page)
    if values["layout"] != BLOCK_LAYOUT or values["records"] != SLOTS_PER_BLOCK:
        raise LayoutError("block page: layout %d is not known here" % values["layout"])
    return values


def block_page_key(page):
    """Return K_block of a page from whichever copy is whole, or None once it is zeroed or torn."""
    for at in (KEYS_AT, KEYS_AT + KEY_COPY_BYTES):
        key = bytes(page[at : at + 16])
        if key != bytes(16) and _crc(page, at, at + 16) == bytes(page[at + 16 : at + 20]):
            return key
    return None


def _crc(page, start, end):
    return crc32(bytes(page[start:end])).to_bytes(4, "big")
