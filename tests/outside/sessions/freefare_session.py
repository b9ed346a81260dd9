"""Trials of libfreefare's library on the card in the reader: `PTY TRIAL CIPHER`.

In a process of its own: a mistake in C ends more than a test. Every failure is a traceback.
"""

import ctypes
import sys
from ctypes import c_uint8, c_uint32

from freefare import ENCIPHERED, MACED, PLAIN, FreefareCard, Refused

MODES = {"plain": PLAIN, "MACed": MACED, "enciphered": ENCIPHERED}
AID = 0x0F4810
# cipher -> (create an application, authenticate, the zero key's kind, a new key's kind, its length)
# A 3DES key of two equal halves is a DES key, to the card and to the library.
CIPHERS = {
    "D40": ("create_application", "authenticate", "des", "des", 8),
    "D40 3DES": ("create_application", "authenticate", "des", "3des", 16),
    "ISO 3DES": ("create_application", "authenticate_iso", "des", "3des", 16),
    "ISO 3K3DES": ("create_application_3k3des", "authenticate_iso", "3k3des", "3k3des", 24),
    "AES": ("create_application_aes", "authenticate_aes", "aes", "aes", 16),
}
ZERO_BYTES = {"des": 8, "3k3des": 24, "aes": 16}
# Where the library itself errs, and this file keeps away: it pads for a D40 MAC as if two CRC bytes
# followed (lengths here are 1..6 modulo 8), takes a D40 CRC ending in 00 for one byte shorter, and
# counts the MAC of an EV1 session among the application identifiers.
TEXT = bytes(range(1, 101))


class Opened:
    """An application of one cipher, selected and authenticated with key 0."""

    def __init__(self, card, cipher, aid=AID):
        self.card = card
        create, self.how, zero_kind, self.kind, self.key_bytes = CIPHERS[cipher]
        card.select(0)
        card(create, card.aid(aid), c_uint8(0x0F), c_uint8(4))
        card.select(aid)
        self.zero = card.key(zero_kind, bytes(ZERO_BYTES[zero_kind]))
        self.authenticate()

    def authenticate(self, key_no=0, key=None):
        self.card(self.how, c_uint8(key_no), key or self.zero)


def refused(status, action):
    try:
        action()
    except Refused as error:
        assert error.picc == status, error
    else:
        raise AssertionError(f"was not refused with {status:02X}")


def keys_are_authenticated_and_changed(opened):
    card, size = opened.card, opened.key_bytes
    new = card.key(opened.kind, bytes(range(0, 2 * size, 2)), 0x42)
    card("change_key", c_uint8(1), new, opened.zero)
    card("change_key", c_uint8(0), new, opened.zero)
    opened.authenticate(0, new)
    opened.authenticate(1, new)
    refused(0xAE, lambda: opened.authenticate(1))
    opened.authenticate(0, new)
    card("change_key_settings", c_uint8(0x09))
    settings, count = c_uint8(), c_uint8()
    card("get_key_settings", ctypes.byref(settings), ctypes.byref(count))
    assert (settings.value, count.value) == (0x09, 4)
    if opened.kind == "aes":
        assert card.number("get_key_version", c_uint8(1), kind=c_uint8) == 0x42


def standard_files(opened, mode):
    card = opened.card
    card("create_std_data_file", c_uint8(1), mode, 0x0000, c_uint32(100))
    assert card.write(1, 0, TEXT) == 100
    assert card.write(1, 10, b"changed text") == 12
    wanted = TEXT[:10] + b"changed text" + TEXT[22:]
    assert card.read(1, 0, 100) == wanted
    assert card.read(1, 10, 12) == b"changed text"
    assert card.read(1, 0, 0) == wanted


def backup_files_show_what_was_committed(opened, mode):
    card = opened.card
    card("create_backup_data_file", c_uint8(1), mode, 0x0000, c_uint32(60))
    card.write(1, 0, TEXT[:60])
    assert card.read(1, 0, 60) == bytes(60)
    card("abort_transaction")
    card.write(1, 4, b"kept")
    card("commit_transaction")
    assert card.read(1, 0, 10) == bytes(4) + b"kept" + bytes(2)


def value_files(opened, mode):
    card, one = opened.card, c_uint8(1)
    card("create_value_file", one, mode, 0x0000, -500, 10_000, 100, c_uint8(1))
    card("credit", one, 1000)
    card("debit", one, 300)
    assert card.number("get_value", one) == 100
    card("commit_transaction")
    assert card.number("get_value", one) == 800
    card("limited_credit", one, 200)
    card("commit_transaction")
    assert card.number("get_value", one) == 1000
    card("credit", one, 1)
    card("abort_transaction")
    card("debit", one, 1500)
    card("commit_transaction")
    assert card.number("get_value", one) == -500
    refused(0xBE, lambda: card("debit", one, 1))


