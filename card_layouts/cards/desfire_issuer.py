"""The DESFire EV1 commands that make a card: applications, files, keys and settings.

Only issuing stations and counters load this; a validator has no use for it. The factory key of a
card is 2K3DES, which a board does not have: its cipher is injected (`triple_des`, with the
signature of `aes`), so that this file stays on both runtimes.

Source: desfire.md (command table, "ChangeKey AES"); recorded vectors V1, V3, V4, V5.
"""

from card_layouts.cards.conversation import CardStatusError
from card_layouts.cards.desfire import Session, rotated, u24
from card_layouts.cards.desfire_channel import CBC, ENCIPHERED, MORE, card_crc
from card_layouts.crypto.kdf import same
from card_layouts.errors import LayoutError, SealError

AUTHENTICATE_ISO = 0x1A
CHANGE_KEY = 0xC4
CHANGE_KEY_SETTINGS = 0x54
SET_CONFIGURATION = 0x5C
CREATE_APPLICATION = 0xCA
DELETE_APPLICATION = 0xDA
APPLICATION_IDS = 0x6A
FILE_IDS = 0x6F
CREATE_STANDARD = 0xCD
CREATE_BACKUP = 0xCB
CREATE_VALUE = 0xCC
CREATE_CYCLIC = 0xC0

AES_KEYS = 0x80  # key type in the key count and in the PICC key number
PICC_AID = b"\x00\x00\x00"


