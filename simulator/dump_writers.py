"""Dumps of cards as Flipper, FareBot and Metrodroid write them, made from a card: nobody's files.

For tests and for fuzzing: each writer returns the bytes of a file.
"""

import base64
import json
from typing import Any
from xml.sax.saxutils import escape

from edge_agent.counter.card_contents import KINDS, RECORD_KINDS, VALUE

KIND_FLAGS = {"2K3DES": 0x0, "3K3DES": 0x4, "AES": 0x8}


def flipper(card: Any, version: int = 4, type_name: str = "Mifare DESFire") -> bytes:
    """Return a Flipper file."""
    lines = ["Filetype: Flipper NFC device", f"Version: {version}", "# made by a test"]
    lines += [f"Device type: {type_name}", f"UID: {_spaced(card.uid)}", "ATQA: 03 44", "SAK: 20"]
    if card.ats is not None:
        lines.append(f"ATS: {_spaced(card.ats)}")
    lines.append(f"PICC Version: {_spaced(card.version)}")
    if card.settings is not None:
        lines += _flipper_keys("PICC", card.settings, card.key_kind, None, (card.key_version,))
    lines.append(f"Application Count: {len(card.applications)}")
    if card.applications:
        lines.append(f"Application IDs: {_spaced(b''.join(a.aid for a in card.applications))}")
    for app in card.applications:
        name = f"Application {app.aid.hex()}"
        lines += _flipper_keys(name, app.settings, app.key_kind, app.iso_files, app.key_versions)
        if app.files:
            lines.append(f"{name} File IDs: {_spaced(bytes(f.number for f in app.files))}")
        for file in app.files:
            lines += _flipper_file(f"{name} File {file.number}", file)
    return ("\n".join(lines) + "\n").encode()


def _flipper_keys(
    name: str, settings: int, kind: str, iso_files: bool | None, versions: tuple[int, ...]
) -> list[str]:
    words = ("Key Changeable", "Free Directory List", "Free Create Delete", "Config Changeable")
    lines = [f"{name} Change Key ID: {settings >> 4:02X}"]
    for bit in (3, 2, 1, 0):
        lines.append(f"{name} {words[bit]}: {'true' if settings >> bit & 1 else 'false'}")
    lines.append(f"{name} Flags: {KIND_FLAGS[kind] | (2 if iso_files else 0):02X}")
    lines.append(f"{name} Max Keys: {len(versions):02X}")
    return lines + [f"{name} Key {i} Version: {v:02X}" for i, v in enumerate(versions)]


def _flipper_file(name: str, file: Any) -> list[str]:
    lines = [f"{name} Type: {KINDS.index(file.kind):02X}"]
    lines.append(f"{name} Communication Settings: {file.comm:02X}")
    lines.append(f"{name} Access Rights: {_spaced(file.rights.to_bytes(2, 'little'))}")
    if file.kind == VALUE:
        lines.append(f"{name} Hi Limit: {file.upper & 0xFFFFFFFF}")
        lines.append(f"{name} Lo Limit: {file.lower & 0xFFFFFFFF}")
        lines.append(f"{name} Limited Credit Value: {file.limited_credit & 0xFFFFFFFF}")
        lines.append(f"{name} Limited Credit Enabled: {str(file.limited_enabled).lower()}")
    else:
        lines.append(f"{name} Size: {file.size_bytes}")
    if file.kind in RECORD_KINDS:
        lines += [f"{name} Max: {file.records_max}", f"{name} Cur: {len(file.records)}"]
    data = read_bytes(file)
    return lines + ([f"{name}: {_spaced(data)}"] if data else [])


def farebot_json(card: Any, several: bool = False) -> bytes:
    """Return FareBot's JSON, the card in it once or twice."""
    one = {
        "cardType": "MifareDesfire",
        "tagId": b64(card.uid),
        "scannedAt": 1_790_000_000_000,
        "manufacturingData": {"data": b64(card.version)},
        "applications": [
            {
                "appId": int.from_bytes(app.aid, "big"),
                "files": [
                    {
                        "fileId": file.number,
                        "fileSettings": {"data": b64(settings_bytes(file))},
                        "fileData": b64(read_bytes(file)),
                    }
                    for file in app.files
                ],
            }
            for app in card.applications
        ],
    }
    return json.dumps({"cards": [one, one] if several else [one], "versionCode": 1}).encode()


