"""Read a tariff's files: their values, the place of every key, and what does not fit the grammar.

Nothing is decided here about fares. All faults are gathered, not only the first one.
Source: tariff-model.md section 2; README.md shows the grammar.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.tariffs import positions
from backend_sync.tariffs.forms import wanted
from backend_sync.tariffs.grammar import KEYS
from card_layouts.fares.package import MAGIC

KeyPath = tuple[str | int, ...]
BYTES_MAX = 8 << 20


class Place(NamedTuple):
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Finding(NamedTuple):
    """One thing wrong with a tariff, and what to do about it."""

    place: Place
    rule: str
    severity: str  # "error" or "warning"
    found: str
    wanted: str
    remedy: str
    about: dict[str, tuple[Any, ...]] = {}  # what an [accept] may narrow itself to

    def __str__(self) -> str:
        said = "; ".join(part for part in (self.found, self.wanted, self.remedy) if part)
        return f"{self.place}: {self.rule}: {said}"


class TariffFault(Exception):
    """A tariff that cannot be read, with every finding that says why."""

    def __init__(self, findings: list[Finding], path: Path = Path()) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings, self.path = findings, path


class Source(NamedTuple):
    path: Path
    values: dict[str, Any]
    places: dict[KeyPath, Place]

    def place(self, *keys: str | int) -> Place:
        """Return where the key stands, or the nearest table around it."""
        for end in range(len(keys), 0, -1):
            found = self.places.get(keys[:end])
            if found is not None:
                return found
        return Place(self.path.name, 1)

    def get(self, *keys: str | int, default: Any = None) -> Any:
        """Return the value at a path, `default` where there is none."""
        value: Any = self.values
        for key in keys:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return default
        return value


def read_source(path: Path) -> Source:
    """Return the tariff in `path` and the files it includes.

    Raises: TariffFault with a finding for each fault, OSError when `path` itself is unreadable.
    """
    findings: list[Finding] = []
    source = Source(path, {}, {})
    _read_file(path, path.parent, source, findings, [])
    if not findings:
        findings += grammar_findings(source)
    if findings:
        raise TariffFault(findings, path)
    return source


def _read_file(
    path: Path, base: Path, source: Source, findings: list[Finding], parents: list[Path]
) -> None:
    name = path.name if path.parent == base else str(path.relative_to(base))
    text = _text(path, name)
    if isinstance(text, Finding):
        findings.append(text)
        return
    try:
        where = positions.positions(text)
        findings += [_twice(name, twice) for twice in where.twice]
        values = tomllib.loads(text)
    except RecursionError:
        findings.append(_syntax(name, text, "brackets inside brackets without end"))
        return
    except ValueError as error:  # TOML's own, or a number of too many digits
        if not where.twice:
            findings.append(_syntax(name, text, str(error)))
        return
    included = values.pop("include", [])
    places = {key: Place(name, line) for key, line in where.lines.items()}
    _merge((), source, values, places, findings)
    for index, child in enumerate(included if isinstance(included, list) else []):
        place = places.get(("include", index), Place(name, 1))
        target = (path.parent / str(child)).resolve()
        if not target.is_relative_to(base.resolve()):
            findings.append(_include(place, child, "lies outside the tariff's folder"))
        elif not target.is_file():
            findings.append(_include(place, child, "is not there"))
        elif target in parents or target == path.resolve():
            findings.append(_include(place, child, "includes itself in the end"))
        else:
            _read_file(
                base / target.relative_to(base.resolve()),
                base,
                source,
                findings,
                [*parents, path.resolve()],
            )
    if not isinstance(included, list):
        said = f"include is {included!r}"
        findings.append(_error(places[("include",)], "form", said, "wanted a list of file names"))


def _text(path: Path, name: str) -> str | Finding:
    raw = path.read_bytes()
    if raw.startswith(MAGIC):
        remedy = "name the TOML it was compiled from; `explain --package` asks the package itself"
        return _error(Place(name, 1), "syntax", "a compiled package", "wanted TOML", remedy)
    if len(raw) > BYTES_MAX:
        return _error(
            Place(name, 1), "syntax", f"{len(raw):,} bytes", f"wanted at most {BYTES_MAX:,}"
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _error(
            Place(name, line), "syntax", "bytes that are no UTF-8", "wanted text in UTF-8"
        )


def _merge(
    at: KeyPath,
    source: Source,
    values: dict[str, Any],
    places: dict[KeyPath, Place],
    findings: list[Finding],
) -> None:
    """Add a file's keys; a key that two files write is a finding, tables are joined."""
    target = source.get(*at, default=source.values) if at else source.values
    for key, value in values.items():
        path = (*at, key)
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(path, source, value, places, findings)
        elif key in target:
            findings.append(_twice_in_files(path, source.places[path], places[path]))
        else:
            target[key] = value
    for path, place in places.items():
        source.places.setdefault(path, place)


def grammar_findings(source: Source) -> Iterator[Finding]:
    """Yield a finding for every unknown, missing or ill-formed key."""
    yield from _check_table((), source.values, ROOT, source)


