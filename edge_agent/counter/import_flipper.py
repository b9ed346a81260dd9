"""Flipper `.nfc` dumps: Mifare DESFire and the Ultralight family, file versions 2 to 4.

"Key: value" lines, "#" comments, bytes in hex with spaces. The format carries key settings and key
versions of applications, of value files neither the "free reading" flag nor FIDs.
Source: the format's public description (NfcFileFormats) and the program that writes it.
"""

import re
from typing import Any

from edge_agent.counter.card_contents import (
    KINDS,
    RECORD_KINDS,
    ULTRALIGHT_C_PAGES,
    VALUE,
    Card,
    CardApplication,
    CardFile,
    CardImageError,
    DesfireCard,
    UltralightCard,
)
from edge_agent.counter.import_file_settings import DAMAGED, file_of

FIRST_WORD = "Filetype:"
FILETYPE = "Flipper NFC device"
VERSIONS = (2, 3, 4)
DESFIRE_TYPES = ("Mifare DESFire", "Mifare Desfire")
ULTRALIGHT = "NTAG/Ultralight"
PAGES_MAX = 512  # NTAG I2C 2K has 492
# Upper nibble of the key count byte, as GetKeySettings gives it.
KEY_KINDS = {0x0: "2K3DES", 0x4: "3K3DES", 0x8: "AES"}
ISO_FILES_FLAG = 0x2
HEX_BYTES = re.compile(r"([0-9A-Fa-f]{2}\s*)*", re.ASCII)
NO_FILES = "the dump lists no files: there are none, or the card kept them to itself"


