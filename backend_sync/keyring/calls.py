"""From a request on the socket to a call of the keyring: checks shapes, then asks.

A client that sends nonsense is refused with a sentence that says where; it never reaches code
that trusts its callers. Source: decision D11.
"""

from typing import Any

from backend_sync.keyring.local import LocalKeyring
from backend_sync.ports import KeyringRefused, Question, Run
from card_layouts.settlement.batch import HASH_BYTES

SLOTS_MAX = 50_000  # in one request: ten groups of the ledger
ITEMS_MAX = 1_000_000


class Calls:
    """The five calls by name, for the server."""

    def __init__(self, keyring: LocalKeyring) -> None:
        self.keyring = keyring

    def answer(self, call: str, arguments: Any) -> Any:
        """Return the call's result. Raises: KeyringRefused."""
        if call == "unseal":
            return self.keyring.unseal(_runs(arguments))
        if call == "pseudonyms":
            return self.keyring.pseudonyms(_byte_strings("pseudonyms", arguments))
        if call == "recompute":
            return self.keyring.recompute(_questions(arguments))
        if call == "assemble":
            kind, request = _kind_and(call, arguments, dict)
            if kind == "settled":
                _settled(request.get("batches"))
            return self.keyring.assemble(kind, request)
        if call == "sign":
            kind, items = _kind_and(call, arguments, list)
            return self.keyring.sign(kind, _items(kind, items))
        raise KeyringRefused(f"no call is named {call[:40]!r}")


def _runs(arguments: Any) -> list[Run]:
    runs: list[Run] = []
    slots_seen = 0
    for index, row in enumerate(_list("unseal", arguments)):
        place = f"unseal.runs[{index}]"
        if len(_list(place, row)) != 5:
            raise KeyringRefused(f"{place}: {len(row)} parts, wanted 5")
        device, epoch, first_seq, h_before, slots = row
        for name, value in (("device", device), ("epoch", epoch), ("first_seq", first_seq)):
            _number(f"{place}.{name}", value)
        slots_seen += len(_byte_strings(f"{place}.slots", slots))
        runs.append((device, epoch, first_seq, _bytes(f"{place}.H_before", h_before), slots))
    if slots_seen > SLOTS_MAX:
        raise KeyringRefused(f"unseal: {slots_seen} slots, at most {SLOTS_MAX}")
    return runs


def _questions(arguments: Any) -> list[Question]:
    questions: list[Question] = []
    for index, row in enumerate(_list("recompute", arguments)):
        place = f"recompute[{index}]"
        if len(_list(place, row)) != 3:
            raise KeyringRefused(f"{place}: {len(row)} parts, wanted 3")
        records = [_record(f"{place}.records", record) for record in _list(place, row[2])]
        questions.append((_bytes(place, row[0]), _bytes(place, row[1]), records))
    return questions


def _record(place: str, found: Any) -> tuple[int, int, bytes]:
    if len(_list(place, found)) != 3:
        raise KeyringRefused(f"{place}: {len(found)} parts, wanted (device, epoch, first 36 bytes)")
    return _number(place, found[0]), _number(place, found[1]), _bytes(place, found[2])


def _settled(batches: Any) -> None:
    for index, row in enumerate(_list("assemble.settled.batches", batches)):
        place = f"assemble.settled.batches[{index}]"
        if len(_list(place, row)) != 2:
            raise KeyringRefused(f"{place}: {len(row)} parts, wanted (number, SHA-256)")
        if not _number(place, row[0]):
            raise KeyringRefused(f"{place}: batch 0, wanted 1 or more")
        if len(_bytes(place, row[1])) != HASH_BYTES:
            raise KeyringRefused(f"{place}: hash of {len(row[1])} bytes, wanted {HASH_BYTES}")


def _items(kind: str, items: list[Any]) -> list[Any]:
    if kind == "settlement":
        return list(_byte_strings("sign.settlement", items))
    for index, item in enumerate(items):
        place = f"sign.{kind}[{index}]"
        if kind == "manifest":
            if len(_list(place, item)) != 2:
                raise KeyringRefused(f"{place}: wanted (device, values)")
            _number(place, item[0])
            item = item[1]
        if not isinstance(item, dict):
            raise KeyringRefused(f"{place}: {type(item).__name__}, wanted values by name")
        for name in ("device", "epoch") if kind == "ack" else ():
            _number(f"{place}.{name}", item.get(name))
    return items


def _kind_and(call: str, arguments: Any, wanted: type) -> tuple[str, Any]:
    if len(_list(call, arguments)) != 2 or not isinstance(arguments[0], str):
        raise KeyringRefused(f"{call}: wanted [kind, {wanted.__name__}]")
    if not isinstance(arguments[1], wanted):
        raise KeyringRefused(f"{call}: {type(arguments[1]).__name__}, wanted {wanted.__name__}")
    return arguments[0], arguments[1]


def _list(place: str, found: Any) -> list[Any]:
    if not isinstance(found, list) or len(found) > ITEMS_MAX:
        raise KeyringRefused(
            f"{place}: {type(found).__name__}, wanted a list of at most {ITEMS_MAX}"
        )
    return found


def _byte_strings(place: str, found: Any) -> list[bytes]:
    return [_bytes(place, item) for item in _list(place, found)]


def _bytes(place: str, found: Any) -> bytes:
    if not isinstance(found, bytes):
        raise KeyringRefused(f"{place}: {type(found).__name__}, wanted bytes")
    return found


def _number(place: str, found: Any) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 1 << 30:
        raise KeyringRefused(f"{place}: {found!r}, wanted a number of 30 bits")
    return found
