"""The card image as a JSON file people and sqlite-minded tools can read: sorted keys, hex bytes.

Layout: {"card": {...}, "applications": {aid hex (wire order): {"settings", "kind", "keys",
"files": {number: {"type", ...}}}}, "transaction": null | {...}}. A value file shows its
committed value as a plain integer under "value".
"""

import json
from collections.abc import Callable
from typing import Any

from simulator.desfire_card.image import (
    KEY_BYTES,
    Application,
    CardKey,
    DataFile,
    File,
    Image,
    RecordFile,
    Staged,
    Transaction,
    ValueFile,
)

FORMAT = "desfire-ev1-image-1"
_PLAIN_CARD = (
    "production_week production_year storage_bytes picc_settings default_version "
    "no_format random_uid"
).split()
_HEX_CARD = ("uid", "batch", "default_key", "ats")


class ImageError(ValueError):
    """A card image file does not say what a card image must say."""


def image_to_json(image: Image) -> str:
    """Return the image as indented JSON text ending in a newline."""
    card: dict[str, Any] = {name: getattr(image, name) for name in _PLAIN_CARD}
    card.update({name: getattr(image, name).hex() for name in _HEX_CARD})
    card["picc_key"] = _key_out(image.picc_key)
    tree = {
        "format": FORMAT,
        "card": card,
        "applications": {a.hex(): _application_out(b) for a, b in image.applications.items()},
        "transaction": image.transaction and _transaction_out(image.transaction),
    }
    return json.dumps(tree, indent=1, sort_keys=True) + "\n"


def image_from_json(text: str, where: str = "card image") -> Image:
    """Return the image written by `image_to_json`. Raises: ImageError naming `where`."""
    try:
        tree = json.loads(text)
        if tree["format"] != FORMAT:
            raise ImageError(f"{where}: format is {tree['format']!r}, wanted {FORMAT!r}")
        return _image_in(tree)
    except ImageError:
        raise
    except KeyError as missing:
        raise ImageError(f"{where}: entry {missing} is missing") from missing
    except (ValueError, TypeError, AttributeError) as wrong:
        raise ImageError(f"{where}: not a card image ({wrong})") from wrong


def differences(before: Image, after: Image) -> list[str]:
    """Return one line "path: before -> after" for every value that differs."""
    lines: list[str] = []
    old, new = json.loads(image_to_json(before)), json.loads(image_to_json(after))
    _differ("", old, new, lines.append)
    return lines


def _differ(path: str, old: Any, new: Any, tell: Callable[[str], None]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(set(old) | set(new)):
            _differ(f"{path}/{name}", old.get(name), new.get(name), tell)
    elif old != new:
        tell(f"{path}: {json.dumps(old)} -> {json.dumps(new)}")


def _key_out(key: CardKey) -> dict[str, Any]:
    return {"kind": key.kind, "value": key.value.hex(), "version": key.version}


def _file_out(file: File) -> dict[str, Any]:
    out = {k: v for k, v in file.__dict__.items() if k not in ("backup", "cyclic")}
    out["rights"] = f"{file.rights:04x}"
    if isinstance(file, DataFile):
        out.update(type="backup" if file.backup else "standard", data=file.data.hex())
    elif isinstance(file, ValueFile):
        out["type"] = "value"
    else:
        out["type"] = "cyclic" if file.cyclic else "linear"
        out["records"] = [record.hex() for record in file.records]
    return out


def _application_out(app: Application) -> dict[str, Any]:
    return {
        "settings": f"{app.settings:02x}",
        "kind": app.kind,
        "keys": [_key_out(key) for key in app.keys],
        "iso_files": app.iso_files,
        "iso_fid": app.iso_fid,
        "df_name": app.df_name.hex(),
        "files": {str(no): _file_out(file) for no, file in app.files.items()},
    }


def _transaction_out(waiting: Transaction) -> dict[str, Any]:
    staged = {}
    for no, change in waiting.staged.items():
        staged[str(no)] = {**change.__dict__, "file": _file_out(change.file)}
    return {"aid": waiting.aid.hex(), "marked": waiting.marked, "staged": staged}


def _image_in(tree: dict[str, Any]) -> Image:
    card = tree["card"]
    values: dict[str, Any] = {name: card[name] for name in _PLAIN_CARD}
    values.update({name: bytes.fromhex(card[name]) for name in _HEX_CARD})
    if len(values["uid"]) != 7:
        raise ValueError(f"uid has {len(values['uid'])} bytes, wanted 7")
    return Image(
        picc_key=_key_in(card["picc_key"]),
        applications={
            bytes.fromhex(aid): _application_in(tree["applications"][aid])
            for aid in sorted(tree["applications"])
        },
        transaction=tree["transaction"] and _transaction_in(tree["transaction"]),
        **values,
    )


def _key_in(tree: dict[str, Any]) -> CardKey:
    value = bytes.fromhex(tree["value"])
    if len(value) != KEY_BYTES[tree["kind"]]:
        raise ValueError(f"{tree['kind']} key has {len(value)} bytes")
    return CardKey(tree["kind"], value, tree["version"])


def _application_in(tree: dict[str, Any]) -> Application:
    return Application(
        settings=int(tree["settings"], 16),
        kind=tree["kind"],
        keys=[_key_in(key) for key in tree["keys"]],
        iso_files=tree["iso_files"],
        iso_fid=tree["iso_fid"],
        df_name=bytes.fromhex(tree["df_name"]),
        files={no: _file_in(tree["files"][str(no)]) for no in sorted(map(int, tree["files"]))},
    )


def _file_in(tree: dict[str, Any]) -> File:
    values = {**tree, "rights": int(tree["rights"], 16)}
    kind = values.pop("type")
    if kind in ("backup", "standard"):
        values["data"] = bytes.fromhex(values["data"])
        return DataFile(backup=kind == "backup", **values)
    if kind == "value":
        return ValueFile(**values)
    if kind not in ("cyclic", "linear"):
        raise ValueError(f"file type {kind!r} is unknown")
    values["records"] = tuple(bytes.fromhex(record) for record in values["records"])
    return RecordFile(cyclic=kind == "cyclic", **values)


def _transaction_in(tree: dict[str, Any]) -> Transaction:
    staged = {
        int(no): Staged(**{**change, "file": _file_in(change["file"])})
        for no, change in tree["staged"].items()
    }
    return Transaction(bytes.fromhex(tree["aid"]), staged, tree["marked"])
