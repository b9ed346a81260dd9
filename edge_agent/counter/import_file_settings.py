"""The answer to GetFileSettings, as dumps carry it, and what was read of the file.

Source: desfire.md command table (F5): type, mode, rights 2 (least significant byte first), then
size 3 | limits 4 4, limited credit 4, flags 1 | record size 3, most 3, now 3.
"""

from typing import Any

from edge_agent.counter.card_contents import (
    DATA_KINDS,
    KINDS,
    RECORD_KINDS,
    SIZE_MAX,
    UNKNOWN_KIND,
    VALUE,
    CardFile,
    CardImageError,
)

SETTINGS_BYTES = {"standard": 7, "backup": 7, "value": 17, "linear": 13, "cyclic": 13}
DAMAGED = "the dump is damaged or not complete"


def settings_of(raw: bytes, where: str) -> dict[str, Any]:
    """Return the fields of a CardFile that the settings tell. Raises: CardImageError."""
    if not raw or raw[0] >= len(KINDS):
        found = raw[:1].hex() or "nothing"
        raise CardImageError(f"{where}: file type {found}, wanted 00..04; {DAMAGED}")
    kind = KINDS[raw[0]]
    if len(raw) != SETTINGS_BYTES[kind]:
        raise CardImageError(
            f"{where}: {len(raw)} bytes of settings, a {kind} file has {SETTINGS_BYTES[kind]};"
            f" {DAMAGED}"
        )
    fields: dict[str, Any] = {
        "kind": kind,
        "comm": raw[1] & 3,
        "rights": int.from_bytes(raw[2:4], "little"),
    }
    if kind == VALUE:
        names = ("lower", "upper", "limited_credit")
        for at, name in zip((4, 8, 12), names, strict=True):
            fields[name] = int.from_bytes(raw[at : at + 4], "little", signed=True)
        fields["limited_enabled"] = bool(raw[16] & 1)
        # Not every card tells in this bit that reading the value is free.
        fields["free_get"] = True if raw[16] & 2 else None
        return fields
    fields["size_bytes"] = int.from_bytes(raw[4:7], "little")
    if kind in RECORD_KINDS:
        fields["records_max"] = int.from_bytes(raw[7:10], "little")
        fields["records_now"] = int.from_bytes(raw[10:13], "little")
    return fields


def file_of(
    number: int, fields: dict[str, Any], data: bytes | None, unread: str, where: str
) -> CardFile:
    """Return the file with these settings and contents; `unread` says why there are none.

    Raises: CardImageError if the contents do not fit the settings.
    """
    fields = dict(fields)
    now = fields.pop("records_now", None)
    kind = fields["kind"]
    if kind in RECORD_KINDS:
        for name, words in (("size_bytes", "bytes a record"), ("records_max", "records at most")):
            if not 1 <= fields[name] <= SIZE_MAX:
                raise CardImageError(
                    f"{where}: the settings say {fields[name]} {words}, wanted 1..{SIZE_MAX};"
                    f" {DAMAGED}"
                )
    if kind in RECORD_KINDS and now == 0:
        # A card refuses to read an empty record file, so no program has data of one.
        return CardFile(number, **fields, records=())
    if data is None:
        return CardFile(number, **fields, unread=unread or "not in the dump")
    if kind == VALUE:
        if len(data) != 4:
            raise CardImageError(f"{where}: {len(data)} bytes, a value has 4; {DAMAGED}")
        return CardFile(number, **fields, value=int.from_bytes(data, "little", signed=True))
    size = fields["size_bytes"]
    if kind in DATA_KINDS:
        if len(data) != size:
            raise CardImageError(f"{where}: {len(data)} bytes, the settings say {size}; {DAMAGED}")
        return CardFile(number, **fields, data=data)
    if len(data) % size or (now is not None and len(data) != now * size):
        raise CardImageError(
            f"{where}: {len(data)} bytes, the settings say {now} records of {size}; {DAMAGED}"
        )
    records = tuple(data[at : at + size] for at in range(0, len(data), size))
    return CardFile(number, **fields, records=records)


def file_without_settings(number: int, data: bytes | None, unread: str) -> CardFile:
    """Return a file whose settings the card did not give."""
    size = None if data is None else len(data)
    return CardFile(number, UNKNOWN_KIND, size_bytes=size, data=data, unread=unread)
