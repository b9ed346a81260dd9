"""A random foreign DESFire card: applications, files and contents nobody has a layout of.

It is built by commands to the card model alone, in the clear and without sessions, as a card of
free access allows; afterwards the rights of files and settings are drawn at random, so that a
reader meets everything that cards can say. `listing` tells what was made.
"""

from dataclasses import replace
from typing import Any

from simulator.desfire_card import DesfireCard, Image
from simulator.desfire_card.image import CardKey, DataFile, File, RecordFile, ValueFile
from simulator.prng import Prng

SELECT, CREATE_APPLICATION, COMMIT = 0x5A, 0xCA, 0xC7
STANDARD, BACKUP, VALUE, LINEAR, CYCLIC = 0xCD, 0xCB, 0xCC, 0xC1, 0xC0
WRITE_DATA, WRITE_RECORD = 0x3D, 0x3B
OK = b"\x00"
KEY_TYPES = (0x00, 0x40, 0x80)
ISO_FILES = 0x20
PLAIN = b"\x00"
FREE_RIGHTS = b"\xee\xee"
FREE_SETTINGS = 0x0F
WORDS = (b"TRANSIT", b"2026-05-03", b"HELLO", b"\x00\xff", b"card no. 7")
PART_BYTES = 40


class RandomCard:
    """One card, made from `seed`: the same seed, the same card."""

    def __init__(self, seed: int) -> None:
        self.prng = Prng(seed)
        uid = b"\x04" + self.prng.bytes(6)
        self.image = Image(
            uid,
            batch=self.prng.bytes(5),
            production_week=self._bcd(1, 52),
            production_year=self._bcd(6, 26),
            storage_bytes=self.prng.choice((2048, 4096, 8192)),
            picc_key=CardKey("2K3DES", bytes(16)),
        )
        self.card = DesfireCard(self.image, self.prng.bytes)
        self.card.power_on()
        self._applications()
        self._settle()

    def _bcd(self, low: int, high: int) -> int:
        return int(str(self.prng.between(low, high)), 16)

    def _send(self, code: int, body: bytes = b"") -> bool:
        """Send a command; return whether the card did it (it may be full)."""
        return self.card.exchange(bytes((code,)) + body)[:1] == OK

    def _applications(self) -> None:
        for _ in range(self.prng.between(1, 4)):
            aid = self.prng.bytes(2) + bytes((self.prng.below(0xF0),))
            keys = self.prng.choice(KEY_TYPES) | self.prng.between(1, 14)
            iso = self.prng.below(3) == 0
            if iso:  # with an ISO file id, and with a DF name or without
                name = self.prng.choice(WORDS)[: self.prng.below(17)]
                tail = bytes((keys | ISO_FILES,)) + self.prng.bytes(2) + name
            else:
                tail = bytes((keys,))
            self._send(SELECT, bytes(3))
            if not any(aid) or not self._send(
                CREATE_APPLICATION, aid + bytes((FREE_SETTINGS,)) + tail
            ):
                continue
            self._send(SELECT, aid)
            for number in range(32):
                if self.prng.below(6) == 0:
                    self._file(aid, number, iso)

    def _file(self, aid: bytes, number: int, iso: bool) -> None:
        code = self.prng.choice((STANDARD, BACKUP, VALUE, LINEAR, CYCLIC))
        fid = self.prng.bytes(2) if iso and code != VALUE else b""
        head = bytes((number,)) + fid + PLAIN + FREE_RIGHTS
        if code == VALUE:
            self._value(head)
            return
        size = 1 + self.prng.below(64 if code in (LINEAR, CYCLIC) else 160)
        if code in (STANDARD, BACKUP):
            if self._send(code, head + size.to_bytes(3, "little")):
                self._write(WRITE_DATA, number, self._contents(size))
                if code == BACKUP:
                    self._send(COMMIT)
            return
        most = 2 + self.prng.below(6)
        if self._send(code, head + size.to_bytes(3, "little") + most.to_bytes(3, "little")):
            for _ in range(self.prng.below(most + 3)):
                if not self._write(WRITE_RECORD, number, self._contents(size)):
                    self._send(SELECT, aid)
                    break  # a linear file is full
                self._send(COMMIT)

    def _value(self, head: bytes) -> None:
        lower = self.prng.between(-1000, 1000)
        upper = lower + self.prng.below(100_000)
        value = self.prng.between(lower, upper)
        numbers = b"".join(n.to_bytes(4, "little", signed=True) for n in (lower, upper, value))
        self._send(VALUE, head + numbers + bytes((self.prng.below(4),)))

    def _contents(self, size: int) -> bytes:
        kind = self.prng.below(4)
        if kind == 0:
            return bytes(size)
        if kind == 1:
            return (self.prng.choice(WORDS) * size)[:size]
        return self.prng.bytes(size)

    def _write(self, code: int, number: int, data: bytes) -> bool:
        """Write in one or more commands of one frame each."""
        for at in range(0, len(data), PART_BYTES):
            part = data[at : at + PART_BYTES]
            where = at.to_bytes(3, "little") + len(part).to_bytes(3, "little")
            if not self._send(code, bytes((number,)) + where + part):
                return False
        return True

    def _settle(self) -> None:
        """Draw modes, rights, settings and key versions: the card's own state, nothing else."""
        for app in self.image.applications.values():
            app.settings = self.prng.below(256)
            app.keys = [
                replace(key, version=self.prng.below(256)) if key.kind == "AES" else key
                for key in app.keys
            ]
            for number, file in app.files.items():
                comm, rights = self.prng.choice((0, 1, 3)), self.prng.below(0x10000)
                app.files[number] = replace(file, comm=comm, rights=rights)