class IssuerSession(Session):
    """A session that may also build what a `Session` only uses."""

    def create_application(self, aid, settings, key_count):
        """Create an application of `key_count` AES keys, all zero, version 0."""
        yield from self._order(CREATE_APPLICATION, aid + bytes((settings, AES_KEYS | key_count)))

    def delete_application(self, aid):
        """Delete an application and its files; its memory is free only after a format."""
        yield from self._order(DELETE_APPLICATION, aid)

    def application_ids(self):
        """Return the AIDs on the card, 3 bytes each as sent."""
        data = yield from self.plain(APPLICATION_IDS)
        if len(data) % 3:
            raise LayoutError("card.aids: found %d bytes, wanted threes" % len(data))
        return [bytes(data[i : i + 3]) for i in range(0, len(data), 3)]

    def file_ids(self):
        """Return the file numbers of the selected application."""
        data = yield from self.plain(FILE_IDS)
        return list(data)

    def create_value_file(self, file_no, rights, lower, upper, value, mode=ENCIPHERED):
        """Create a value file; limited credit and free GetValue stay off."""
        limits = b"".join(n.to_bytes(4, "little") for n in (lower, upper, value))
        yield from self._order(CREATE_VALUE, file_head(file_no, mode, rights) + limits + b"\x00")

    def create_backup_file(self, file_no, rights, size_bytes, mode=ENCIPHERED):
        """Create a backup data file of `size_bytes`."""
        yield from self._order(CREATE_BACKUP, file_head(file_no, mode, rights) + u24(size_bytes))

    def create_standard_file(self, file_no, rights, size_bytes, mode=ENCIPHERED):
        """Create a standard data file: writes to it are at once and may tear."""
        yield from self._order(CREATE_STANDARD, file_head(file_no, mode, rights) + u24(size_bytes))

    def create_cyclic_file(self, file_no, rights, record_bytes, records, mode=ENCIPHERED):
        """Create a cyclic file; the card shows `records` - 1 of them (one is its scratch)."""
        head = file_head(file_no, mode, rights)
        yield from self._order(CREATE_CYCLIC, head + u24(record_bytes) + u24(records))

    def _order(self, code, body):
        answer = yield from self.plain(code, body)
        if answer:
            raise LayoutError("card.answer %02X: found %d bytes, wanted none" % (code, len(answer)))

    def change_key_settings(self, settings):
        """Set the settings byte of the selected application or, at PICC level, of the card."""
        yield from self.enciphered(CHANGE_KEY_SETTINGS, b"", bytes((settings,)))

    def set_configuration(self, option, data):
        """Set a card option. Option 0, bit 0: formatting is off for ever."""
        yield from self.enciphered(SET_CONFIGURATION, bytes((option,)), data)

    def change_key(self, key_no, new_key, version, old_key=None):
        """Change AES key `key_no` of the selected application to `new_key`.

        Shape: `old_key` is what the card has now and is needed unless it is the key of this
        session; changing that one ends the session. Raises: CardStatusError, SealError.
        """
        own = key_no == self.key_no
        if own:
            data = new_key + bytes((version,))
        else:
            data = bytes(a ^ b for a, b in zip(new_key, old_key)) + bytes((version,))
        header = bytes((key_no,))
        data += card_crc(bytes((CHANGE_KEY,)) + header + data)
        if not own:
            data += card_crc(new_key)
        block = bytearray(32)
        block[: len(data)] = data
        self.encipher(block)
        answer = yield from self.transceive(CHANGE_KEY, header + block)
        if own:
            self.close()
        else:
            self.check_mac(CHANGE_KEY, answer)

    def replace_factory_key(self, triple_des, factory_key, new_key, version, rnd_a):
        """Turn the card's 2K3DES master key into the AES key `new_key`: 3 exchanges.

        Shape: `triple_des(key16, mode, iv)` as `aes`; `rnd_a` is 8 random bytes.
        """
        secret, vector = yield from self.authenticate_iso(triple_des, factory_key, rnd_a)
        header = bytes((AES_KEYS,))
        data = new_key + bytes((version,))
        data += card_crc(bytes((CHANGE_KEY,)) + header + data)
        block = data + bytes(-len(data) % 8)
        sealed = bytes(triple_des(secret, CBC, vector).encrypt(block))
        yield from self.transceive(CHANGE_KEY, header + sealed)

    def prove_factory_key(self, triple_des, factory_key, rnd_a):
        """Check that the card's master key is the 2K3DES key `factory_key`: 2 exchanges.

        The session this opens on the card is not kept here: select next.
        """
        yield from self.authenticate_iso(triple_des, factory_key, rnd_a)

    def authenticate_iso(self, triple_des, key, rnd_a):
        """Prove a 2K3DES key by the ISO way; return (session key, vector), and open no session."""
        self.close()
        frame = self.frame
        frame[0:2] = bytes((AUTHENTICATE_ISO, 0))
        got = yield 2
        self._check_status(AUTHENTICATE_ISO, got, MORE)
        if got != 9:
            raise LayoutError("card.authenticate: found %d bytes, wanted 9" % got)
        challenge = bytes(frame[1:9])
        rnd_b = bytes(triple_des(key, CBC, bytes(8)).decrypt(challenge))
        token = bytes(triple_des(key, CBC, challenge).encrypt(rnd_a + rotated(rnd_b)))
        frame[0] = MORE
        frame[1:17] = token
        got = yield 17
        self._check_status(AUTHENTICATE_ISO, got, 0)
        proof = bytes(triple_des(key, CBC, token[8:]).decrypt(bytes(frame[1:9])))
        if got != 9 or not same(proof, rotated(rnd_a)):
            raise SealError("card.authenticate: the card does not know its factory key")
        secret = rnd_a[:4] + rnd_b[:4]
        # A key of two equal halves is single DES to the card, and so is the session's.
        secret += secret if key[:8] == key[8:] else rnd_a[4:] + rnd_b[4:]
        return secret, bytes(8)


def file_head(file_no, mode, rights):
    """Return number, communication mode and access word as the create commands want them."""
    return bytes((file_no, mode)) + rights.to_bytes(2, "little")


def exists(steps):
    """Run a creating conversation; a card that has the thing already (DE) is as good."""
    try:
        yield from steps
    except CardStatusError as error:
        if error.status != 0xDE:
            raise
