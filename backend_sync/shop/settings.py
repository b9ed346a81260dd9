"""`shop.toml` beside the ledger: where this shop is, and which payment page it sends people to.

Strict: a word too many or too few is an error that names it. Without the file the shop shows cards
and sells nothing.

    address = "https://cards.example"        # of this shop, as browsers and the provider reach it
    [payment]
    page = "https://pay.example/pay"         # the provider's page
    merchant = "town"                        # our name there
    key_file = "shop.key"                    # beside this file: 32 bytes or more, in hex
    minutes = 20                             # how long an order can be paid
"""

import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

FILE, KEY_FILE = "shop.toml", "shop.key"
KEY_BYTES = 32
MINUTES_MOST = 24 * 60
MERCHANT = re.compile(r"[a-z0-9-]{1,32}")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
WANTED: dict[str, type] = {"address": str, "payment": dict}
OF_PAYMENT: dict[str, type] = {"page": str, "merchant": str, "key_file": str, "minutes": int}


class SettingsError(Exception):
    """The settings cannot be used; the message names the file, the word and what was wanted."""


class Settings(NamedTuple):
    """What `shop.toml` says; `key` is what both sides sign with."""

    address: str
    page: str
    merchant: str
    key: bytes
    minutes: int


def read_settings(folder: Path) -> Settings | None:
    """Return the settings of a ledger's folder, None without a file. Raises: SettingsError."""
    path = folder / FILE
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: {error}") from None
    _check(path, "", said, WANTED)
    payment = said["payment"]
    _check(path, "payment.", payment, OF_PAYMENT)
    for name, text in (("address", said["address"]), ("payment.page", payment["page"])):
        _check_address(path, name, text)
    if not MERCHANT.fullmatch(payment["merchant"]):
        raise SettingsError(f"{path}: payment.merchant {payment['merchant'][:40]!r}: wanted 1 to 32"
                            " of a-z, 0-9 and -")  # fmt: skip
    if not 1 <= payment["minutes"] <= MINUTES_MOST:
        raise SettingsError(f"{path}: payment.minutes {payment['minutes']}: wanted 1 to"
                            f" {MINUTES_MOST}")  # fmt: skip
    key = read_key(folder / payment["key_file"])
    return Settings(said["address"].rstrip("/"), payment["page"], payment["merchant"], key,
                    payment["minutes"])  # fmt: skip


def read_key(path: Path) -> bytes:
    """Return the key of a file. Raises: SettingsError, which never says what is in it."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "no hex digits"
        raise SettingsError(f"{path}: {said}; wanted {KEY_BYTES} bytes or more in hex") from None
    if len(key) < KEY_BYTES:
        raise SettingsError(f"{path}: {len(key)} bytes, wanted {KEY_BYTES} or more, in hex")
    return key


def write_settings(
    folder: Path, address: str, page: str, merchant: str, random_bytes: Callable[[int], bytes]
) -> Settings:
    """Write both files, a new key among them, where neither is; return what they say.

    Raises: SettingsError; then neither is there that was not before.
    """
    path, key = folder / FILE, folder / KEY_FILE
    for name, text in (("address", address), ("payment.page", page)):
        _check_address(path, name, text)
    if not MERCHANT.fullmatch(merchant):
        raise SettingsError(f"merchant {merchant[:40]!r}: wanted 1 to 32 of a-z, 0-9 and -")
    for one in (path, key):
        if one.exists():
            raise SettingsError(f"{one}: is there already; change it by hand")
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(random_bytes(KEY_BYTES).hex() + "\n")
    path.write_text(
        f'address = "{address}"\n\n[payment]\npage = "{page}"\nmerchant = "{merchant}"\n'
        f'key_file = "{KEY_FILE}"\nminutes = 20\n', encoding="utf-8",
    )  # fmt: skip
    found = read_settings(folder)
    assert found is not None
    return found


def _check(path: Path, where: str, said: dict[str, Any], wanted: dict[str, type]) -> None:
    unknown, lacking = sorted(said.keys() - wanted.keys()), sorted(wanted.keys() - said.keys())
    if unknown or lacking:
        words = [f"{where}{name}: not known" for name in unknown]
        words += [f"{where}{name}: is missing" for name in lacking]
        raise SettingsError(f"{path}: {'; '.join(words)}")
    for name, kind in wanted.items():
        if type(said[name]) is not kind:
            raise SettingsError(f"{path}: {where}{name}: {said[name]!r}, wanted a {kind.__name__}")


def _check_address(path: Path, name: str, text: str) -> None:
    """Payments travel over TLS; only at this machine itself, for trying, they need not."""
    try:
        parts = urlsplit(text)
        fits = bool(parts.hostname) and not parts.query and not parts.fragment
        fits = fits and not parts.username and not re.search(r"[\s\"'\\<>]", text)
        fits = fits and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    else:
        fits = fits and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        )
    if not fits:
        raise SettingsError(f"{path}: {name} {text[:80]!r}: wanted https://HOST..., or http:// at"
                            " this machine")  # fmt: skip