def listing(image: Image) -> dict[str, Any]:
    """Return what is on a card: applications, files and contents, bytes as hex."""
    return {
        "uid": image.uid.hex(),
        "applications": [
            {
                "aid": aid.hex(),
                "settings": f"{app.settings:02x}",
                "key_kind": app.kind,
                "key_versions": [key.version for key in app.keys],
                "iso_files": app.iso_files,
                "iso_fid": app.iso_fid,
                "df_name": app.df_name.hex(),
                "files": [
                    {"number": number, **_listed(file)}
                    for number, file in sorted(app.files.items())
                ],
            }
            for aid, app in sorted(image.applications.items())
        ],
    }


def _listed(file: File) -> dict[str, Any]:
    common = {"comm": file.comm, "rights": f"{file.rights:04x}"}
    if isinstance(file, ValueFile):
        names = ("lower", "upper", "limited_credit", "limited_enabled", "free_get", "value")
        return {"kind": "value", **common, **{name: getattr(file, name) for name in names}}
    assert isinstance(file, DataFile | RecordFile), "there are three shapes of files"
    common["iso_fid"] = file.iso_fid
    if isinstance(file, DataFile):
        kind = "backup" if file.backup else "standard"
        return {"kind": kind, **common, "size_bytes": len(file.data), "data": file.data.hex()}
    return {
        "kind": "cyclic" if file.cyclic else "linear",
        **common,
        "size_bytes": file.record_bytes,
        "records_max": file.records_max,
        "records": [record.hex() for record in file.records],
    }


def text_of(made: dict[str, Any]) -> str:
    """Return a listing for people: one line an application, one a file."""
    lines = [f"uid {made['uid']}"]
    for app in made["applications"]:
        keys = f"{len(app['key_versions'])} {app['key_kind']} keys"
        name = f"  DF name {app['df_name']}" if app["df_name"] else ""
        fid = "" if app["iso_fid"] is None else f"  ISO file id {app['iso_fid']:04x}"
        lines.append(f"application {app['aid']}  settings {app['settings']}  {keys}{fid}{name}")
        for file in app["files"]:
            head = f"  file {file['number']:2}  {file['kind']:8}  rights {file['rights']}"
            if file.get("iso_fid") is not None:
                head += f"  ISO {file['iso_fid']:04x}"
            lines.append(f"{head}  mode {file['comm']}  {_contents_text(file)}")
    return "\n".join(lines) + "\n"


def _contents_text(file: dict[str, Any]) -> str:
    if file["kind"] == "value":
        return f"{file['value']} of {file['lower']}..{file['upper']}"
    if "records" in file:
        return f"{len(file['records'])} records: {' '.join(file['records'])}"
    return str(file["data"])
