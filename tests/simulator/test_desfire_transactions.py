"""Value, backup and record files, and the transaction around them."""

import pytest

from simulator.desfire_card import image_to_json
from tests.simulator.card_builders import (
    AID,
    KEYS,
    card,
    data_file,
    record_file,
    value_file,
)
from tests.simulator.desfire_reader import ENCIPHERED, MACED, PLAIN, Reader, StatusError

pytestmark = pytest.mark.requirement("R-24", "R-6")

CREDIT, DEBIT, LIMITED, COMMIT, ABORT = 0x0C, 0xDC, 0x1C, 0xC7, 0xA7
V, A, S, G = 1, 3, 4, 8


def opened(files, key_no=1, **more):
    reader = Reader(card(files, **more))
    reader.select(AID)
    reader.authenticate(key_no, KEYS[key_no])
    return reader


def number(value, size=4):
    return value.to_bytes(size, "little", signed=value < 0)


def span(offset, length):
    return number(offset, 3) + number(length, 3)


def file_of(reader, no):
    return reader.card.image.applications[AID].files[no]


def move(reader, code, amount, mode=ENCIPHERED, no=V):
    return reader.write(code, bytes([no]), number(amount), mode)


def value(reader, mode=ENCIPHERED, no=V):
    return int.from_bytes(reader.read(0x6C, bytes([no]), 4, mode), "little", signed=True)


def refused(status, action, *args, **more):
    with pytest.raises(StatusError) as error:
        action(*args, **more)
    assert error.value.status == status, f"{error.value.status:02X}, wanted {status:02X}"


@pytest.mark.parametrize("mode", [PLAIN, MACED, ENCIPHERED])
def test_debits_add_up_and_show_after_commit_only(mode):
    reader = opened({V: value_file(comm=mode)})
    move(reader, DEBIT, 300, mode)
    move(reader, DEBIT, 20, mode)
    assert value(reader, mode) == 5000, "the committed value while a transaction is pending"
    reader.plain(COMMIT)
    assert value(reader, mode) == 4680


@pytest.mark.parametrize("mode", [PLAIN, MACED, ENCIPHERED])
@pytest.mark.parametrize("length", [1, 44, 52, 108])
def test_backup_file_in_every_mode_and_frame_count(mode, length):
    content = bytes(range(1, length + 1))
    reader = opened({S: data_file(108, comm=mode)}, key_no=2)
    reader.write(0x3D, bytes([S]) + span(0, length), content, mode)
    assert file_of(reader, S).data == bytes(108)
    assert reader.read(0xBD, bytes([S]) + span(0, length), length, mode) == bytes(length)
    reader.plain(COMMIT)
    assert reader.read(0xBD, bytes([S]) + span(0, length), length, mode) == content
    assert reader.read(0xBD, bytes([S]) + span(0, 0), 108, mode)[:length] == content


def test_reading_to_the_end_pads_with_80():
    reader = opened({S: data_file(44)}, key_no=1)
    params = bytes([S]) + span(32, 0)
    reader.iv = reader.cipher.cmac(reader.iv, b"\xbd" + params)
    clear = reader.cipher.cbc_decrypt(reader.iv, reader.frames(0xBD, params))
    assert clear[12 + 4 :] == b"\x80" + bytes(15)


@pytest.mark.parametrize("amount, status", [(30000, 0xBE), (-1, 0x9E)])
def test_a_refused_credit_loses_the_whole_transaction(amount, status):
    reader = opened({V: value_file()}, key_no=2)
    move(reader, CREDIT, 100)
    refused(status, move, reader, CREDIT, amount)
    assert reader.card.image.transaction is None
    refused(0xAE, reader.plain, 0x6C, bytes([V]))  # and the session with it
    reader.authenticate(2, KEYS[2])
    refused(0x0C, reader.plain, COMMIT)
    assert file_of(reader, V).value == 5000


def test_value_may_not_pass_its_lower_limit():
    reader = opened({V: value_file(value=-50, lower=-100)})
    move(reader, DEBIT, 50)
    refused(0xBE, move, reader, DEBIT, 1)


def test_key_1_debits_and_reads_but_never_credits():
    reader = opened({V: value_file()})
    refused(0xAE, move, reader, CREDIT, 1)
    reader.authenticate(1, KEYS[1])
    refused(0xAE, move, reader, LIMITED, 1)


def test_wrong_mode_mac_or_cryptogram_is_refused():
    refused(0x7E, move, opened({V: value_file()}), DEBIT, 5, PLAIN)
    reader = opened({V: value_file()})
    refused(0x1E, reader.frames, DEBIT, bytes([V]) + bytes(16))
    reader = opened({V: value_file(comm=MACED)})
    refused(0x1E, reader.frames, DEBIT, bytes([V]) + number(5) + bytes(8))


def test_limited_credit_ceiling_is_the_sum_of_the_last_debits():
    reader = opened({V: value_file(limited=True)}, key_no=2)
    for amount in (1300, 1700):
        move(reader, DEBIT, amount)
    reader.plain(COMMIT)
    assert reader.plain(0xF5, bytes([V]))[12:] == number(3000) + b"\x01"
    refused(0xBE, move, reader, LIMITED, 3001)
    reader.authenticate(2, KEYS[2])
    move(reader, LIMITED, 3000)
    reader.plain(COMMIT)
    assert value(reader) == 5000
    assert file_of(reader, V).limited_credit == 0
    move(reader, CREDIT, 100)
    move(reader, DEBIT, 97)
    reader.plain(COMMIT)
    assert file_of(reader, V).limited_credit == 97


def test_limited_credit_switched_off_is_refused():
    refused(0x9D, move, opened({V: value_file()}, key_no=2), LIMITED, 1)


