"""A counter or machine that sells single tickets: its key, its certificate, the tariff it sells by.

The station's file is what `tornello keyring provision FOLDER DEVICE --kind counter` prints, the
certificate's what `tornello keyring certificate FOLDER DEVICE` prints. Source: D9, D10.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from card_layouts.crypto.ed25519_cpython import public_native, sign_native
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader
from card_layouts.tickets.single import (
    CERTIFICATE_BYTES,
    CERTIFIED_BYTES,
    encode_code,
    read_certificate,
    single_message,
)
from edge_agent.counter.desk import CounterError
from edge_agent.counter.key_files import read_key_file

STATION = "wanted what `tornello keyring provision FOLDER DEVICE --kind counter` prints"
CERTIFICATE = "wanted what `tornello keyring certificate FOLDER DEVICE` prints"
TARIFF = "wanted a package of `tornello tariff compile`"
SEED_BYTES = 32


@dataclass(frozen=True)
class TicketStation:
    """One seller: `certified` are the 106 bytes in force, `seller` their fields."""

    device: int
    seed: bytes = field(repr=False)
    certified: bytes
    seller: dict[str, Any]

    def code(self, body: bytes) -> str:
        """Return the code of a ticket, signed."""
        signature = sign_native(self.seed, bytes(single_message(body)))
        return str(encode_code(body, signature, self.certified))


def read_station(station: Path, certificate: Path) -> TicketStation:
    """Read both files. Raises: CounterError when one is none, or they are not of one device."""
    try:
        found = json.loads(read_key_file(station, STATION))
        device, seed = int(found["device"]), bytes.fromhex(found["ticket"]["seed"])
        if len(seed) != SEED_BYTES:
            raise ValueError
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise CounterError(f"{station}: no station that sells tickets; {STATION}") from None
    certified = _certified(certificate)
    seller = read_certificate(certified[:CERTIFICATE_BYTES])
    if seller["device"] != device or seller["public"] != public_native(seed):
        raise CounterError(
            f"{certificate}: certifies device {seller['device']}, {station} is device {device}"
        )
    return TicketStation(device, seed, certified, seller)


def _certified(path: Path) -> bytes:
    try:
        certified = bytes.fromhex(_json(path)["certificate"])
        if len(certified) != CERTIFIED_BYTES:
            raise LayoutError(f"{len(certified)} bytes")
        read_certificate(certified[:CERTIFICATE_BYTES])
        return certified
    except (ValueError, KeyError, TypeError) as error:
        raise CounterError(f"{path}: no certificate ({error}); {CERTIFICATE}") from None


def read_signers(path: Path) -> dict[int, bytes]:
    """Return {authority: public key} of a file with "signers". Raises: CounterError."""
    try:
        found = {int(a): bytes.fromhex(key) for a, key in _json(path)["signers"].items()}
        if not found or any(len(key) != 32 for key in found.values()):
            raise ValueError("no keys of 32 bytes")
        if not all(0 <= authority <= 255 for authority in found):
            raise ValueError("authorities are 0..255")
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CounterError(f"{path}: no authorities' keys ({error}); {CERTIFICATE}") from None


def read_tariff_package(path: Path) -> Tariff:
    """Return the mounted package in a file. Raises: CounterError."""
    try:
        tariff = Tariff(memory_reader(path.read_bytes()))
        tariff.mount()
        return tariff
    except OSError as error:
        raise CounterError(f"{path}: {error.strerror}; {TARIFF}") from None
    except (LayoutError, RangeError, IndexError) as error:
        raise CounterError(f"{path}: {error}; {TARIFF}") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CounterError(f"{path}: {error.strerror}; {CERTIFICATE}") from None
    except RecursionError:
        raise CounterError(f"{path}: nested too deep; {CERTIFICATE}") from None
