"""Cards and applications for tests; every argument written in a test is the point of it."""

from simulator.desfire_card import DesfireCard, Image
from simulator.desfire_card.image import Application, CardKey, DataFile, RecordFile, ValueFile
from simulator.prng import Prng

UID = bytes.fromhex("04112233445566")
AID = bytes.fromhex("10480F")
KEYS = [bytes([0x10 * k + 1]) * 16 for k in range(5)]


def key(value: bytes, version: int = 0) -> CardKey:
    """Return an AES key."""
    return CardKey("AES", value, version)


def application(files=None, settings=0x0F, keys=KEYS) -> Application:
    """Return an application with five AES keys."""
    return Application(settings, "AES", [key(k) for k in keys], files=dict(files or {}))


def card(files=None, settings=0x0F, keys=KEYS, seed=1, **more) -> DesfireCard:
    """Return a card with one application holding `files`."""
    image = Image(UID, picc_key=key(bytes(16)))
    image.applications[AID] = application(files, settings, keys)
    return DesfireCard(image, Prng(seed).bytes, **more)


def value_file(value=5000, rights=0x1F2F, comm=3, lower=0, upper=30000, limited=False, free=False):
    """Return a value file; rights read/write/read+write/change."""
    return ValueFile(comm, rights, lower, upper, value, limited, free)


def data_file(size=44, rights=0x1F2F, comm=3, backup=True):
    """Return a data file of zeros."""
    return DataFile(backup, comm, rights, bytes(size))


def record_file(count=11, size=44, rights=0x321F, comm=3, cyclic=True, records=()):
    """Return a record file."""
    return RecordFile(cyclic, comm, rights, size, count, tuple(records))