def metrodroid_json(card: Any) -> bytes:
    """Return Metrodroid's JSON."""
    apps = {
        str(int.from_bytes(app.aid, "big")): {
            "files": {
                str(file.number): {
                    "settings": settings_bytes(file).hex(),
                    "data": read_bytes(file).hex(),
                }
                for file in app.files
            }
        }
        for app in card.applications
    }
    tree = {
        "tagId": card.uid.hex(),
        "scannedAt": {"timeInMillis": 1_790_000_000_000, "tz": "UTC"},
        "mifareDesfire": {"manufacturingData": card.version.hex(), "applications": apps},
    }
    return json.dumps(tree, indent=2).encode()


def new_xml(card: Any) -> bytes:
    """FareBot's present export: raw settings in Base64, no wrappers."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<card type="2" id="{card.uid.hex()}" scanned_at="1790000000000">')
    lines.append(f"<manufacturing-data>{b64(card.version)}</manufacturing-data>")
    for app in card.applications:
        lines.append(f'<application id="{int.from_bytes(app.aid, "big")}">')
        for file in app.files:
            lines.append(f'<file id="{file.number}">')
            lines.append(f"<settings>{b64(settings_bytes(file))}</settings>")
            lines.append(f"<data>{b64(read_bytes(file))}</data></file>")
        lines.append("</application>")
    return "\n".join([*lines, "</card>"]).encode()


def old_xml(card: Any) -> bytes:
    """The old export of FareBot and Metrodroid: settings element by element, wrappers."""
    lines = [f'<card type="2" id="{card.uid.hex()}" label="{escape("a<b")}" scanned_at="1">']
    lines += [*_old_version(card), "<applications>"]
    for app in card.applications:
        lines.append(f'<application id="{int.from_bytes(app.aid, "big")}"><files>')
        for file in app.files:
            data = f"<data>{b64(read_bytes(file))}</data>"
            lines.append(f'<file id="{file.number}">{_old_settings(file)}{data}</file>')
        lines.append("</files></application>")
    return "\n".join([*lines, "</applications></card>"]).encode()


def _old_version(card: Any) -> list[str]:
    names = ("vendor-id", "type", "sub-type", "major-version", "minor-version", "storage-size")
    fields: dict[str, int] = {}
    for half, part in enumerate(("hw", "sw")):
        for i, name in enumerate((*names, "protocol")):
            fields[f"{part}-{name}"] = card.version[7 * half + i]
    fields["uid"] = int.from_bytes(card.version[14:21], "big")
    fields["batch-no"] = int.from_bytes(card.version[21:26], "big")
    fields["week-prod"], fields["year-prod"] = card.version[26:]
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return [f"<manufacturing-data>{inner}</manufacturing-data>"]


def _old_settings(file: Any) -> str:
    fields: dict[str, Any] = {
        "filetype": KINDS.index(file.kind),
        "commsettings": file.comm,
        "accessrights": file.rights.to_bytes(2, "little").hex(),
    }
    if file.kind == VALUE:
        fields |= {"min": file.lower, "max": file.upper, "limitcredit": file.limited_credit}
        fields["limitcreditenabled"] = str(file.limited_enabled).lower()
    elif file.kind in RECORD_KINDS:
        fields |= {"recordsize": file.size_bytes, "maxrecords": file.records_max}
        fields["currecords"] = len(file.records)
    else:
        fields["filesize"] = file.size_bytes
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<settings>{inner}</settings>"


def settings_bytes(file: Any) -> bytes:
    """Return what GetFileSettings answers."""
    head = bytes((KINDS.index(file.kind), file.comm)) + file.rights.to_bytes(2, "little")
    if file.kind == VALUE:
        numbers = (file.lower, file.upper, file.limited_credit)
        body = b"".join(n.to_bytes(4, "little", signed=True) for n in numbers)
        return head + body + bytes((file.limited_enabled | file.free_get << 1,))
    sizes = [file.size_bytes]
    if file.kind in RECORD_KINDS:
        sizes += [file.records_max, len(file.records)]
    return head + b"".join(size.to_bytes(3, "little") for size in sizes)


def read_bytes(file: Any) -> bytes:
    """Return what reading the file answers; nothing for a record file without records."""
    if file.kind == VALUE:
        return int(file.value).to_bytes(4, "little", signed=True)
    return bytes(b"".join(file.records) if file.kind in RECORD_KINDS else file.data)


def _spaced(data: bytes) -> str:
    return data.hex(" ").upper()


def b64(data: bytes) -> str:
    """Return Base64 as text."""
    return base64.b64encode(data).decode()
