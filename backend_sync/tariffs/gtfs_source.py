"""Rows of a GTFS zip or folder: streamed, bounded, each fault named by file and line.

Nothing is unpacked to disk and only the names asked for are opened, so no path inside an archive
is ever followed. Knows CSV and archives; what the columns mean is `gtfs.py`'s.
Source: the GTFS reference, "File requirements" (UTF-8, RFC 4180 with a header line); T22.
"""

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple


class GtfsError(ValueError):
    """A feed that cannot be used: file, line, what was found, what was wanted, what to do."""


class Bounds(NamedTuple):
    """What one feed may ask of this machine. An authority's feed stays far below these."""

    file_bytes: int = 512 << 20  # of one file, unpacked
    ratio: int = 100  # unpacked to packed, above 1 MiB
    directory_bytes: int = 1 << 20  # the archive's own list of files
    rows: int = 250_000  # of any file but stop_times
    calls: int = 5_000_000  # rows of stop_times
    line_chars: int = 1 << 16
    field_chars: int = 4096
    columns: int = 200
    lines_a_row: int = 50  # a quoted name may hold line breaks
    service_days: int = 2_000_000  # dates of all services together
    warnings: int = 200


BOUNDS = Bounds()


def shown(value: str) -> str:
    """Return `value` quoted for a message: short, one line, no control characters."""
    return ascii(value) if len(value) <= 40 else f"{ascii(value[:40])}... ({len(value)} characters)"


