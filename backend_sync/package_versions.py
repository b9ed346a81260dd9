"""The publisher's memory: which version of what was published, so that versions only rise.

One JSON file, rewritten whole and durable before anything it describes leaves. It holds no body
(a hotlist has UIDs in it): bodies are made again by the keyring, byte for byte. Source: D18.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 1


class VersionsError(Exception):
    """The file cannot be read: without it versions would start again and devices refuse them."""


class PackageVersions:
    """Manifests by name ("tariff-244", "hotlist-0", "lease-4711-1") and the hotlist's base."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifests: dict[str, dict[str, Any]] = {}
        self.extra: dict[str, Any] = {}  # what a body was made of, where it must be made again
        self.changed = False
        self._read()

    def last(self, name: str) -> int:
        """Return the version published last under this name, 0 = none."""
        manifest = self.manifests.get(name)
        return int(manifest["version"]) if manifest is not None else 0

    def put(self, name: str, manifest: Mapping[str, Any], extra: Any = None) -> None:
        self.manifests[name] = dict(manifest)
        self.extra[name] = extra
        self.changed = True

    def save(self) -> None:
        """Make what was put durable; before this returns, publish nothing of it."""
        if not self.changed:
            return
        body = {
            "format": FORMAT,
            "manifests": {
                name: {**manifest, "sha256": manifest["sha256"].hex()}
                for name, manifest in self.manifests.items()
            },
            "extra": self.extra,
        }
        write_atomically(self.path, json.dumps(body, indent=1, sort_keys=True) + "\n")
        self.changed = False

    def _read(self) -> None:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found["format"] != FORMAT:
                raise ValueError(f"format {found['format']}, wanted {FORMAT}")
            self.manifests = {
                name: _manifest(name, manifest) for name, manifest in found["manifests"].items()
            }
            self.extra = found["extra"]
            if not isinstance(self.extra, dict):
                raise ValueError(f"extra: {type(self.extra).__name__}, wanted an object")
        except FileNotFoundError:
            return
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
        ) as error:  # fmt: skip
            raise VersionsError(f"{self.path}: {type(error).__name__}: {error}") from None


def _manifest(name: str, said: dict[str, Any]) -> dict[str, Any]:
    version = said["version"]
    if type(version) is not int or version < 0:
        raise ValueError(f"{name}: version {version!r}, wanted a number from 0 on")
    return {**said, "sha256": bytes.fromhex(said["sha256"])}


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by another, whole and durable: a reader or a crash never sees half of it."""
    temporary = path.with_suffix(path.suffix + ".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
