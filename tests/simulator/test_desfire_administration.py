"""Applications, keys, settings, files as such; old authentications; framing; images."""

import pytest

from simulator.desfire_card import (
    DesfireCard,
    FileStorage,
    ImageError,
    differences,
    image_from_json,
    image_to_json,
)
from simulator.desfire_card.ciphers import BlockCipher, xor
from simulator.desfire_card.image import CardKey
from simulator.desfire_card.meter import ExchangeCount
from simulator.prng import Prng
from tests.simulator.card_builders import (
    AID,
    KEYS,
    UID,
    card,
    data_file,
    record_file,
    value_file,
)
from tests.simulator.desfire_reader import ENCIPHERED, Reader, StatusError

pytestmark = pytest.mark.requirement("R-2", "X-3", "D4")
H = bytes.fromhex
ZERO = bytes(16)
NEW = H("00102030405060708090A0B0B0A09080")


def blank(**more):
    return DesfireCard.blank(UID, Prng(9).bytes, **more)


def inside(files=None, key_no=0, **more):
    reader = Reader(card(files, **more))
    reader.select(AID)
    reader.authenticate(key_no, KEYS[key_no])
    return reader


def refused(status, action, *args, **more):
    with pytest.raises(StatusError) as error:
        action(*args, **more)
    assert error.value.status == status, f"{error.value.status:02X}, wanted {status:02X}"


def test_a_blank_card_is_taken_over_with_an_aes_key():
    made = blank()
    reader = Reader(made)
    refused(0xAE, reader.authenticate, 0, ZERO)
    reader.authenticate(0, ZERO, code=0x1A)
    reader.change_key(0x80, NEW, 0x10)
    assert made.image.picc_key == CardKey("AES", NEW, 0x10)
    reader.authenticate(0, NEW)
    reader.enciphered(0x5C, b"\x00", b"\x01")
    reader.enciphered(0x54, b"", b"\x09")
    refused(0x9D, reader.plain, 0xFC)
    reader.authenticate(0, NEW)
    assert reader.plain(0x45) == b"\x09\x81"
    made.power_off()
    refused(0xAE, Reader(made).plain, 0xCA, AID + b"\x0f\x85")


def test_the_old_authentication_opens_a_session_that_survives_an_error():
    made = blank()
    made.power_on()
    cipher = BlockCipher("2K3DES", ZERO, ExchangeCount())
    rnd_b = cipher.decrypt(made.exchange(H("0A00"))[1:])
    first = cipher.decrypt(bytes(range(8)))
    second = cipher.decrypt(xor(first, rnd_b[1:] + rnd_b[:1]))
    proof = made.exchange(b"\xaf" + first + second)
    assert proof[:1] == b"\x00"
    assert cipher.decrypt(proof[1:]) == bytes([1, 2, 3, 4, 5, 6, 7, 0])
    assert made.exchange(H("6400")) == H("0000"), "D40 answers carry no MAC"
    assert made.exchange(H("6401")) == H("40")
    assert made.exchange(H("FC")) == H("00"), "still authenticated"


def test_get_version_is_three_frames_with_one_mac():
    reader = Reader(blank(picc_kind="AES"))
    reader.authenticate(0, ZERO)
    assert reader.plain(0x60)[14:21] == UID
    plain = Reader(blank())
    lengths = [len(plain.raw(frame)) for frame in (b"\x60", b"\xaf", b"\xaf")]
    assert lengths == [8, 8, 15]


def test_get_card_uid_is_enciphered_and_needs_a_key():
    reader = inside()
    assert reader.read(0x51, b"", 7, ENCIPHERED) == UID
    refused(0xAE, Reader(card()).plain, 0x51)


def test_random_uid_hides_the_true_one():
    reader = Reader(blank(picc_kind="AES"))
    reader.authenticate(0, ZERO)
    reader.enciphered(0x5C, b"\x00", b"\x02")
    seen = set()
    for _ in range(3):
        reader.card.power_off()
        again = Reader(reader.card)
        seen.add(again.card.uid)
        assert again.card.uid[0] == 0x08 and len(again.card.uid) == 4
        assert again.plain(0x60)[14:21] == bytes(7)
    assert len(seen) == 3
    again.authenticate(0, ZERO)
    assert again.read(0x51, b"", 7, ENCIPHERED) == UID


