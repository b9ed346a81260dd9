"""libfreefare's DESFire functions through ctypes: a card object whose methods are the C names.

Every call that returns a negative number raises Refused with the card's and the library's error.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_uint8, c_uint32, c_void_p

PLAIN, MACED, ENCIPHERED = 0, 1, 3
NFC_NAME_BYTES = 1024
ROOM_BYTES = 512  # the library deciphers in place: MAC, CRC and padding need room too


class Refused(Exception):
    def __init__(self, name, picc, pcd, words):
        super().__init__(f"{name}: card {picc:02X}, library {pcd:02X} {words}")
        self.picc = picc


class Settings(ctypes.Structure):
    """struct mifare_desfire_file_settings, with its union as the largest member."""

    _fields_ = [
        ("file_type", c_uint8),
        ("communication_settings", c_uint8),
        ("access_rights", ctypes.c_uint16),
        ("numbers", c_uint32 * 4),
    ]


class Libraries:
    def __init__(self):
        self.nfc = ctypes.CDLL("libnfc.so.6")
        self.freefare = ctypes.CDLL("libfreefare.so.0")
        self.nfc.nfc_open.restype = c_void_p
        self.nfc.nfc_open.argtypes = [c_void_p, ctypes.c_char * NFC_NAME_BYTES]
        self.nfc.nfc_close.argtypes = self.nfc.nfc_exit.argtypes = [c_void_p]
        self.freefare.freefare_get_tags.restype = POINTER(c_void_p)
        self.freefare.freefare_get_tags.argtypes = [c_void_p]
        self.freefare.freefare_get_tag_uid.restype = c_char_p
        self.freefare.freefare_get_tag_uid.argtypes = [c_void_p]
        self.freefare.freefare_strerror.restype = c_char_p
        self.freefare.freefare_strerror.argtypes = [c_void_p]
        self.freefare.mifare_desfire_aid_new.restype = c_void_p


class FreefareCard:
    """The first card in the field of the reader at `path`, connected until `close`."""

    def __init__(self, path):
        self.libraries = Libraries()
        nfc, self._c = self.libraries.nfc, self.libraries.freefare
        self._context = c_void_p()
        nfc.nfc_init(byref(self._context))
        name = ctypes.create_string_buffer(f"pn532_uart:{path}".encode(), NFC_NAME_BYTES)
        self._device = nfc.nfc_open(self._context, name)
        assert self._device, "libnfc does not open our reader"
        self._tags = self._c.freefare_get_tags(self._device)
        assert self._tags and self._tags[0], "libfreefare finds no card"
        self.tag = self._tags[0]
        self.uid = self._c.freefare_get_tag_uid(self.tag).decode()
        self("connect")

    def __call__(self, name, *arguments):
        """Call mifare_desfire_<name>(tag, ...)."""
        function = getattr(self._c, f"mifare_desfire_{name}")
        done = function(c_void_p(self.tag), *arguments)
        if done < 0:
            picc = self._c.mifare_desfire_last_picc_error(c_void_p(self.tag))
            pcd = self._c.mifare_desfire_last_pcd_error(c_void_p(self.tag))
            raise Refused(name, picc, pcd, self._c.freefare_strerror(self.tag).decode())
        return done

    def close(self):
        self._c.mifare_desfire_disconnect(c_void_p(self.tag))
        self._c.freefare_free_tags(self._tags)
        self.libraries.nfc.nfc_close(self._device)
        self.libraries.nfc.nfc_exit(self._context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- what takes or gives structures ---

    def key(self, kind, value, version=0):
        """Return a key of `kind` "des", "3des", "3k3des" or "aes"."""
        make = getattr(self._c, f"mifare_desfire_{kind}_key_new_with_version")
        if kind == "aes":
            make = self._c.mifare_desfire_aes_key_new_with_version
        make.restype = c_void_p
        arguments = [bytes(value)] + ([c_uint8(version)] if kind == "aes" else [])
        return c_void_p(make(*arguments))

    def aid(self, number):
        return c_void_p(self._c.mifare_desfire_aid_new(c_uint32(number)))

    def select(self, number):
        self("select_application", self.aid(number) if number else None)

    def number(self, name, *arguments, kind=c_int32):
        """Call a function whose last argument is where the answer goes."""
        answer = kind()
        self(name, *arguments, byref(answer))
        return answer.value

    def numbers(self, name, kind=c_uint8):
        """Call a function that answers with an array and its length."""
        array, count = POINTER(kind)(), c_size_t()
        self(name, byref(array), byref(count))
        return [array[at] for at in range(count.value)]

    def settings(self, number):
        answer = Settings()
        self("get_file_settings", c_uint8(number), byref(answer))
        return answer

    def read(self, number, offset, length):
        buffer = ctypes.create_string_buffer(length + ROOM_BYTES)
        place = (c_uint8(number), ctypes.c_long(offset), c_size_t(length))
        got = self("read_data", *place, buffer)
        return buffer.raw[:got]

    def write(self, number, offset, data):
        place = (c_uint8(number), ctypes.c_long(offset), c_size_t(len(data)))
        return self("write_data", *place, bytes(data))

    def read_records(self, number, offset, count, record_bytes):
        buffer = ctypes.create_string_buffer(count * record_bytes + ROOM_BYTES)
        place = (c_uint8(number), ctypes.c_long(offset), c_size_t(count))
        got = self("read_records", *place, buffer)
        return buffer.raw[:got]

    def write_record(self, number, offset, data):
        place = (c_uint8(number), ctypes.c_long(offset), c_size_t(len(data)))
        return self("write_record", *place, bytes(data))


__all__ = ["ENCIPHERED", "MACED", "PLAIN", "FreefareCard", "Refused", "c_int", "c_uint8"]
