"""The payment port: a page of somebody else's, asked and answering in signed words.

    out      GET page?merchant&order&cents&currency&ends&language&back&told&signature
    back     the browser comes to `back` with merchant, order, payment, status, cents, currency,
             at and signature added
    told     the provider POSTs the same fields as JSON to `told`, again until he gets 200

`signature` is HMAC-SHA256 in hex, under the key that both have, over the kind ("pay" or "told") and
the fields sorted by name, "name=value" a line. `status` is paid, cancelled or refunded; times are
Unix seconds. No field names a card. Pure: it neither sends nor keeps. Source: W-143.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

from backend_sync.shop.settings import Settings
from card_layouts.codec.timestamps import SECOND_MAX, to_unix

CURRENCY = "EUR"
PAID, CANCELLED, REFUNDED = "paid", "cancelled", "refunded"
STATUSES = (PAID, CANCELLED, REFUNDED)
RETURN, NOTIFY = "/shop/payments/return", "/shop/payments/told"
FIELDS = ("merchant", "order", "payment", "status", "cents", "currency", "at")
FIELD_MOST = 200
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
NUMBER = re.compile(r"[0-9]{1,12}")
LONE = re.compile(r"[\ud800-\udfff]")


class Forged(Exception):
    """These words are not the provider's; nothing was done."""


class Told(NamedTuple):
    """What the provider says of a payment; `at` in seconds since 2020."""

    ref: str
    payment: str
    status: str
    cents: int
    at: int


class Payments(Protocol):
    """Another way of paying brings another one of these."""

    minutes: int

    def link(self, ref: str, cents: int, ends: int, language: str) -> str:
        """Return the address that a browser is sent to, to pay an order until `ends`."""

    def read(self, fields: Mapping[str, object]) -> Told:
        """Return what was said, by a browser that comes back or by the provider himself.

        Raises: Forged.
        """


class PaymentPage:
    """The hosted page that `shop.toml` names."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.minutes = settings.minutes

    def link(self, ref: str, cents: int, ends: int, language: str) -> str:
        said = self.settings
        fields = {
            "merchant": said.merchant, "order": ref, "cents": str(cents), "currency": CURRENCY,
            "ends": str(to_unix(ends)), "language": language, "back": said.address + RETURN,
            "told": said.address + NOTIFY,
        }  # fmt: skip
        return f"{said.page}?{urlencode({**fields, 'signature': sign(said.key, 'pay', fields)})}"

    def read(self, fields: Mapping[str, object]) -> Told:
        if set(fields) != {*FIELDS, "signature"}:
            raise Forged("fields: wanted " + ", ".join((*FIELDS, "signature")))
        words = {name: str(fields[name]) for name in FIELDS}
        if max(map(len, words.values())) > FIELD_MOST:
            raise Forged(f"a field is longer than {FIELD_MOST}")
        if any(LONE.search(str(fields[name])) for name in fields):
            raise Forged("a field holds half a character")  # JSON can write what UTF-8 cannot
        wanted = sign(self.settings.key, "told", words)
        if not hmac.compare_digest(wanted.encode(), str(fields["signature"]).encode()):
            raise Forged("signature: not the provider's")
        return self._understood(words)

    def _understood(self, words: dict[str, str]) -> Told:
        """Read words that are the provider's, and may be for somebody else."""
        said = self.settings
        if (words["merchant"], words["currency"]) != (said.merchant, CURRENCY):
            raise Forged("merchant and currency are another's")
        if words["status"] not in STATUSES or not NAME.fullmatch(words["payment"]):
            raise Forged("payment or status: not understood")
        if not (NAME.fullmatch(words["order"]) and NUMBER.fullmatch(words["cents"])):
            raise Forged("order or cents: not understood")
        at = int(words["at"]) - to_unix(0) if NUMBER.fullmatch(words["at"]) else -1
        if not 0 <= at <= SECOND_MAX:
            raise Forged("at: wanted Unix seconds")
        return Told(words["order"], words["payment"], words["status"], int(words["cents"]), at)


def sign(key: bytes, kind: str, fields: Mapping[str, str]) -> str:
    """Return the signature of fields; no value may hold a line's end."""
    lines = [kind, *(f"{name}={fields[name]}" for name in sorted(fields) if name != "signature")]
    text = "\n".join(lines)
    if text.count("\n") != len(lines) - 1:
        raise Forged("a field holds the end of a line")
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