def test_applications_are_created_listed_and_deleted():
    reader = Reader(blank(picc_kind="AES"))
    reader.authenticate(0, ZERO)
    for number in range(1, 29):
        reader.plain(0xCA, bytes([number, 0, 0]) + b"\x0f\x80")  # 0 keys are legal [S]
    refused(0xCE, reader.plain, 0xCA, AID + b"\x0f\x81")
    assert len(reader.plain(0x6A)) == 84, "two frames"
    reader.authenticate(0, ZERO)
    reader.plain(0xDA, b"\x05\x00\x00")
    refused(0xA0, reader.plain, 0xDA, b"\x05\x00\x00")
    reader.authenticate(0, ZERO)
    refused(0xDE, reader.plain, 0xCA, b"\x04\x00\x00\x0f\x81")
    refused(0xA0, reader.select, b"\x05\x00\x00")
    reader.authenticate(0, ZERO)
    refused(0x9E, reader.plain, 0xCA, AID + b"\x0f\x8f")
    reader.authenticate(0, ZERO)
    assert reader.plain(0x6E) == (4864 - 27 * 32).to_bytes(3, "little")
    reader.plain(0xFC)
    assert reader.plain(0x6A) == b"" and reader.plain(0x6E) == (4864).to_bytes(3, "little")


def test_iso_select_by_name_and_df_names():
    reader = Reader(blank())
    reader.plain(0xCA, AID + b"\x0f\xa1" + b"\x01\x10" + b"TORNELLO")
    reader.plain(0xCA, b"\x02\x00\x00\x0f\x81")
    assert reader.plain(0x6D) == AID + b"\x01\x10TORNELLO"
    assert reader.raw(H("00A4040008") + b"TORNELLO") == H("9000")
    reader.plain(0xCD, b"\x01" + b"\x02\x10" + b"\x00\xee\xee\x10\x00\x00")
    assert reader.plain(0x61) == b"\x02\x10"
    assert reader.raw(H("00A4040003") + b"ABC") == H("6A82")
    assert reader.raw(H("0070000008")) == H("6D00"), "MANAGE CHANNEL is no command of this card"


def test_change_key_follows_the_settings():
    reader = inside(settings=0x49)
    refused(0xAE, reader.change_key, 1, NEW, 2, KEYS[1])
    reader.authenticate(4, KEYS[4])
    reader.change_key(1, NEW, 2, KEYS[1])
    assert reader.plain(0x64, b"\x01") == b"\x02"
    reader.change_key(4, NEW, 3)
    assert reader.card.image.applications[AID].keys[4].version == 3
    frozen = inside(settings=0xF9)
    refused(0x9D, frozen.change_key, 1, NEW, 2, KEYS[1])
    each = inside(settings=0xE8, key_no=2)
    refused(0xAE, each.change_key, 1, NEW, 2, KEYS[1])
    each.authenticate(2, KEYS[2])
    each.change_key(2, NEW, 2)
    master = inside(settings=0xE8)
    refused(0x9D, master.change_key, 0, NEW, 2)


def test_a_key_in_a_wrong_cryptogram_is_not_taken():
    reader = inside()
    refused(0x1E, reader.frames, 0xC4, b"\x00" + bytes(32))
    reader.authenticate(0, KEYS[0])
    refused(0x7E, reader.frames, 0xC4, b"\x00" + bytes(16))
    reader.authenticate(0, KEYS[0])
    refused(0x40, reader.frames, 0xC4, b"\x05" + bytes(32))
    refused(0x40, reader.plain, 0x64, b"\x05")
    refused(0x40, reader.authenticate, 5, ZERO)


def test_settings_0x49_close_listing_and_creation_to_all_but_key_0():
    reader = inside({1: value_file()}, settings=0x49, key_no=1)
    for code, params in ((0x6F, b""), (0xF5, b"\x01"), (0x45, b""), (0xDF, b"\x01")):
        refused(0xAE, reader.plain, code, params)
        reader.authenticate(1, KEYS[1])
    refused(0xAE, reader.plain, 0xCD, H("05001100500000"))
    reader.authenticate(0, KEYS[0])
    assert reader.plain(0x6F) == b"\x01"


