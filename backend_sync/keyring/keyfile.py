"""The key file: every secret of the scheme, in one JSON file of mode 0600. Pilot only.

It must not know cards or devices (the register does) nor how keys are used. Source: decisions
D10 (masters per scheme and generation, K_root), D11 (K_L, K_E), D16 and D18 (signing keys);
trust.md section 5.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

NOTICE = "PILOT ONLY: software keys. Whoever reads this file can charge cards and sign packages."
MASTERS = ("K0", "K1", "K2", "K3", "K4", "PICC")
TICKET = "TICKET"  # of the tourist tickets; a generation made without it has none
FORMAT = 1
MASTERS_FORMAT = "tornello-masters-1"
AID_MAX = 0xFFFF
GENERATION_MAX = 15  # four bits of the application's number (D3)

# What JSON of another shape raises on its way to Keys; brackets without end, too.
_UNFIT = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class KeyFileError(Exception):
    """The key file cannot be used; the message says which one, what was found and wanted."""


class Keys(NamedTuple):
    """The secrets: 32 bytes each, the masters 16, signing keys as Ed25519 seeds."""

    root: bytes
    pseudonym_ledger: bytes  # K_L
    pseudonym_events: bytes  # the root of K_E: pseudonyms of events, later work
    at_rest: bytes  # wraps what the register must keep secret
    ledger_seed: bytes
    authority_seeds: dict[int, bytes]  # 0 is the scheme itself
    masters: dict[int, dict[str, bytes]]  # generation -> name -> 16 B
    aid: int  # the 16 function bits of the application's number


def make_keys(authorities: list[int], generation: int = 1, aid: int = 0, seed: str = "") -> Keys:
    """Make all keys anew: from the system's randomness, or from `seed` for demos and tests."""
    draw = _drawer(seed)
    return Keys(
        root=draw("root", 32),
        pseudonym_ledger=draw("K_L", 32),
        pseudonym_events=draw("K_E", 32),
        at_rest=draw("at rest", 16),
        ledger_seed=draw("ledger", 32),
        authority_seeds={a: draw(f"authority {a}", 32) for a in sorted({0, *authorities})},
        masters={
            generation: {name: draw(f"{generation} {name}", 16) for name in (*MASTERS, TICKET)}
        },
        aid=aid,
    )


def with_masters(keys: Keys, path: Path) -> Keys:
    """Return `keys` with the masters of a master key file (`tornello card ceremony join`) alone.

    Raises: KeyFileError when the file is absent, open to others, or no master key file.
    """
    text = _private_text(path)
    try:
        found = json.loads(text)
        if found["format"] != MASTERS_FORMAT:
            raise ValueError(f"format {found['format']!r}, wanted {MASTERS_FORMAT!r}")
        generation = _number(str(found["generation"]), GENERATION_MAX)
        rows = {name: _secret(name, found["masters"][name], 16) for name in (*MASTERS, TICKET)}
    except _UNFIT as error:
        raise KeyFileError(f"{path}: no master key file ({type(error).__name__})") from None
    return keys._replace(masters={generation: rows})


def _drawer(seed: str) -> Callable[[str, int], bytes]:
    if not seed:
        return lambda label, size: secrets.token_bytes(size)
    key = hashlib.sha256(b"tornello keys|" + seed.encode()).digest()
    return lambda label, size: hmac.digest(key, label.encode(), "sha256")[:size]


def write_keys(path: Path, keys: Keys) -> None:
    """Write a new key file, readable by its owner alone.

    Raises: KeyFileError when the file is there already: keys are never overwritten.
    """
    text = json.dumps(_to_json(keys), indent=1) + "\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path}: exists already; keys are never overwritten") from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_keys(path: Path) -> Keys:
    """Read a key file.

    Raises: KeyFileError when it is absent, open to others, or does not fit its format.
    """
    text = _private_text(path)
    try:
        return _from_json(json.loads(text))
    except _UNFIT as error:
        # Never the text itself: it is made of keys.
        raise KeyFileError(f"{path}: not a key file ({type(error).__name__}: {error})") from None


def _private_text(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: byte {error.start} is no ASCII text") from None
    if mode & 0o077:
        raise KeyFileError(f"{path}: mode {mode:04o} lets others read the keys, wanted 0600")
    return text


def _to_json(keys: Keys) -> dict[str, Any]:
    return {
        "notice": NOTICE,
        "format": FORMAT,
        "root": keys.root.hex(),
        "K_L": keys.pseudonym_ledger.hex(),
        "K_E": keys.pseudonym_events.hex(),
        "at_rest": keys.at_rest.hex(),
        "ledger": keys.ledger_seed.hex(),
        "authorities": {str(a): seed.hex() for a, seed in keys.authority_seeds.items()},
        "generations": {
            str(generation): {name: key.hex() for name, key in masters.items()}
            for generation, masters in keys.masters.items()
        },
        "aid": keys.aid,
    }


def _from_json(found: Mapping[str, Any]) -> Keys:
    if found["format"] != FORMAT:
        raise ValueError(f"format {found['format']}, wanted {FORMAT}")
    masters = {
        _number(generation, 255): {
            name: _secret(f"{generation}.{name}", rows[name], 16)
            for name in (*MASTERS, TICKET)
            if name != TICKET or name in rows
        }
        for generation, rows in found["generations"].items()
    }
    return Keys(
        root=_secret("root", found["root"], 32),
        pseudonym_ledger=_secret("K_L", found["K_L"], 32),
        pseudonym_events=_secret("K_E", found["K_E"], 32),
        at_rest=_secret("at_rest", found["at_rest"], 16),
        ledger_seed=_secret("ledger", found["ledger"], 32),
        authority_seeds={
            _number(a, 255): _secret(f"authorities.{a}", seed, 32)
            for a, seed in found["authorities"].items()
        },
        masters=masters,
        aid=_aid(found["aid"]),
    )


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise ValueError(f"number {text!r}, wanted 0..{most}")
    return int(text)


def _aid(found: Any) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= AID_MAX:
        raise ValueError(f"aid {found!r}, wanted 0..{AID_MAX}")
    return found


def _secret(name: str, text: str, size: int) -> bytes:
    try:
        secret = bytes.fromhex(text)
    except (ValueError, TypeError):
        raise ValueError(f"{name}: not hexadecimal") from None
    if len(secret) != size:
        raise ValueError(f"{name}: {len(secret)} bytes, wanted {size}")
    return secret
