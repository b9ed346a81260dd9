"""What is in the card's EEPROM: plain values, no behaviour.

Files are immutable: a transaction stages the file as it will be, and commit puts it in place.
Application identifiers (`aid`) are the three bytes as they travel (least significant first).
"""

from dataclasses import dataclass, field, replace

KEY_BYTES = {"2K3DES": 16, "3K3DES": 24, "AES": 16}
KIND_BITS = {"2K3DES": 0x00, "3K3DES": 0x40, "AES": 0x80}
KIND_OF_BITS = {0x00: "2K3DES", 0x40: "3K3DES", 0x80: "AES"}

PICC_AID = b"\x00\x00\x00"


@dataclass(frozen=True)
class CardKey:
    """One key; `version` is explicit for AES and read from the parity bits for DES."""

    kind: str
    value: bytes
    version: int = 0


@dataclass(frozen=True)
class DataFile:
    """Standard file (written at once) or backup file (written at commit)."""

    backup: bool
    comm: int
    rights: int
    data: bytes
    iso_fid: int | None = None


@dataclass(frozen=True)
class ValueFile:
    """Signed 32-bit value between two limits; `limited_credit` is the ceiling now."""

    comm: int
    rights: int
    lower: int
    upper: int
    value: int
    limited_enabled: bool
    free_get: bool
    limited_credit: int = 0


@dataclass(frozen=True)
class RecordFile:
    """Linear or cyclic records, oldest first; a cyclic file shows at most records_max - 1."""

    cyclic: bool
    comm: int
    rights: int
    record_bytes: int
    records_max: int
    records: tuple[bytes, ...] = ()
    iso_fid: int | None = None


File = DataFile | ValueFile | RecordFile


@dataclass
class Application:
    """One application: its settings byte, keys of one kind, and files by number."""

    settings: int
    kind: str
    keys: list[CardKey]
    iso_files: bool = False
    iso_fid: int | None = None
    df_name: bytes = b""
    files: dict[int, File] = field(default_factory=dict)

    def clone(self) -> "Application":
        """Return an independent copy."""
        return replace(self, keys=list(self.keys), files=dict(self.files))


@dataclass(frozen=True)
class Staged:
    """A file as it will be after commit, and what the rules must remember until then."""

    file: File
    opened: bool = False
    cleared: bool = False
    debits: int | None = None
    limited_used: bool = False


@dataclass
class Transaction:
    """Changes waiting in one application; once `marked` they are rolled forward."""

    aid: bytes
    staged: dict[int, Staged] = field(default_factory=dict)
    marked: bool = False


@dataclass
class Image:
    """The whole EEPROM of one card."""

    uid: bytes
    batch: bytes = bytes(5)
    production_week: int = 0x30
    production_year: int = 0x14
    storage_bytes: int = 4096
    picc_key: CardKey = CardKey("2K3DES", bytes(16))
    picc_settings: int = 0x0F
    default_key: bytes = bytes(24)
    default_version: int = 0
    no_format: bool = False
    random_uid: bool = False
    ats: bytes = bytes.fromhex("067577810280")
    applications: dict[bytes, Application] = field(default_factory=dict)
    transaction: Transaction | None = None

    def clone(self) -> "Image":
        """Return an independent copy."""
        waiting = self.transaction
        return replace(
            self,
            applications={aid: app.clone() for aid, app in self.applications.items()},
            transaction=waiting and replace(waiting, staged=dict(waiting.staged)),
        )