class Lines:
    """The lines of a dump by key; every error names the line."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self._lines: dict[str, tuple[int, str]] = {}
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            key, colon, value = line.partition(":")
            if not colon:
                raise CardImageError(
                    f"{where}: line {number}: found {line[:40]!r}, wanted `Key: value`; {DAMAGED}"
                )
            key = key.strip()
            if key in self._lines:
                raise CardImageError(f"{where}: line {number}: {key} a second time")
            self._lines[key] = number, value.strip()

    def __contains__(self, key: str) -> bool:
        return key in self._lines

    def at(self, key: str) -> str:
        """Return where a key stands, for an error."""
        return f"{self.where}: line {self._lines[key][0]}: {key}"

    def text(self, key: str) -> str:
        """Return the value of a key. Raises: CardImageError if the line is missing."""
        if key not in self._lines:
            raise CardImageError(f"{self.where}: no line {key!r}; {DAMAGED}")
        return self._lines[key][1]

    def hex(self, key: str, *sizes: int) -> bytes:
        """Return bytes, of one of `sizes` if any are given."""
        text = self.text(key)
        if not HEX_BYTES.fullmatch(text):
            raise CardImageError(
                f"{self.at(key)}: found {text[:40]!r}, wanted hex bytes; {DAMAGED}"
            )
        found = bytes.fromhex(text)
        if sizes and len(found) not in sizes:
            wanted = " or ".join(map(str, sizes))
            raise CardImageError(f"{self.at(key)}: {len(found)} bytes, wanted {wanted}; {DAMAGED}")
        return found

    def number(self, key: str, most: int) -> int:
        """Return a whole number 0..most."""
        text = self.text(key)
        if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > most:
            raise CardImageError(f"{self.at(key)}: found {text[:20]!r}, wanted 0..{most}")
        return int(text)

    def flag(self, key: str) -> bool:
        """Return true or false."""
        text = self.text(key)
        if text not in ("true", "false"):
            raise CardImageError(f"{self.at(key)}: found {text[:20]!r}, wanted true or false")
        return text == "true"


def import_flipper(data: bytes, where: str) -> Card:
    """Return the card in a Flipper dump. Raises: CardImageError naming the line."""
    try:
        lines = Lines(data.decode("utf-8-sig"), where)
    except UnicodeDecodeError as error:
        raise CardImageError(f"{where}: byte {error.start} is no UTF-8; {DAMAGED}") from None
    if lines.text("Filetype") != FILETYPE:
        found = lines.text("Filetype")[:40]
        raise CardImageError(f"{lines.at('Filetype')}: found {found!r}, wanted {FILETYPE!r}")
    if lines.number("Version", 999) not in VERSIONS:
        found = lines.text("Version")
        raise CardImageError(f"{lines.at('Version')}: found {found}, known are 2, 3 and 4")
    kind = lines.text("Device type")
    if kind in DESFIRE_TYPES:
        return _desfire(lines)
    if kind == ULTRALIGHT or kind.startswith(("NTAG", "Mifare Ultralight")):
        model = lines.text(f"{ULTRALIGHT} type") if kind == ULTRALIGHT else kind
        return _ultralight(lines, model)
    raise CardImageError(
        f"{lines.at('Device type')}: found {kind[:40]!r}; this reads {DESFIRE_TYPES[0]} and"
        f" {ULTRALIGHT} only"
    )


def _desfire(lines: Lines) -> DesfireCard:
    version = lines.hex("PICC Version", 28)
    more: dict[str, Any] = {}
    if "PICC Free Memory" in lines:
        more["free_bytes"] = lines.number("PICC Free Memory", 1 << 24)
    if "ATS" in lines:
        more["ats"] = lines.hex("ATS")
    if "PICC Change Key ID" in lines:
        settings, flags, count = _key_settings(lines, "PICC")
        more["settings"], more["key_kind"] = settings, _key_kind(lines, "PICC", flags)
        if count:
            more["key_version"] = lines.hex("PICC Key 0 Version", 1)[0]
    aids = b""
    count = lines.number("Application Count", 28)
    if count:
        aids = lines.hex("Application IDs", 3 * count)
    ordered = sorted(aids[at : at + 3] for at in range(0, len(aids), 3))
    apps = tuple(_application(lines, aid) for aid in ordered)
    return DesfireCard(lines.hex("UID", 4, 7), version, applications=apps, **more)


def _application(lines: Lines, aid: bytes) -> CardApplication:
    prefix = f"Application {aid.hex()}"
    settings, flags, count = _key_settings(lines, prefix)
    versions = tuple(lines.hex(f"{prefix} Key {key} Version", 1)[0] for key in range(count))
    numbers = b""
    unread = NO_FILES
    if f"{prefix} File IDs" in lines:
        numbers, unread = lines.hex(f"{prefix} File IDs"), ""
    if len(set(numbers)) != len(numbers) or any(number > 31 for number in numbers):
        raise CardImageError(f"{lines.at(f'{prefix} File IDs')}: wanted numbers 00..1F, each once")
    return CardApplication(
        aid,
        settings,
        _key_kind(lines, prefix, flags),
        versions,
        None if flags is None else bool(flags & ISO_FILES_FLAG),
        files=tuple(_file(lines, f"{prefix} File {number}", number) for number in sorted(numbers)),
        unread=unread,
    )


def _key_settings(lines: Lines, prefix: str) -> tuple[int, int | None, int]:
    """Return (settings byte, flags nibble or None, number of keys)."""
    settings = lines.hex(f"{prefix} Change Key ID", 1)[0] << 4 & 0xF0
    for bit, name in enumerate(
        ("Key Changeable", "Free Directory List", "Free Create Delete", "Config Changeable")
    ):
        settings |= lines.flag(f"{prefix} {name}") << bit
    flags = None
    if f"{prefix} Flags" in lines:  # files of older programs do not have it
        flags = lines.hex(f"{prefix} Flags", 1)[0]
    return settings, flags, lines.hex(f"{prefix} Max Keys", 1)[0] & 0x0F


def _key_kind(lines: Lines, prefix: str, flags: int | None) -> str | None:
    if flags is None:
        return None
    kind = KEY_KINDS.get(flags & ~ISO_FILES_FLAG)
    if kind is None:
        raise CardImageError(f"{lines.at(f'{prefix} Flags')}: found {flags:02X}, wanted 0, 4 or 8")
    return kind


def _file(lines: Lines, prefix: str, number: int) -> CardFile:
    code = lines.hex(f"{prefix} Type", 1)[0]
    if code >= len(KINDS):
        raise CardImageError(f"{lines.at(f'{prefix} Type')}: found {code:02X}, wanted 00..04")
    kind = KINDS[code]
    fields: dict[str, Any] = {
        "kind": kind,
        "comm": lines.hex(f"{prefix} Communication Settings", 1)[0] & 3,
        "rights": int.from_bytes(lines.hex(f"{prefix} Access Rights", 2), "little"),
    }
    if kind == VALUE:
        names = (("upper", "Hi Limit"), ("lower", "Lo Limit"))
        for name, word in (*names, ("limited_credit", "Limited Credit Value")):
            fields[name] = _signed(lines.number(f"{prefix} {word}", 0xFFFFFFFF))
        fields["limited_enabled"] = lines.flag(f"{prefix} Limited Credit Enabled")
    else:
        fields["size_bytes"] = lines.number(f"{prefix} Size", 1 << 24)
    if kind in RECORD_KINDS:
        fields["records_max"] = lines.number(f"{prefix} Max", 1 << 24)
        fields["records_now"] = lines.number(f"{prefix} Cur", 1 << 24)
    if prefix not in lines:
        return file_of(number, fields, None, "the card did not let it be read", lines.where)
    return file_of(number, fields, lines.hex(prefix), "", lines.at(prefix))


def _signed(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value


def _ultralight(lines: Lines, model: str) -> UltralightCard:
    total = lines.number("Pages total", PAGES_MAX)
    read = lines.number("Pages read", total) if "Pages read" in lines else total
    pages: list[bytes | None] = []
    for number in range(total):
        four = lines.hex(f"Page {number}", 4)
        # The writer fills what it could not read with zeros.
        pages.append(four if number < read else None)
    model = model.removeprefix("Mifare ")
    if model == "Ultralight C":
        pages[ULTRALIGHT_C_PAGES - 4 :] = [None] * (total - ULTRALIGHT_C_PAGES + 4)
    return UltralightCard(lines.hex("UID", 4, 7), tuple(pages), model)