def test_free_get_value_needs_no_key():
    files = {V: value_file(free=True), 2: value_file()}
    reader = Reader(card(files))
    reader.select(AID)
    assert reader.plain(0x6C, bytes([V])) == number(5000)
    refused(0xAE, reader.plain, 0x6C, b"\x02")


@pytest.mark.parametrize(
    "rights, status", [(0xFFFF, 0x9D), (0xFF3F, 0xAE), (0xEFFF, 0), (0xFFEF, 0)]
)
def test_reading_by_access_nibbles(rights, status):
    reader = Reader(card({S: data_file(rights=rights)}))
    reader.select(AID)
    if status:
        refused(status, reader.plain, 0xBD, bytes([S]) + span(0, 1))
    else:
        assert reader.plain(0xBD, bytes([S]) + span(0, 1)) == b"\x00"


def test_a_free_nibble_means_plain_for_a_session_without_the_key():
    reader = opened({S: data_file(rights=0xE22F)}, key_no=1)
    assert reader.plain(0xBD, bytes([S]) + span(0, 2)) == bytes(2)


def test_a_cyclic_file_of_eleven_shows_ten():
    reader = opened({G: record_file(count=11)})
    for n in range(15):
        reader.write(0x3B, bytes([G]) + span(0, 44), bytes([n]) * 44, ENCIPHERED)
        reader.plain(COMMIT)
    seen = reader.read(0xBB, bytes([G]) + span(0, 0), 440, ENCIPHERED)
    assert [seen[at] for at in range(0, 440, 44)] == list(range(5, 15))
    newest = reader.read(0xBB, bytes([G]) + span(0, 1), 44, ENCIPHERED)
    assert newest == bytes([14]) * 44
    middle = reader.read(0xBB, bytes([G]) + span(2, 3), 132, ENCIPHERED)
    assert [middle[at] for at in (0, 44, 88)] == [10, 11, 12]
    refused(0xBE, reader.read, 0xBB, bytes([G]) + span(9, 2), 88, ENCIPHERED)


def test_later_writes_of_a_transaction_patch_the_same_record():
    reader = opened({G: record_file()})
    for at in (0, 4):
        reader.write(0x3B, bytes([G]) + span(at, 2), b"\x11\x22", ENCIPHERED)
    reader.plain(COMMIT)
    assert file_of(reader, G).records == (b"\x11\x22\0\0\x11\x22" + bytes(38),)


def test_reading_an_empty_record_file_ends_transaction_and_session():
    reader = opened({G: record_file(), V: value_file()})
    move(reader, DEBIT, 1)
    refused(0xBE, reader.read, 0xBB, bytes([G]) + span(0, 1), 44, ENCIPHERED)
    assert reader.card.image.transaction is None


def test_a_full_linear_file_refuses():
    reader = opened({G: record_file(count=1, cyclic=False)})
    reader.write(0x3B, bytes([G]) + span(0, 1), b"a", ENCIPHERED)
    reader.plain(COMMIT)
    refused(0xBE, reader.write, 0x3B, bytes([G]) + span(0, 1), b"b", ENCIPHERED)


def test_clearing_needs_the_read_write_key_and_a_commit():
    files = {G: record_file(records=[b"\x05" * 44])}
    refused(0xAE, opened(files, key_no=2).plain, 0xEB, bytes([G]))
    reader = opened(files, key_no=1)
    reader.plain(0xEB, bytes([G]))
    assert len(file_of(reader, G).records) == 1
    refused(0x9D, reader.write, 0x3B, bytes([G]) + span(0, 1), b"b", ENCIPHERED)
    reader.authenticate(1, KEYS[1])
    reader.plain(0xEB, bytes([G]))
    reader.plain(COMMIT)
    assert file_of(reader, G).records == ()


def test_authentication_again_keeps_the_transaction():
    reader = opened({V: value_file(), A: value_file(rights=0x2FFF)})
    move(reader, DEBIT, 7)
    reader.authenticate(2, KEYS[2])
    move(reader, DEBIT, 1, no=A)
    reader.plain(COMMIT)
    assert (file_of(reader, V).value, file_of(reader, A).value) == (4993, 4999)


@pytest.mark.parametrize("ending", ["abort", "select", "iso", "field", "authentication"])
def test_what_discards_a_transaction(ending):
    reader = opened({V: value_file()})
    before = image_to_json(reader.card.image)
    move(reader, DEBIT, 7)
    if ending == "abort":
        reader.plain(ABORT)
    elif ending == "select":
        reader.select(AID)
    elif ending == "iso":
        assert reader.raw(bytes.fromhex("00A4040007D2760000850100")) == b"\x90\x00"
        reader.select(AID)
    elif ending == "field":
        reader.card.power_off()
        reader.card.power_on()
        reader.select(AID)
    else:
        refused(0xAE, reader.authenticate, 1, KEYS[2])
    assert image_to_json(reader.card.image) == before
    reader.authenticate(1, KEYS[1])
    refused(0x0C, reader.plain, COMMIT)


def test_frames_out_of_turn():
    reader = opened({S: data_file(108)}, key_no=2)
    assert reader.raw(b"\x3d" + bytes([S]) + span(0, 108) + bytes(40)) == b"\xaf"
    assert reader.raw(b"\xc7") == b"\xca"
    assert reader.raw(b"\xaf" + bytes(50)) == b"\x1c"
    assert reader.raw(b"\x99") == b"\x1c"


def test_a_standard_file_changes_at_once():
    reader = opened({S: data_file(backup=False)}, key_no=2)
    reader.write(0x3D, bytes([S]) + span(4, 3), b"abc", ENCIPHERED)
    assert file_of(reader, S).data[:8] == b"\0\0\0\0abc\0"
    refused(0x0C, reader.plain, COMMIT)
