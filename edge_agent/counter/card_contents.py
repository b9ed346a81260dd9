"""What any card holds, as far as somebody could read it: the one form that explain and diff know.

Images, dumps of other programs and cards on a reader all become this. None means "not known": the
source did not carry it, or the card did not give it. Keys are never here.
Application ids are the three bytes as they travel (least significant first).
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from edge_agent.counter.desk import CounterError

STANDARD, BACKUP, VALUE, LINEAR, CYCLIC = "standard", "backup", "value", "linear", "cyclic"
KINDS = (STANDARD, BACKUP, VALUE, LINEAR, CYCLIC)  # indexed by the type byte of GetFileSettings
UNKNOWN_KIND = "unknown"
DATA_KINDS = (STANDARD, BACKUP)
RECORD_KINDS = (LINEAR, CYCLIC)
ULTRALIGHT_C_PAGES = 48
VERSION_BYTES = 28
SIZE_MAX = (1 << 24) - 1  # what three bytes tell


class CardImageError(CounterError):
    """A source shows no card; the message says where, what was found, wanted, and what to do."""


@dataclass(frozen=True)
class CardFile:
    """One file of a DESFire application. Sizes in bytes; `rights`: read, write, both, change."""

    number: int
    kind: str
    comm: int | None = None
    rights: int | None = None
    size_bytes: int | None = None  # data file: of the file; record file: of one record
    records_max: int | None = None
    lower: int | None = None
    upper: int | None = None
    limited_credit: int | None = None
    limited_enabled: bool | None = None
    free_get: bool | None = None
    value: int | None = None
    data: bytes | None = None
    records: tuple[bytes, ...] | None = None  # oldest first
    iso_fid: int | None = None
    unread: str = ""  # why the contents are missing

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold: the fields that belong to the file's kind, bytes as hex."""
        names = ["number", "kind", "comm", "size_bytes"]
        if self.kind == VALUE:
            names = ["number", "kind", "comm", *_VALUE_FIELDS]
        elif self.kind in RECORD_KINDS:
            names.append("records_max")
        tree: dict[str, Any] = {name: getattr(self, name) for name in names}
        tree["rights"] = None if self.rights is None else f"{self.rights:04x}"
        if self.kind != VALUE:
            tree["iso_fid"] = self.iso_fid
        if self.kind in RECORD_KINDS:
            tree["records"] = None if self.records is None else [r.hex() for r in self.records]
        elif self.kind != VALUE:
            tree["data"] = None if self.data is None else self.data.hex()
        if self.unread:
            tree["unread"] = self.unread
        return tree


_VALUE_FIELDS = ("lower", "upper", "limited_credit", "limited_enabled", "free_get", "value")


@dataclass(frozen=True)
class CardApplication:
    """One application of a DESFire card; `settings` and `key_kind` as GetKeySettings tells."""

    aid: bytes
    settings: int | None = None
    key_kind: str | None = None
    key_versions: tuple[int, ...] | None = None
    iso_files: bool | None = None
    iso_fid: int | None = None
    df_name: bytes = b""
    files: tuple[CardFile, ...] = ()
    unread: str = ""  # why files or settings are missing

    def file(self, number: int) -> CardFile | None:
        """Return the file with this number, if the source shows it."""
        return next((file for file in self.files if file.number == number), None)

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        tree: dict[str, Any] = {
            "aid": self.aid.hex(),
            "settings": None if self.settings is None else f"{self.settings:02x}",
            "key_kind": self.key_kind,
            "key_versions": None if self.key_versions is None else list(self.key_versions),
            "iso_files": self.iso_files,
            "iso_fid": self.iso_fid,
            "df_name": self.df_name.hex(),
            "files": [file.plain() for file in self.files],
        }
        if self.unread:
            tree["unread"] = self.unread
        return tree


@dataclass(frozen=True)
class DesfireCard:
    """A DESFire card. `version`: the 28 bytes of GetVersion, UID and production data inside."""

    uid: bytes | None
    version: bytes | None = None
    storage_bytes: int | None = None
    free_bytes: int | None = None
    ats: bytes | None = None
    settings: int | None = None
    key_kind: str | None = None
    key_version: int | None = None
    no_format: bool | None = None
    random_uid: bool | None = None
    applications: tuple[CardApplication, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)  # of the source, for people

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        tree = _hexed(self, "uid", "version", "ats")
        tree["settings"] = None if self.settings is None else f"{self.settings:02x}"
        tree["applications"] = [application.plain() for application in self.applications]
        return {"type": "desfire", **tree}


@dataclass(frozen=True)
class UltralightCard:
    """A card of 4-byte pages: Ultralight, Ultralight C, NTAG. A page that was not read is None."""

    uid: bytes | None
    pages: tuple[bytes | None, ...]
    model: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)

    def page(self, number: int) -> bytes | None:
        """Return a page, or None if it is not known or not there."""
        return self.pages[number] if number < len(self.pages) else None

    def span(self, first: int, count: int) -> bytes | None:
        """Return `count` pages in a row from `first`, or None if one of them is not known."""
        found = [self.page(number) for number in range(first, first + count)]
        return None if None in found else b"".join(four for four in found if four)

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        tree = _hexed(self, "uid")
        tree["pages"] = [four if four is None else four.hex() for four in self.pages]
        return {"type": "ultralight", **tree}


Card = DesfireCard | UltralightCard


def _hexed(card: DesfireCard | UltralightCard, *names: str) -> dict[str, Any]:
    tree = {k: v for k, v in asdict(card).items() if k not in ("applications", "pages", "notes")}
    tree.update({name: tree[name] if tree[name] is None else tree[name].hex() for name in names})
    return tree