class Notes:
    """What was read but should be looked at: one line a kind, its first place and how many."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._seen: dict[str, tuple[str, int]] = {}

    def add(self, at: str, kind: str, found: str) -> None:
        """Note `found` at place `at` ("trips.txt:7"); later ones of the same `kind` are counted."""
        first, count = self._seen.get(kind, (f"{at}: {found}", 0))
        if kind in self._seen or len(self._seen) < self._bounds.warnings:
            self._seen[kind] = (first, count + 1)

    def lines(self) -> tuple[str, ...]:
        return tuple(
            first if count == 1 else f"{first} (and {count - 1:,} more like it)"
            for first, count in self._seen.values()
        )


class Source:
    """A feed's files as rows; remembers what it read for the feed's hash."""

    def __init__(self, path: Path, bounds: Bounds, notes: Notes) -> None:
        self.path, self.bounds, self.notes = path, bounds, notes
        self._digests: dict[str, bytes] = {}

    def open(self, name: str) -> IO[bytes] | None:
        """Return the bytes of file `name`, or None if the feed has none."""
        raise NotImplementedError

    def has(self, name: str) -> bool:
        stream = self.open(name)
        if stream is not None:
            stream.close()
        return stream is not None

    def rows(
        self, name: str, need: Sequence[str], may: Sequence[str] = (), limit: int = 0
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, values of the columns `need` then `may`) for each row of `name`.

        Values are stripped; those of `need` are never empty, a column absent from `may` is "".
        A file that is absent yields nothing. Raises: GtfsError.
        """
        stream = self.open(name)
        if stream is None:
            return
        with stream:
            counted = _Counted(stream, name, self.bounds)
            lines = _Lines(counted, name, self.bounds)
            try:
                yield from self._table(name, lines, need, may, limit or self.bounds.rows)
            except csv.Error as error:
                raise GtfsError(
                    f"{name}:{lines.number}: {error}; wanted comma-separated values with closed "
                    "quotes; mend the row"
                ) from None
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
                raise GtfsError(
                    f"{name}:{lines.number}: the archive breaks off here ({error}); wanted a whole "
                    "file; fetch the feed again"
                ) from None
            self._digests[name] = counted.digest()

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the titles in the header of `name`, () if the feed has no such file."""
        stream = self.open(name)
        if stream is None:
            return ()
        with stream:
            lines = _Lines(_Counted(stream, name, self.bounds), name, self.bounds)
            try:
                titles = next(csv.reader(lines, skipinitialspace=True), [])
            except (csv.Error, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
                raise GtfsError(f"{name}:1: no header ({error}); wanted column titles") from None
        return tuple(title.strip() for title in titles)

    def need(self, name: str) -> None:
        """Raise GtfsError unless the feed has the file `name`."""
        if not self.has(name):
            raise GtfsError(
                f"{self.path.name or self.path}: no {name}; wanted the files of a GTFS feed, not"
                " inside a folder of the archive"
            )

    def digest(self) -> bytes:
        joined = b"".join(k.encode() + v for k, v in sorted(self._digests.items()))
        return hashlib.sha256(joined).digest()

    def _table(
        self, name: str, lines: "_Lines", need: Sequence[str], may: Sequence[str], limit: int
    ) -> Iterator[tuple[int, list[str]]]:
        table = csv.reader(lines, skipinitialspace=True, strict=True)
        header = [title.strip() for title in next(table, [])]
        places = self._places(name, header, need, may)
        needed, widest, field_chars = len(need), len(header), self.bounds.field_chars
        count = 0
        for row in table:
            lines.row_started = lines.number
            if len(row) != widest:
                if not row:
                    continue
                self._width(f"{name}:{lines.number}", row, widest)
            values = [row[i].strip() if i >= 0 else "" for i in places]
            for at, value in enumerate(values):
                if not value and at < needed:
                    raise GtfsError(
                        f"{name}:{lines.number}: column {need[at]} is missing or empty; wanted a "
                        "value in each row"
                    )
                if len(value) > field_chars:
                    raise GtfsError(
                        f"{name}:{lines.number}: column {(*need, *may)[at]} holds {shown(value)}; "
                        f"wanted at most {field_chars} characters"
                    )
            count += 1
            if count > limit:
                raise GtfsError(
                    f"{name}:{lines.number}: more than {limit:,} rows; wanted the feed of one "
                    "authority; cut the feed down"
                )
            yield lines.number, values

    def _places(
        self, name: str, header: list[str], need: Sequence[str], may: Sequence[str]
    ) -> list[int]:
        if len(header) > self.bounds.columns:
            raise GtfsError(
                f"{name}:1: {len(header)} columns; wanted at most {self.bounds.columns}"
            )
        twice = sorted({t for t in header if t and header.count(t) > 1})
        if twice:
            raise GtfsError(f"{name}:1: column {shown(twice[0])} stands twice; wanted it once")
        missing = [column for column in need if column not in header]
        if missing:
            raise GtfsError(
                f"{name}:1: column {missing[0]} is missing or empty; wanted {', '.join(need)} in "
                f"the header, found {shown(','.join(header))}"
            )
        return [header.index(column) if column in header else -1 for column in (*need, *may)]

    def _width(self, at: str, row: list[str], widest: int) -> None:
        if any(value.strip() for value in row[widest:]):
            raise GtfsError(
                f"{at}: {len(row)} values under {widest} columns; wanted one a column; a value "
                "with a comma needs quotes"
            )
        file = at.partition(":")[0]
        self.notes.add(
            at,
            f"width {file}",
            f"{len(row)} values under {widest} columns, read as if "
            "the missing ones were empty; write one value a column",
        )
        row.extend([""] * (widest - len(row)))


class _Counted(io.RawIOBase):
    """A file's bytes, hashed and counted as they are unpacked: a header may lie about the size."""

    def __init__(self, stream: IO[bytes], name: str, bounds: Bounds) -> None:
        self._stream, self._name, self._bounds = stream, name, bounds
        self._hash, self._size = hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        chunk = self._stream.read(len(buffer))
        self._size += len(chunk)
        if self._size > self._bounds.file_bytes:
            raise GtfsError(
                f"{self._name}: unpacks to more than {self._bounds.file_bytes} bytes; wanted the "
                "feed of one authority"
            )
        self._hash.update(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def digest(self) -> bytes:
        return self._hash.digest()


class _Lines:
    """The lines of a file: UTF-8 with or without BOM, any line ends, each of bounded length."""

    def __init__(self, raw: io.RawIOBase, name: str, bounds: Bounds) -> None:
        self.number = 0
        self.row_started = 0
        # Undecodable bytes become surrogates, so that the fault has a line number.
        self._text = io.TextIOWrapper(
            io.BufferedReader(raw, 1 << 16), "utf-8-sig", "surrogateescape", newline=""
        )
        self._name, self._bounds = name, bounds

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._bounds.line_chars + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > self._bounds.line_chars:
            self._refuse(f"a line of more than {self._bounds.line_chars:,} characters")
        if self.number - self.row_started > self._bounds.lines_a_row:
            self._refuse(f"one row over {self._bounds.lines_a_row} lines; a quote is not closed")
        if "\0" in line:
            self._refuse("a NUL character")
        if not line.isascii():
            try:
                line.encode("utf-8")
            except UnicodeEncodeError as error:
                self._refuse(f"not UTF-8 at character {error.start + 1}")
        return line

    def _refuse(self, found: str) -> None:
        raise GtfsError(
            f"{self._name}:{self.number}: {found}; wanted UTF-8 text, one row a line; save the "
            "table as UTF-8 CSV"
        )
