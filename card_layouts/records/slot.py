"""A journal slot of 128 bytes, and the head of a block of 30 slots.

A slot is header 12 (clear) | payload 96 (AES-128-CTR) | AES-CMAC tag 16 | CRC32 4. The counter
blocks are the header and a number, so a torn slot whose seq is used again has another keystream:
the header holds slot and block. Source: SPEC.md section 3, D13.
"""

from binascii import crc32

from card_layouts.codec.bits import Layout, table
from card_layouts.crypto.aes import ECB, aes
from card_layouts.crypto.cmac import Cmac
from card_layouts.crypto.kdf import same, seal_keys
from card_layouts.errors import LayoutError, RangeError, SealError

SLOT_MAGIC = 0x54
BLOCK_MAGIC = 0x544A
BLOCK_LAYOUT = 2

HEADER_BYTES = 12
PAYLOAD_BYTES = 96
SEALED_BYTES = HEADER_BYTES + PAYLOAD_BYTES  # what the tag covers
TAG_END = 124  # what the CRC covers
SLOT_BYTES = 128
SLOTS_PER_BLOCK = 30
BLOCK_BYTES = 4096
HEADER_PAGE = 256
INTENT_ROWS = 7

FLAG_LAST_OF_SHIFT, FLAG_DEGRADED = 1, 2

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
SLOT_HEADER = Layout("SLOT_HEADER", 12, table(
    "magic", 8,
    "type", 6,
    "layout", 3,
    "flags", 3,
    "epoch", 6,
    "device", 20,
    "seq", 30,
    "length", 7,
    "slot", 5,
    "block", 8,
))

SLOT = Layout("SLOT", 128, table(
    "header", 96,
    "ciphertext", 768,
    "tag", 128,
    "crc", 32,
))

BLOCK_HEADER = Layout("BLOCK_HEADER", 256, table(
    "magic", 16,
    "layout", 8,
    "records", 8,
    "free", 6,
    "epoch", 6,
    "device", 20,
    "free", 2,
    "ordinal", 30,
    "free", 2,
    "first_seq", 30,
    "free", 2,
    "acked_seq", 30,
    "wear", 24,
    "incarnation", 24,
    "H_start", 256,
    "free", 2,
    "lease", 30,
    "lease_taps", 24,
    "free", 2,
    "lease_cents", 30,
    "free", 2,
    "floor", 30,
    "ticket", 24,
    "shift", 12,
    "driver", 20,
    "first_ticket", 24,
    "shift_taps", 16,
    "free", 2,
    "shift_value", 30,
    "free", 2,
    "cash", 30,
    "free", 2,
    "run_seq", 30,
    "free", 2,
    "shift_seq", 30,
    "free", 2,
    "void_cents", 30,
    "voids", 16,
    "shift_passed", 16,
    "shift_refused", 16,
    "intent_uid0", 56,
    "intent_n0", 24,
    "intent_seq0", 30,
    "free", 2,
    "intent_uid1", 56,
    "intent_n1", 24,
    "intent_seq1", 30,
    "free", 2,
    "intent_uid2", 56,
    "intent_n2", 24,
    "intent_seq2", 30,
    "free", 2,
    "intent_uid3", 56,
    "intent_n3", 24,
    "intent_seq3", 30,
    "free", 2,
    "intent_uid4", 56,
    "intent_n4", 24,
    "intent_seq4", 30,
    "free", 2,
    "intent_uid5", 56,
    "intent_n5", 24,
    "intent_seq5", 30,
    "free", 2,
    "intent_uid6", 56,
    "intent_n6", 24,
    "intent_seq6", 30,
    "free", 2,
    "crc", 32,
    "K_a", 128,
    "crc_a", 32,
    "K_b", 128,
    "crc_b", 32,
    "spare", 24,
))
# fmt: on


class Sealer:
    """K_block of one block: encrypts, tags and checks its slots. Not shared between threads."""

    def __init__(self, k_block):
        k_enc, k_mac = seal_keys(k_block)
        self._ecb = aes(k_enc, ECB)
        self._cmac = Cmac(k_mac)
        self._stream = bytearray(PAYLOAD_BYTES)

    def seal(self, header12, payload96):
        """Return the sealed slot, 128 bytes. Raises: RangeError for other lengths."""
        if len(header12) != HEADER_BYTES or len(payload96) != PAYLOAD_BYTES:
            raise RangeError(
                "slot: header %d and payload %d bytes, 12 and 96 wanted"
                % (len(header12), len(payload96))
            )
        slot = bytearray(SLOT_BYTES)
        slot[0:HEADER_BYTES] = header12
        slot[HEADER_BYTES:SEALED_BYTES] = payload96
        self.seal_into(slot)
        return bytes(slot)

    def seal_into(self, slot):
        """Seal a slot in place: bytearray(128) that holds the header and the clear payload."""
        self._apply_keystream(slot)
        slot[SEALED_BYTES:TAG_END] = self._cmac.mac(slot[0:SEALED_BYTES])
        slot[TAG_END:SLOT_BYTES] = crc32(slot[0:TAG_END]).to_bytes(4, "big")

    def open_seal(self, slot):
        """Return the clear payload, 96 bytes.

        Raises: LayoutError for a torn slot (size, magic, CRC), SealError for a wrong tag.
        """
        if len(slot) != SLOT_BYTES or slot[0] != SLOT_MAGIC or not check_crc(slot):
            raise LayoutError("slot: %d bytes, torn or no slot" % len(slot))
        if not same(slot[SEALED_BYTES:TAG_END], self._cmac.mac(slot[0:SEALED_BYTES])):
            raise SealError("slot.tag: wrong under this K_block")
        clear = bytearray(slot[0:SEALED_BYTES])
        self._apply_keystream(clear)
        return bytes(clear[HEADER_BYTES:])

    def _apply_keystream(self, slot):
        stream = self._stream
        counter = bytearray(16)
        counter[0:HEADER_BYTES] = slot[0:HEADER_BYTES]
        for at in range(0, PAYLOAD_BYTES, 16):
            counter[15] = at >> 4
            stream[at : at + 16] = counter
        self._ecb.encrypt(stream, stream)
        # One wide integer: a loop over 96 bytes takes thirty times as long on a board.
        clear = int.from_bytes(slot[HEADER_BYTES:SEALED_BYTES], "big")
        mixed = clear ^ int.from_bytes(stream, "big")
        slot[HEADER_BYTES:SEALED_BYTES] = mixed.to_bytes(PAYLOAD_BYTES, "big")


def check_crc(slot):
    """Return whether the CRC32 of a 128-byte slot is right: a torn write has no right one."""
    return bytes(slot[TAG_END:SLOT_BYTES]) == crc32(slot[0:TAG_END]).to_bytes(4, "big")


def block_ordinal(seq, block_mod256):
    """Return the ordinal of the block a slot lies in, from its seq and the header's `block`.

    It is the smallest o >= (seq - 1) // 30 with o mod 256 = block: torn slots push entries on,
    never back, and fewer than 256 blocks of them can be torn.
    """
    least = (seq - 1) // SLOTS_PER_BLOCK
    return least + (block_mod256 - least) % 256


def slot_at(index):
    """Return the byte offset of slot `index`, 0..29, inside its block."""
    return HEADER_PAGE + SLOT_BYTES * index
