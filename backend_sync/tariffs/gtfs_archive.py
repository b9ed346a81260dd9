"""Open the folder or zip a GTFS feed lies in; refuse links, bombs and ciphers by name.

Nothing is unpacked to disk and only names asked for are opened: no path in an archive is followed,
and an archive with a path out of it is refused.
Source: APPNOTE.TXT 4.3 (zip archives); T22.
"""

import io
import stat
import zipfile
from pathlib import Path
from typing import IO

from backend_sync.tariffs.gtfs_source import BOUNDS, Bounds, GtfsError, Notes, Source


class FolderSource(Source):
    def open(self, name: str) -> IO[bytes] | None:
        path = self.path / name
        try:
            found = path.lstat()
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(found.st_mode) and not path.resolve().is_relative_to(self.path.resolve()):
            raise GtfsError(f"{name}: a link out of {self.path.name}; wanted the file itself")
        if not path.is_file():
            raise GtfsError(f"{name}: not a regular file; wanted the text of a GTFS table")
        try:
            return path.open("rb")
        except OSError as error:
            raise GtfsError(f"{name}: {error.strerror}; wanted a file that can be read") from None


class ArchiveSource(Source):
    def __init__(self, path: Path, bounds: Bounds, notes: Notes) -> None:
        super().__init__(path, bounds, notes)
        try:
            _check_directory(path, bounds)
            self._archive = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise GtfsError(f"{path}: no such file; wanted a GTFS zip or folder") from None
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError) as error:
            if isinstance(error, GtfsError):
                raise
            raise GtfsError(
                f"{path.name}: not a readable zip ({error}); wanted a GTFS zip or folder"
            ) from None
        self._entries: dict[str, list[zipfile.ZipInfo]] = {}
        for info in self._archive.infolist():
            name = info.filename
            self._entries.setdefault(name, []).append(info)
            parts = name.replace("\\", "/").split("/")
            if ".." in parts or not parts[0] or parts[0].endswith(":"):
                raise GtfsError(
                    f"{path.name}: holds {name[:80]!r}, a path out of the archive; wanted the files"
                    " of a GTFS feed; do not use it"
                )

    def has(self, name: str) -> bool:
        return self._entry(name) is not None

    def open(self, name: str) -> IO[bytes] | None:
        info = self._entry(name)
        if info is None:
            return None
        try:
            return self._archive.open(info)
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as error:
            raise GtfsError(
                f"{name}: not readable ({error}); wanted a stored or deflated file"
            ) from None

    def _entry(self, name: str) -> zipfile.ZipInfo | None:
        """Return what the archive's list says of a file, None if nothing. Raises: GtfsError."""
        found = self._entries.get(name, [])
        if not found:
            return None
        if len(found) > 1:
            raise GtfsError(
                f"{name}: {len(found)} files of that name in the archive; wanted one; remove the "
                "one that is not meant"
            )
        info = found[0]
        if stat.S_ISLNK(info.external_attr >> 16):
            raise GtfsError(f"{name}: a symbolic link in the archive; wanted the file itself")
        if info.flag_bits & 1:
            raise GtfsError(f"{name}: enciphered; wanted an archive without a password")
        packed, size, bounds = info.compress_size, info.file_size, self.bounds
        if size > bounds.file_bytes or (size > bounds.ratio * max(packed, 1) and size > 1 << 20):
            raise GtfsError(
                f"{name}: {packed} bytes would unpack to {size}; wanted at most "
                f"{bounds.file_bytes} bytes and {bounds.ratio}:1"
            )
        return info


def open_source(path: Path, bounds: Bounds = BOUNDS) -> Source:
    """Return the feed in the zip file or folder `path`, or in the one zip that the folder holds.

    Raises: GtfsError.
    """
    if path.is_dir():
        archives = sorted(path.glob("*.zip"))
        if len(archives) != 1 or any(path.glob("*.txt")):
            return FolderSource(path, bounds, Notes(bounds))
        path = archives[0]
    return ArchiveSource(path, bounds, Notes(bounds))


def _check_directory(path: Path, bounds: Bounds) -> None:
    """Refuse an archive whose list of files alone would fill memory: `zipfile` reads it whole.

    Source: APPNOTE.TXT 4.3.14 to 4.3.16 (end of central directory, its size at +12; ZIP64 at +40).
    """
    with path.open("rb") as archive:
        size = archive.seek(0, io.SEEK_END)
        archive.seek(max(0, size - 65_557 - 20))
        tail = archive.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0:
            return  # zipfile says what it is not
        listed = int.from_bytes(tail[at + 12 : at + 16], "little")
        locator = tail[max(0, at - 20) : at]
        if locator[:4] == b"PK\x06\x07":
            archive.seek(min(int.from_bytes(locator[8:16], "little"), size))
            listed = max(listed & 0xFFFFFFFE, int.from_bytes(archive.read(56)[40:48], "little"))
            listed = listed if listed != 0xFFFFFFFE else 0
    if listed > bounds.directory_bytes:
        raise GtfsError(
            f"{path.name}: a list of files of {listed:,} bytes; wanted at most "
            f"{bounds.directory_bytes:,}; a GTFS feed has some thirty files"
        )