class _Node:
    """A place in the grammar: its own row, and what may stand below it."""

    def __init__(self) -> None:
        self.form = "table"
        self.is_required = False
        self.below: dict[str, _Node] = {}

    @property
    def names(self) -> list[str]:
        return [name for name in self.below if name not in ("*", "[]")]


def _build() -> _Node:
    root = _Node()
    for row in KEYS:
        node = root
        for part in row.path.replace("[]", ".[]").split("."):
            node = node.below.setdefault(part, _Node())
        node.form, node.is_required = row.form, row.default == "required"
    return root


ROOT = _build()


def _check_table(
    path: KeyPath, table: dict[str, Any], node: _Node, source: Source
) -> Iterator[Finding]:
    for name in node.names:
        if node.below[name].is_required and name not in table:
            yield _missing(source.place(*path), (*path, name))
    for key, value in table.items():
        child = node.below.get(key) or node.below.get("*")
        if child is None:
            yield _unknown(source.place(*path, key), (*path, key), node)
        else:
            yield from _check_value((*path, key), value, child, source)


def _check_value(path: KeyPath, value: Any, node: _Node, source: Source) -> Iterator[Finding]:
    if node.form in ("tables", "list of tables", "table or tables") and isinstance(value, list):
        item = node if node.form == "table or tables" else node.below["[]"]
        for index, one in enumerate(value):
            if isinstance(one, dict):
                yield from _check_table((*path, index), one, item, source)
            else:
                at = source.place(*path, index)
                yield _ill_formed(at, (*path, index), one, "a table of keys")
    elif node.form in ("table", "table or tables"):
        if isinstance(value, dict):
            yield from _check_table(path, value, node, source)
        else:
            yield _ill_formed(source.place(*path), path, value, "a table of keys")
    elif node.form in ("tables", "list of tables"):
        said = f"tables, each written [[{dotted(path)}]]"
        yield _ill_formed(source.place(*path), path, value, said)
    elif said := wanted(node.form, value):
        yield _ill_formed(source.place(*path), path, value, said)


def unknown_name(place: Place, what: str, name: str, known: Iterable[str]) -> Finding:
    """Return the finding for a name that refers to nothing."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}"
    return Finding(place, "unknown-name", "error", f'no {what} "{name}"', "", remedy)


def dotted(path: Iterable[str | int]) -> str:
    """Return a key as a person writes it: products.value.span, foreign[0].as."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def _error(place: Place, rule: str, found: str, want: str, remedy: str = "") -> Finding:
    return Finding(place, rule, "error", found, want, remedy)


def _syntax(name: str, text: str, error: str) -> Finding:
    said, _at, where = error.partition(" (at line ")
    end = text.count("\n") + 1
    line = int(where.split(",")[0]) if where[:1].isdigit() else end
    shown = text.splitlines()[line - 1].strip()[:60] if line <= len(text.splitlines()) else ""
    near = f' near "{shown}"' if shown else " at the end of the file"
    return _error(Place(name, line), "syntax", f"{said}{near}", "wanted TOML")


def _twice(name: str, twice: positions.Twice) -> Finding:
    return _error(
        Place(name, twice.second_line),
        "duplicate-key",
        f"{dotted(twice.path)} is written here and in line {twice.first_line}",
        "wanted once",
        "delete the one that is wrong",
    )


def _twice_in_files(path: KeyPath, first: Place, second: Place) -> Finding:
    return _error(
        second,
        "duplicate-key",
        f"{dotted(path)} is written here and in {first}",
        "wanted in one of the files",
        "delete the one that is wrong",
    )


def _include(place: Place, child: Any, said: str) -> Finding:
    return _error(
        place, "include", f"{child!r} {said}", "wanted a file beside the tariff or below it"
    )


def _missing(place: Place, path: KeyPath) -> Finding:
    return _error(place, "missing-key", f"{dotted(path)} is missing", "wanted always", _how(path))


def _how(path: KeyPath) -> str:
    row = next((row for row in KEYS if _fits(row.path, path)), None)
    return f"write it: {row.what}" if row is not None else ""


def _fits(pattern: str, path: KeyPath) -> bool:
    parts = pattern.replace("[]", ".[]").split(".")
    return len(parts) == len(path) and all(
        p in ("*", "[]") or p == str(key) for p, key in zip(parts, path, strict=True)
    )


def _unknown(place: Place, path: KeyPath, node: _Node) -> Finding:
    near = difflib.get_close_matches(str(path[-1]), node.names, n=1, cutoff=0.5)
    known = ", ".join(node.names) or "no key"
    remedy = f"did you mean {near[0]}?" if near else f"known here: {known}"
    return _error(place, "unknown-key", f"{dotted(path)} is no key of a tariff", "", remedy)


def _ill_formed(place: Place, path: KeyPath, value: Any, want: str) -> Finding:
    number, remedy = _float_in(value), ""
    if number is not None:
        text = f"{number:.2f}" if "amount" in want else f"{number:g}"
        remedy = f'a float is not what was written: write "{text}" as text'
    return _error(place, "form", f"{dotted(path)} = {_shown(value)}", f"wanted {want}", remedy)


def _float_in(value: Any) -> float | None:
    if isinstance(value, float):
        return value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for item in items if (found := _float_in(item)) is not None), None)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value[:60]}"'
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
