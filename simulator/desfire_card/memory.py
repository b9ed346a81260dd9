"""EEPROM accounting in blocks of 32 bytes. The sizes are assumptions [A]: NXP publishes none."""

from simulator.desfire_card.image import Application, DataFile, File, Image, ValueFile

BLOCK_BYTES = 32
# What a formatted card says is free. Owners of 4 and 8 KiB cards published 4864 and 7936 [P];
# the 2 KiB figure is a guess [?].
FORMATTED_FREE_BYTES = {2048: 2304, 4096: 4864, 8192: 7936}


def free_bytes(image: Image) -> int:
    """Return what FreeMem reports."""
    used = sum(map(application_bytes, image.applications.values()))
    return FORMATTED_FREE_BYTES[image.storage_bytes] - used


def application_bytes(app: Application) -> int:
    """Return the memory of an application: a head, its keys, its files."""
    keys = _blocks(sum(len(key.value) for key in app.keys))
    return BLOCK_BYTES + keys + sum(map(file_bytes, app.files.values()))


def file_bytes(file: File) -> int:
    """Return the memory of a file: a head and its content, doubled for backup files."""
    if isinstance(file, ValueFile):
        return 2 * BLOCK_BYTES
    if isinstance(file, DataFile):
        return BLOCK_BYTES + _blocks(len(file.data)) * (2 if file.backup else 1)
    return BLOCK_BYTES + _blocks(file.record_bytes * file.records_max)


def _blocks(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES
