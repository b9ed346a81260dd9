"""What python-desfire does with a card: `pn532 PTY` or `pcsc`; every line printed is checked."""

import sys
from importlib.metadata import version

from desfire import DESFire, DESFireKey, PCSCDevice, PN532UARTDevice
from desfire.enums import (
    DESFireCommunicationMode,
    DESFireFileType,
    DESFireKeySettings,
    DESFireKeyType,
)
from desfire.schemas import FilePermissions, FileSettings, KeySettings

APPLICATION = "0F4810"
PLAIN, ENCRYPTED = DESFireCommunicationMode.PLAIN, DESFireCommunicationMode.ENCRYPTED


def opened(way, *path):
    if way == "pn532":
        device = PN532UARTDevice(*path, baudrate=115200, timeout=0.3)  # of every read
        device.wait_for_card(timeout=150)
        return DESFire(device)
    from virtual_reader import connected

    return DESFire(PCSCDevice(connected()))


def key(kind, value):
    settings = KeySettings(key_type=kind, settings=[DESFireKeySettings.KS_FACTORY_DEFAULT])
    return DESFireKey(settings, value)


def zero(kind=DESFireKeyType.DF_KEY_AES):
    return key(kind, bytes(8 if kind == DESFireKeyType.DF_KEY_2K3DES else 16))


def main(*way):
    print(f"python-desfire {version('python-desfire')}, {way[0]}")
    card = opened(*way)
    print("uid:", bytes(card.get_card_version().uid).hex())
    card.select_application(0)
    card.authenticate(0, zero(DESFireKeyType.DF_KEY_2K3DES))
    print("real uid:", bytes(card.get_real_uid()).hex())
    settings = KeySettings(
        key_type=DESFireKeyType.DF_KEY_AES, settings=[DESFireKeySettings.KS_FACTORY_DEFAULT]
    )
    card.create_application(APPLICATION, settings, 3)
    card.select_application(APPLICATION)
    card.authenticate(0, zero())
    new = bytes(range(16))
    card.change_key(1, zero(), key(DESFireKeyType.DF_KEY_AES, new), 7)
    print("version of key 1:", card.get_key_version(1))
    card.change_key(0, zero(), key(DESFireKeyType.DF_KEY_AES, new), 8)
    card.authenticate(0, key(DESFireKeyType.DF_KEY_AES, new))

    def create(number, mode, key_no):
        permissions = FilePermissions(key_no, key_no, key_no, 0)
        kind = DESFireFileType.MDFT_STANDARD_DATA_FILE
        card.create_standard_file(number, FileSettings(mode, kind, permissions, 40))

    def rewrite(number, mode):
        settings = card.get_file_settings(number)
        card.write_file_data(number, 2, mode, list(b"written by others"))
        print(f"file {number}:", bytes(card.read_file_data(number, settings)).hex())

    create(1, PLAIN, 0xE)
    create(2, ENCRYPTED, 0)
    rewrite(2, ENCRYPTED)
    card.select_application(APPLICATION)  # in a session it takes the MAC of plain data for data
    card.is_authenticated = False
    rewrite(1, PLAIN)
    card.authenticate(0, key(DESFireKeyType.DF_KEY_AES, new))
    print("files:", sorted(card.get_file_ids()))


main(*sys.argv[1:])
