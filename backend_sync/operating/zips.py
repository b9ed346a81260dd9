"""The uploaded zips, each a file named by its SHA-256 in PLACE/operating.

Files and no blobs: a download is sent from the disk and never stands in memory, the database stays
small enough to copy every night, and a zip that is there under its digest is whole. A file is
durable before the row that names it; one without a row is of an upload that was cut off, and the
same upload takes it over.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from backend_sync.operating.archive import ZIP_BYTES
from backend_sync.operating.refusals import OperatingRefused
from backend_sync.storage.disk import DiskRefused

CHUNK = 1 << 16
INCOMING = "feed.zip"  # what sentences about an upload call it
LOCK = "lock"


class Taken(NamedTuple):
    """What was uploaded, not kept yet."""

    path: Path
    digest: str
    size: int


class Zips:
    """The folder; made with the first upload."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def taken(self, stream: IO[bytes]) -> Iterator[Taken]:
        """Copy an upload to the disk; it is gone at the end unless `keep` was called.

        One at a time, whatever the number of threads and processes: reading a feed takes memory.
        Raises: OperatingRefused when it is too long, DiskRefused.
        """
        with self._on_disk():
            self.folder.mkdir(exist_ok=True)
            lock = (self.folder / LOCK).open("wb")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = self.folder / INCOMING
            try:
                with self._on_disk():
                    taken = _copied(stream, path)
                yield taken
            finally:
                path.unlink(missing_ok=True)

    def keep(self, taken: Taken) -> None:
        """Make an upload durable under its digest. Raises: DiskRefused."""
        with self._on_disk():
            with taken.path.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(taken.path, self.folder / f"{taken.digest}.zip")
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def path(self, digest: str) -> Path:
        """Return where a kept zip lies. Raises: DiskRefused when it is not what was kept."""
        path = self.folder / f"{digest}.zip"
        with self._on_disk(), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise DiskRefused(
                f"{path}: its SHA-256 is {found[:16]}...: it was changed after its upload; put"
                " back the last backup of this folder"
            )
        return path

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DiskRefused(
                f"{error.filename or self.folder}: {error.strerror}; a missing zip is in the last"
                " backup of this folder, a full disk needs room"
            ) from error


def _copied(stream: IO[bytes], path: Path) -> Taken:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while part := stream.read(CHUNK):
            size += len(part)
            if size > ZIP_BYTES:
                raise OperatingRefused(
                    "the file is longer than {most:,} bytes; wanted the feed of one operator",
                    most=ZIP_BYTES,
                )
            digest.update(part)
            file.write(part)
    return Taken(path, digest.hexdigest(), size)
