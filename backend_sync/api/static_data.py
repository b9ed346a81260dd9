"""W-145: stops, lines, timetables and fares as the GTFS file that everybody reads.

Open data: nobody needs a key. The file is made once, by `tornello api publish`, from a feed and the
tariff over it (Fares v2), and lies beside the ledger; what it holds is its hash's. Source: W-145.
"""

import shutil
import tempfile
import zipfile
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path as File
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import FileResponse, Response

from backend_sync.api.documents import document, knows, tags
from backend_sync.api.models import DIGITS, Model
from backend_sync.api.part import Part
from backend_sync.api.problems import ApiError
from backend_sync.api.routes import PUBLIC, WHOLE, Route
from backend_sync.settlement.export import write
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.export_fares import export_fares
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.gtfs_archive import open_source
from backend_sync.tariffs.zoned import dated_feed

ZIP = "application/zip"
FOLDER = "static"
NEVER = (1980, 1, 1, 0, 0, 0)  # of each file in the archive: the same content is the same bytes
Authority = Annotated[int, Path(ge=1, le=255), DIGITS]


class Published(Model):
    """The file of one authority."""

    authority: int
    bytes: int
    sha256: str


class AllPublished(Model):
    items: list[Published]


class StaticData(Part):
    """Hands out what was published."""

    ROUTES = (
        Route("GET", "/static", PUBLIC, WHOLE, "W-145", "static_files", AllPublished,
              "Whose timetables and fares there are"),
        Route("GET", "/static/{authority}/gtfs.zip", PUBLIC, WHOLE, "W-145", "static_gtfs", None,
              "Timetables and fares of one authority (GTFS, Fares v2)", media=(ZIP,)),
    )  # fmt: skip

    def static_files(self, request: Request) -> Response:
        items = []
        for authority in range(1, 256):
            path = path_of(self.place.folder, authority)
            if path.exists():
                items.append(Published(authority=authority, bytes=path.stat().st_size,
                                       sha256=_digest_of(path)))  # fmt: skip
        return document(request, AllPublished(items=items))

    def static_gtfs(self, request: Request, authority: Authority) -> Response:
        path = path_of(self.place.folder, authority)
        if not path.exists():
            raise ApiError(404, f"authority {authority} has published none; /api/v1/static lists"
                           " those that have")  # fmt: skip
        digest = _digest_of(path)
        if knows(request, digest):
            return Response(status_code=304, headers=tags(digest))
        return FileResponse(path, media_type=ZIP, filename=f"gtfs-{authority}.zip",
                            headers=tags(digest))  # fmt: skip


def _digest_of(path: File) -> str:
    """Return the SHA-256 of a file, which is replaced whole and never written into."""
    state = path.stat()
    return _digest(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _digest(path: File, _written_ns: int, _size: int) -> str:
    # Anybody may ask, as often as he likes: a city's file is read through once.
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def path_of(folder: File, authority: int) -> File:
    return folder / FOLDER / f"authority-{authority}.zip"


def publish(folder: File, tariff: File, feed: File) -> tuple[int, File, bool]:
    """Make the file of the tariff's authority; return (authority, it, whether it changed).

    Raises: TariffFault, GtfsError, OSError.
    """
    authored = read_tariff(tariff)
    dated = dated_feed(authored.source, read_feed(feed))
    made = File(tempfile.mkdtemp(prefix="tornello-"))
    try:
        export_fares(authored, dated, open_source(feed), made)
        packed = made / "gtfs.packed"
        _pack(sorted(made.glob("*.txt")), packed)
        path = path_of(folder, authored.book.authority)
        return authored.book.authority, path, write(path, packed.read_bytes())
    finally:
        shutil.rmtree(made)


def _pack(files: list[File], to: File) -> None:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(zipfile.ZipInfo(path.name, NEVER), path.read_bytes(),
                             zipfile.ZIP_DEFLATED)  # fmt: skip
