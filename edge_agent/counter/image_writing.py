"""Write a card as an image of ours, as far as facts allow.

What nobody knows (keys always, what a dump left out) gets a stand-in, and its path goes into the
image's "unknown" list: the simulator can play the image, and `card explain` says what is not
known. Stand-in keys are all zero.
"""

import json
from typing import Any

from edge_agent.counter.card_contents import (
    DATA_KINDS,
    RECORD_KINDS,
    ULTRALIGHT_C_PAGES,
    UNKNOWN_KIND,
    VALUE,
    Card,
    CardApplication,
    CardFile,
    CardImageError,
    DesfireCard,
    UltralightCard,
)
from edge_agent.counter.card_image import (
    DESFIRE_FORMAT,
    STORAGE_CODES,
    ULTRALIGHT_FORMAT,
    VALUE_HIGH,
    VALUE_LOW,
)

KEY_BYTES = {"2K3DES": 16, "3K3DES": 24, "AES": 16}
FACTORY_ATS = "067577810280"
UID_BYTES = 7
ULTRALIGHT_C = "Ultralight C"
KEY_PAGE = 44


def image_text(card: Card, where: str) -> str:
    """Return the card as the text of an image file. Raises: CardImageError if it cannot be one."""
    tree = (
        _ultralight(card, where) if isinstance(card, UltralightCard) else _Desfire(where).tree(card)
    )
    return json.dumps(tree, indent=1, sort_keys=True) + "\n"


class _Desfire:
    """Writes one DESFire image and notes what is a stand-in."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.unknown: list[str] = []

    def _or(self, path: str, value: Any, stand_in: Any) -> Any:
        if value is None:
            self.unknown.append(path)
            return stand_in
        return value

    def tree(self, card: DesfireCard) -> dict[str, Any]:
        uid = self._or("card/uid", card.uid, bytes(UID_BYTES))
        if len(uid) != UID_BYTES:
            raise CardImageError(f"{self.where}: a UID of {len(uid)} bytes; an image has 7")
        version = self._or("card/version", card.version, bytes(28))
        picc_kind = self._or("card/picc_key/kind", card.key_kind, "2K3DES")
        picc_version = self._or("card/picc_key/version", card.key_version, 0)
        tree = {
            "uid": uid.hex(),
            "version": version.hex(),
            "batch": version[21:26].hex(),
            "production_week": version[26],
            "production_year": version[27],
            "storage_bytes": self._storage(card, version),
            "picc_key": _key(picc_kind, picc_version),
            "picc_settings": self._or("card/picc_settings", card.settings, 0x0F),
            "ats": self._or("card/ats", None if card.ats is None else card.ats.hex(), FACTORY_ATS),
            "no_format": self._or("card/no_format", card.no_format, False),
            "random_uid": self._or("card/random_uid", card.random_uid, False),
            "default_key": bytes(24).hex(),
            "default_version": 0,
        }
        if card.free_bytes is not None:
            tree["free_bytes"] = card.free_bytes
        applications = {app.aid.hex(): self._application(app) for app in card.applications}
        return {
            "format": DESFIRE_FORMAT,
            "card": tree,
            "applications": applications,
            "transaction": None,
            "unknown": sorted(self.unknown),
        }

    def _storage(self, card: DesfireCard, version: bytes) -> int:
        if card.storage_bytes is not None:
            return card.storage_bytes
        sizes = {code: size for size, code in STORAGE_CODES.items()}
        self.unknown.append("card/storage_bytes")
        return sizes.get(version[5] & 0xFE, 8192)

    def _application(self, app: CardApplication) -> dict[str, Any]:
        at = f"applications/{app.aid.hex()}"
        kind = self._or(f"{at}/kind", app.key_kind, "AES")
        versions = self._or(f"{at}/key_versions", app.key_versions, (0,))
        return {
            "settings": f"{self._or(f'{at}/settings', app.settings, 0x0F):02x}",
            "kind": kind,
            "keys": [_key(kind, version) for version in versions],
            "iso_files": self._or(f"{at}/iso_files", app.iso_files, False),
            "iso_fid": app.iso_fid,
            "df_name": app.df_name.hex(),
            "files": {
                str(file.number): self._file(f"{at}/files/{file.number}", file)
                for file in app.files
            },
        }

    def _file(self, at: str, file: CardFile) -> dict[str, Any]:
        if file.kind == UNKNOWN_KIND:
            raise CardImageError(
                f"{self.where}: {at}: the card did not tell what kind of file this is;"
                " an image needs it (explain shows what is known)"
            )
        tree: dict[str, Any] = {
            "type": file.kind,
            "comm": self._or(f"{at}/comm", file.comm, 0),
            "rights": f"{self._or(f'{at}/rights', file.rights, 0xFFFF):04x}",
        }
        if file.kind == VALUE:
            return tree | self._value(at, file)
        tree["iso_fid"] = file.iso_fid
        size = file.size_bytes or 0
        if file.kind in DATA_KINDS:
            tree["data"] = self._or(f"{at}/contents", file.data, bytes(size)).hex()
        elif file.kind in RECORD_KINDS:
            records = self._or(f"{at}/contents", file.records, ())
            tree["record_bytes"], tree["records_max"] = size, file.records_max
            tree["records"] = [record.hex() for record in records]
        return tree

    def _value(self, at: str, file: CardFile) -> dict[str, Any]:
        limits = (file.lower, file.upper, file.limited_credit, file.limited_enabled)
        if None in limits:  # told together, or not at all
            self.unknown.append(f"{at}/limits")
            limits = (VALUE_LOW, VALUE_HIGH, 0, False)
        names = ("lower", "upper", "limited_credit", "limited_enabled")
        return {
            **dict(zip(names, limits, strict=True)),
            "free_get": self._or(f"{at}/free_get", file.free_get, False),
            "value": self._or(f"{at}/contents", file.value, limits[0]),
        }


def _key(kind: str, version: int) -> dict[str, Any]:
    return {"kind": kind, "value": bytes(KEY_BYTES[kind]).hex(), "version": version}


def _ultralight(card: UltralightCard, where: str) -> dict[str, Any]:
    is_c = card.model in ("", ULTRALIGHT_C) and len(card.pages) == ULTRALIGHT_C_PAGES
    if not is_c or card.uid is None or len(card.uid) != UID_BYTES:
        raise CardImageError(
            f"{where}: {card.model or 'Ultralight'} with {len(card.pages)} pages; only an"
            f" Ultralight C ({ULTRALIGHT_C_PAGES} pages, UID of 7 bytes) can be an image"
        )
    unknown = [f"pages/{number}" for number in range(KEY_PAGE) if card.pages[number] is None]
    pages = [four or bytes(4) for four in card.pages]
    return {
        "format": ULTRALIGHT_FORMAT,
        "uid": card.uid.hex(),
        "internal": pages[2][1],
        "lock": (pages[2][2:] + pages[40][:2]).hex(),
        "otp": pages[3].hex(),
        "pages": {str(number): pages[number].hex() for number in range(4, 40)},
        "counter": int.from_bytes(pages[41][:2], "little"),
        "auth0": pages[42][0],
        "auth1": pages[43][0],
        "key": bytes(16).hex(),
        "unknown": unknown,
    }
