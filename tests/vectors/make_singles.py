"""What singles.json holds: codes of single tickets made without the code they are to check.

Bits are joined as text, signatures come from the `cryptography` package, base45 is written here a
second time from RFC 9285. Each refused row differs from the good ticket in one thing.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED = hashlib.sha256(b"vector seller").digest()
AUTHORITY = hashlib.sha256(b"vector authority").digest()
STRANGER = hashlib.sha256(b"vector stranger").digest()
DAY = 2345
TICKET: list[tuple[str, int, int]] = [
    ("layout", 4, 1), ("kind", 4, 1), ("authority", 8, 244), ("device", 20, 4711),
    ("serial", 30, 123456), ("certificate", 16, 9), ("product", 10, 0), ("zones", 16, 0x6000),
    ("start_zone", 4, 1), ("line_only", 1, 0), ("line", 10, 17),
    ("from_minute", 25, DAY * 1440 + 700), ("minutes", 11, 90), ("night", 1, 0),
    ("group0", 4, 0), ("count0", 6, 2), ("group1", 4, 2), ("count1", 6, 1),
    ("group2", 4, 0), ("count2", 6, 0), ("group3", 4, 0), ("count3", 6, 0),
    ("price", 17, 890), ("tariff", 16, 7), ("free", 7, 0),
]  # fmt: skip
CERTIFICATE: list[tuple[str, int, int]] = [
    ("layout", 4, 1), ("kind", 4, 1), ("authority", 8, 244), ("device", 20, 4711),
    ("number", 16, 9), ("from_day", 14, DAY - 3), ("until_day", 14, DAY + 26),
]  # fmt: skip
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def make_singles() -> dict:
    """Return good codes, bad codes and base45 cases."""
    good = code()
    unreadable = [
        ["ticket of another layout", code(layout=2)],
        ["kind of another ticket", code(kind=2)],
        ["no authority", code(authority=0, cert={"authority": 0})],
        ["no serial", code(serial=0)],
        ["no time", code(minutes=0)],
        ["no zone", code(zones=0)],
        ["top bit of the zones", code(zones=0x8001)],
        ["nobody", code(count0=0, group0=0, count1=0, group1=0)],
        ["a group twice", code(group1=0)],
        ["groups fall", code(group0=3)],
        ["a group behind a gap", code(count0=0)],
        ["64 persons", code(count0=63)],
        ["another device's certificate", code(cert={"device": 4712})],
        ["another certificate", code(cert={"number": 8})],
        ["another authority's certificate", code(cert={"authority": 245})],
        ["certificate of another layout", code(cert={"layout": 2})],
        ["certificate for nobody", code(cert={"kind": 0})],
        ["certificate of 31 days", code(cert={"until_day": DAY + 28})],
        ["certificate of no day", code(cert={"until_day": DAY - 4})],
        ["one character less", good[:-1]],
        ["one character more", good + "0"],
        ["another mark", "TO2:" + good[4:]],
        ["small letters", "TO1:" + good[4:].lower()],
        ["three characters above 65535", good[:4] + ":::" + good[7:]],
        ["nothing", ""],
    ]
    return {
        "source": "make_singles.py with cryptography; base45 written from RFC 9285",
        "base45": [["", ""], ["4142", "BB8"], ["48656c6c6f2121", "%69 VD92EX0"],
                   ["626173652d3435", "UJCLQE7W581"], ["6965746621", "QED8WEX0"]],
        "base45_refused": ["A", "ABCD", "GGW", "::", "a00", "00\u00e9"],
        "seed": SEED.hex(),
        "public": _public(SEED),
        "authority": _public(AUTHORITY),
        "good": [[good, {name: value for name, _, value in TICKET if name != "free"}]],
        "unreadable": unreadable,
        "forged": [
            ["one cent less", _swapped(good, code(price=889), 0, 30)],
            ["another seller's key", code(seller=STRANGER)],
            ["an unknown authority's key", code(signer=STRANGER)],
            ["a ticket's signature under another", _swapped(good, code(serial=5), 30, 94)],
            ["a certificate's days moved", _swapped(good, code(cert={"until_day": DAY}), 94, 136)],
        ],
        "out_of_days": [code(cert={"from_day": DAY + 1}),
                        code(cert={"from_day": DAY - 9, "until_day": DAY - 1})],
    }  # fmt: skip


def code(
    cert: dict[str, int] | None = None,
    seller: bytes = SEED,
    signer: bytes = AUTHORITY,
    **changed: int,
) -> str:
    """Return the text of a ticket with fields changed."""
    body = _packed(TICKET, changed)
    public = bytes.fromhex(_public(SEED))
    certificate = _packed(CERTIFICATE, cert or {}) + public
    whole = body + _sign(seller, b"tornello single\0" + body)
    whole += certificate + _sign(signer, b"tornello certificate\0" + certificate)
    return "TO1:" + base45(whole)


def base45(data: bytes) -> str:
    """Return RFC 9285's text of `data`."""
    text = ""
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            text += ALPHABET[digit]
    return text


def _swapped(good: str, other: str, start: int, end: int) -> str:
    """Return a good code with the bytes start..end of another."""
    return "TO1:" + base45(_bytes(good)[:start] + _bytes(other)[start:end] + _bytes(good)[end:])


def _bytes(text: str) -> bytes:
    digits = [ALPHABET.index(letter) for letter in text[4:]]
    triples = (digits[i : i + 3] for i in range(0, len(digits), 3))
    return b"".join((a + 45 * b + 2025 * c).to_bytes(2, "big") for a, b, c in triples)


def _packed(fields: list[tuple[str, int, int]], changed: dict[str, int]) -> bytes:
    bits = "".join(format(changed.get(name, value), f"0{width}b") for name, width, value in fields)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _sign(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def _public(seed: bytes) -> str:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()