def test_file_settings_of_every_type():
    reader = inside({1: value_file(), 4: data_file(), 8: record_file(records=[bytes(44)] * 3)})
    assert reader.plain(0xF5, b"\x01") == H("02032F1F") + H("00000000 30750000 00000000 00")
    assert reader.plain(0xF5, b"\x04") == H("01032F1F 2C0000")
    assert reader.plain(0xF5, b"\x08") == H("04031F32 2C0000 0B0000 030000")
    refused(0xF0, reader.plain, 0xF5, b"\x09")


@pytest.mark.parametrize(
    "code, params, status",
    [
        (0xCD, "01 03 2F1F 100000", 0xDE),
        (0xCD, "20 03 2F1F 100000", 0x9E),
        (0xCD, "05 03 2F1F 000000", 0x9E),
        (0xCD, "05 03 2F1F FFFF00", 0x0E),
        (0xCD, "05 03 2F1F 1000", 0x7E),
        (0xC0, "05 03 2F1F 100000 010000", 0x9E),
        (0xCC, "05 03 2F1F 01000000 02000000 00000000 00", 0x9E),
    ],
)
def test_files_that_cannot_be_created(code, params, status):
    refused(status, inside({1: value_file()}).plain, code, H(params))


def test_file_settings_change_by_key_by_all_and_never():
    reader = inside({1: data_file(rights=0x1F20), 2: data_file(rights=0x1F2E)})
    reader.enciphered(0x5F, b"\x01", b"\x00\xee\xee")
    reader.plain(0x5F, b"\x02\x01\xee\xef")
    files = reader.card.image.applications[AID].files
    assert (files[1].comm, files[1].rights, files[2].comm) == (0, 0xEEEE, 1)
    refused(0x9D, inside({1: data_file()}).plain, 0x5F, b"\x01\x00\xee\xee")
    refused(0xAE, inside({1: data_file(rights=0x1F22)}).plain, 0x5F, b"\x01" + bytes(16))


def test_wrapped_and_native_framing_say_the_same():
    made = card()
    made.power_on()
    assert made.exchange(H("905A000003 10480F 00")) == H("9100")
    assert made.exchange(H("9064000001 00 00")) == H("009100")
    assert made.exchange(H("6400")) == H("0000")
    assert made.exchange(H("9099000000")) == H("911C")
    assert made.exchange(H("906400000500")) == H("6700")
    assert made.exchange(b"\x60" + bytes(60)) == H("7E")


def test_an_image_survives_its_file_and_a_storage_sees_every_step(tmp_path):
    store = FileStorage(tmp_path / "card.json")
    image = card({1: value_file(), 8: record_file(records=[b"a" * 44])}).image
    made = DesfireCard(image, Prng(0).bytes, store)
    reader = Reader(made)
    reader.select(AID)
    reader.authenticate(2, KEYS[2])
    before = made.image.clone()
    reader.write(0x0C, b"\x01", (250).to_bytes(4, "little"), ENCIPHERED)
    stored = store.load()
    assert stored.transaction is not None and not stored.transaction.marked
    assert image_to_json(stored) == image_to_json(made.image)
    reader.plain(0xC7)
    assert differences(before, store.load()) == ["/applications/10480f/files/1/value: 5000 -> 5250"]
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "not a card image"),
        ("[]", "not a card image"),
        ('{"format": "x"}', "format is 'x', wanted 'desfire-ev1-image-1'"),
        ('{"format": "desfire-ev1-image-1"}', "entry 'card' is missing"),
    ],
)
def test_a_damaged_image_is_refused_with_its_name(text, message):
    with pytest.raises(ImageError, match="one.json: " + message):
        image_from_json(text, "one.json")


def test_an_image_with_a_short_key_or_uid_is_refused():
    text = image_to_json(card().image)
    with pytest.raises(ImageError, match="AES key has 15 bytes"):
        image_from_json(text.replace(KEYS[0].hex(), KEYS[0].hex()[2:]))
    with pytest.raises(ImageError, match="uid has 6 bytes, wanted 7"):
        image_from_json(text.replace(UID.hex(), UID.hex()[2:]))