def record_files(opened, mode, kind):
    card = opened.card
    card(f"create_{kind}_record_file", c_uint8(1), mode, 0x0000, c_uint32(20), c_uint32(6))
    rows = [bytes([letter]) * 20 for letter in b"TORNELLI"]
    for row in rows[:5]:
        card.write_record(1, 0, row)
        card("commit_transaction")
    assert card.read_records(1, 0, 5, 20) == b"".join(rows[:5])
    assert card.read_records(1, 1, 3, 20) == b"".join(rows[1:4])
    card.write_record(1, 0, rows[5])
    card("abort_transaction")
    for row in rows[5:6] if kind == "linear" else rows[5:]:
        card.write_record(1, 3, row[3:])
        card("commit_transaction")
    newest = card.read_records(1, 0, 1, 20)
    assert newest == bytes(3) + (rows[5] if kind == "linear" else rows[7])[3:]
    card("clear_record_file", c_uint8(1))
    card("commit_transaction")
    refused(0xBE, lambda: card.read_records(1, 0, 1, 20))


def files_are_listed_described_changed_and_deleted(opened):
    card = opened.card
    card("create_std_data_file", c_uint8(3), c_uint8(PLAIN), 0x1230, c_uint32(8))
    card("create_cyclic_record_file", c_uint8(5), c_uint8(MACED), 0xEEEE, c_uint32(9), c_uint32(4))
    card("create_value_file", c_uint8(7), c_uint8(3), 0x0000, -1, 5, 2, c_uint8(1))
    assert sorted(card.numbers("get_file_ids")) == [3, 5, 7]
    found = card.settings(5)
    assert (found.file_type, found.communication_settings, found.access_rights) == (4, 1, 0xEEEE)
    assert list(found.numbers[:3]) == [9, 4, 0]
    assert list(card.settings(7).numbers[:2]) == [0xFFFFFFFF, 5]
    card("change_file_settings", c_uint8(3), c_uint8(ENCIPHERED), 0x0120)
    card("change_file_settings", c_uint8(5), c_uint8(PLAIN), 0x0000)
    assert card.settings(3).access_rights == 0x0120
    card("delete_file", c_uint8(3))
    assert sorted(card.numbers("get_file_ids")) == [5, 7]


def the_card_itself(blank):
    zero = blank.key("des", bytes(8))
    blank("authenticate", c_uint8(0), zero)
    assert blank.number("free_mem", kind=c_uint32) == 4864
    name = (ctypes.c_char * 16)(*b"TORNELLO")
    iso = (c_uint8(0x0F), c_uint8(1), ctypes.c_int(1), ctypes.c_uint16(0x1001))
    blank("create_application_iso", blank.aid(AID), *iso, name, ctypes.c_size_t(8))
    blank("create_application_aes", blank.aid(2), c_uint8(0x0F), c_uint8(14))
    assert blank.number("free_mem", kind=c_uint32) < 4864
    assert len(blank.numbers("get_application_ids", kind=ctypes.c_void_p)) == 2
    blank.select(AID)
    where = (c_uint8(1), c_uint8(PLAIN), 0xEEEE, c_uint32(8), ctypes.c_uint16(0x2001))
    blank("create_std_data_file_iso", *where)
    assert blank.numbers("get_iso_file_ids", kind=ctypes.c_uint16) == [0x2001]
    blank.select(0)
    blank("authenticate", c_uint8(0), zero)
    aes = blank.key("aes", bytes(range(16)), 3)
    blank("set_default_key", aes)
    blank("create_application_aes", blank.aid(3), c_uint8(0x0F), c_uint8(1))
    blank("change_key", c_uint8(0), aes, zero)
    blank("authenticate_aes", c_uint8(0), aes)
    uid = ctypes.c_char_p()
    blank("get_card_uid", ctypes.byref(uid))
    assert uid.value.decode() == blank.uid
    blank("set_ats", (c_uint8 * 6)(6, 0x75, 0x77, 0x81, 0x02, 0x81))
    blank.select(3)
    blank("authenticate_aes", c_uint8(0), aes)
    blank.select(0)
    blank("authenticate_aes", c_uint8(0), aes)
    blank("format_picc")
    blank.select(0)
    assert blank.numbers("get_application_ids", kind=ctypes.c_void_p) == []
    blank("authenticate_aes", c_uint8(0), aes)
    blank("set_configuration", ctypes.c_bool(True), ctypes.c_bool(True))


def linear_record_files(opened, mode):
    record_files(opened, mode, "linear")


def cyclic_record_files(opened, mode):
    record_files(opened, mode, "cyclic")


OF_A_CIPHER = (
    keys_are_authenticated_and_changed,
    files_are_listed_described_changed_and_deleted,
)
OF_A_CIPHER_AND_MODE = (
    *(standard_files, backup_files_show_what_was_committed, value_files),
    *(linear_record_files, cyclic_record_files),
)


def main(path, cipher):
    with FreefareCard(path) as card:
        print(f"uid: {card.uid}", flush=True)
        if cipher == "the card itself":
            the_card_itself(card)
            print(cipher)
            return
        aid = AID
        for trial in OF_A_CIPHER:
            trial(Opened(card, cipher, aid))
            print(trial.__name__, flush=True)
            aid += 1
        for trial in OF_A_CIPHER_AND_MODE:
            for name, mode in MODES.items():
                trial(Opened(card, cipher, aid), c_uint8(mode))
                print(trial.__name__, name, flush=True)
                aid += 1


main(*sys.argv[1:])
