"""Trials of every cell of edge_agent's silicon_answers.py: scene, steps, the status to come.

Steps are separated by semicolons; all but the last must go well. A step is a frame in hex, `@app`,
`@auth KEY` (AES, key N of the application), `@picc` (AES), `@iso` and `@d40` (3DES, blank card),
`@enc CODE HEADER DATA` and `@plain CODE PARAMS` in that session, `-` for no bytes.
"""

from collections.abc import Callable
from dataclasses import replace

from simulator.desfire_card import DesfireCard, Image
from simulator.desfire_card.ciphers import BlockCipher, padded, xor
from simulator.desfire_card.image import Application, CardKey, DataFile, RecordFile, ValueFile
from simulator.desfire_card.memory import BLOCK_BYTES, free_bytes
from simulator.desfire_card.meter import ExchangeCount
from simulator.desfire_host import Host, StatusError
from simulator.prng import Prng

UID, AID, OTHER_AID = (bytes.fromhex(text) for text in ("04112233445566", "10480F", "020000"))
KEYS = [bytes([0x10 * number + 1]) * 16 for number in range(5)]
FREE, KEY_1, NEVER = 0xEEEE, 0x1111, 0xFFFF
PLAIN, MACED, ENCIPHERED = 0, 1, 3
GOOD = {"00", "AF", "9000", "9100", "91AF"}
RECORD = b"0123456789"


def trial_files() -> dict[int, DataFile | ValueFile | RecordFile]:
    """Return the files of the trial application: 1 to 5 free, 6 and on for key 1 or nobody."""
    value = ValueFile(PLAIN, FREE, 0, 1000, 500, True, False, 100)
    data = DataFile(False, PLAIN, FREE, bytes(100), 0x2002)
    records = RecordFile(False, PLAIN, FREE, 10, 3, (RECORD,), 0x2004)
    return {
        1: value,
        2: data,
        3: replace(data, backup=True, data=bytes(32), iso_fid=0x2003),
        4: records,
        5: replace(records, cyclic=True, iso_fid=0x2005),
        6: replace(data, comm=ENCIPHERED, rights=KEY_1, data=bytes(32), iso_fid=0x2006),
        7: replace(data, rights=NEVER, iso_fid=0x2007),
        8: replace(value, comm=ENCIPHERED, rights=KEY_1, limited_enabled=False),
        9: replace(records, comm=ENCIPHERED, rights=KEY_1, cyclic=True, iso_fid=0x2009),
        10: replace(value, rights=NEVER),
        11: replace(records, rights=NEVER, iso_fid=0x2011),
        12: replace(value, limited_enabled=False),
        13: replace(data, rights=0x1110, iso_fid=None),
        14: replace(records, records=(RECORD,) * 3, iso_fid=0x2014),
    }


def trial_image(settings: int = 0x0F, picc_settings: int = 0x0F) -> Image:
    """Return the EEPROM every trial but those of a blank card begins with."""
    image = Image(UID, picc_key=CardKey("AES", bytes(16)), picc_settings=picc_settings)
    keys = [CardKey("AES", value) for value in KEYS]
    image.applications[AID] = Application(settings, "AES", keys, True, 0x1001, b"", trial_files())
    image.applications[OTHER_AID] = Application(0x0F, "AES", [], True, 0x1002, b"TORNELLO")
    return image


def _many_applications() -> Image:
    image = trial_image()
    for number in range(3, 29):
        image.applications[bytes([number, 0, 0])] = Application(0x0F, "AES", [])
    return image


def _no_memory() -> Image:
    image = trial_image()
    rest = free_bytes(image) - BLOCK_BYTES
    image.applications[AID].files[20] = DataFile(False, PLAIN, FREE, bytes(rest))
    return image


SCENES: dict[str, Callable[[], Image]] = {
    "card": trial_image,
    "closed": lambda: trial_image(0x00, 0x00),
    "frozen": lambda: trial_image(0xF8),
    "many": _many_applications,
    "full": _no_memory,
    "blank": lambda: Image(UID),
    "fixed": lambda: replace(trial_image(), no_format=True),
}


class TrialFailed(Exception):
    """A step before the last did not go well."""


def run_trial(scene: str, steps: str) -> str:
    """Return the status, in hex, that the last step brought."""
    host = Host(DesfireCard(SCENES[scene](), Prng(7).bytes))
    *before, last = (step.strip() for step in steps.split(";"))
    for step in before:
        status = _status(host, step)
        if status not in GOOD:
            raise TrialFailed(f"{scene}: {step} was answered with {status}")
    return _status(host, last)


def _status(host: Host, step: str) -> str:
    if not step.startswith("@"):
        frame = bytes.fromhex(step)
        answer = host.raw(frame)
        if frame[:1] == b"\x00":
            return answer[-2:].hex().upper()
        if frame[:1] == b"\x90":
            return f"{answer[-1]:02X}" if answer[-2] == 0x91 else answer[-2:].hex().upper()
        return f"{answer[0]:02X}"
    word, *parts = step[1:].split()
    try:
        if word in ("challenge", "external"):
            return _iso_authenticate(host, word, bytes.fromhex("".join(parts)))
        _do(host, word, parts)
    except StatusError as error:
        return f"{error.status:02X}"
    return "00"


def _do(host: Host, word: str, parts: list[str]) -> None:
    data = [b"" if part == "-" else bytes.fromhex(part) for part in parts]
    if word == "auth":
        host.authenticate(data[0][0], KEYS[data[0][0]])
    elif word == "app":
        host.select(AID)
    elif word == "picc":
        host.authenticate(0, bytes(16))
    elif word == "iso":
        host.authenticate(0, bytes(16), code=0x1A)
    elif word == "d40":
        _authenticate_d40(host)
    elif word == "enc":
        host.enciphered(data[0][0], data[1], data[2])
    elif word == "plain":
        host.plain(data[0][0], b"".join(data[1:]))
    elif word == "key":
        host.change_key(data[0][0], data[1], 1)
    else:
        raise TrialFailed(f"@{word} is no step")


def _iso_authenticate(host: Host, word: str, data: bytes) -> str:
    """`@challenge LE` and `@external P1 P2`: the two halves of proving a key to the card."""
    if word == "challenge":
        answer = host.raw(b"\x00\x84\0\0" + data)
        host.challenge = answer[:-2]
    else:
        cipher = BlockCipher("AES", KEYS[(data[1] & 15) % len(KEYS)], ExchangeCount())
        clear = padded(bytes(len(host.challenge)) + host.challenge, 16)
        proof = cipher.cbc_encrypt(bytes(16), clear)
        answer = host.raw(b"\x00\x82" + data + bytes([len(proof)]) + proof)
    return answer[-2:].hex().upper()


def _authenticate_d40(host: Host) -> None:
    cipher = BlockCipher("2K3DES", bytes(16), ExchangeCount())
    rnd_b = cipher.decrypt(host.raw(b"\x0a\x00")[1:])
    first = cipher.decrypt(bytes(range(8)))
    second = cipher.decrypt(xor(first, rnd_b[1:] + rnd_b[:1]))
    answer = host.raw(b"\xaf" + first + second)
    if answer[0]:
        raise StatusError(answer[0])
