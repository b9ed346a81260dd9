"""The page an explanation is: sections of rows, remarks and bytes, as text of 100 columns or JSON.

A row is one fact: its name, where it stands, its raw value in hex, and what it means.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

COLUMNS = 100
HOLDS, WRONG, OPEN = "=", "!", "?"  # a remark: checked and fine; something is wrong; cannot tell
RAW_COLUMNS_MAX = 16
BYTES_A_LINE = 16


@dataclass(frozen=True)
class Row:
    """One fact. `table` is the layout's name in SPEC.md, "" for what is not ours."""

    name: str
    raw: str
    text: str
    where: str = ""
    ids: str = ""
    table: str = ""


@dataclass
class Section:
    """A heading with what stands below it; `level` 0 is the card, 1 a part, 2 a part of it."""

    title: str
    source: str = ""
    level: int = 1
    blank: bool = False  # every row is 0: as text the names stand in one paragraph
    derived: bool = False  # says again what stands elsewhere
    rows: list[Row] = field(default_factory=list)
    data: bytes = b""
    remarks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The part of the title that is the same for every card: "File V", "Right 0"."""
        return re.split(r"[:(,]| of \d", self.title)[0].strip()

    def add(self, name: str, raw: str, text: str, where: str = "") -> None:
        """Add a row."""
        self.rows.append(Row(name, raw, text, where))

    def remark(self, mark: str, text: str) -> None:
        """Add a remark: HOLDS, WRONG or OPEN."""
        self.remarks.append((mark, text))

    def check(self, holds: bool, right: str, wrong: str) -> None:
        """Add the remark that goes with a rule: kept or broken."""
        self.remark(HOLDS if holds else WRONG, right if holds else wrong)

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        tree: dict[str, Any] = {"title": self.title, "source": self.source, "level": self.level}
        if self.rows:
            tree["rows"] = [asdict(row) for row in self.rows]
        if self.data:
            tree["data"] = self.data.hex()
        if self.remarks:
            tree["remarks"] = [{"mark": mark, "text": text} for mark, text in self.remarks]
        return tree


def render(sections: Iterable[Section]) -> str:
    """Return the sections as text of at most COLUMNS columns, ending in a newline."""
    lines: list[str] = []
    for section in sections:
        lines += ["", *_heading(section)] if lines else _heading(section)
        indent = "  " * max(section.level, 1)
        lines += _blank(section.rows, indent) if section.blank else _rows(section.rows, indent)
        lines += [indent + line for line in dump_lines(section.data)]
        for mark, text in section.remarks:
            lines += _wrapped(f"{indent}{mark} ", text, indent + "  ")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def dump_lines(data: bytes) -> list[str]:
    """Return bytes as hex and ASCII; lines of zeros in a row become one."""
    lines: list[str] = []
    skipped = 0
    for at in range(0, len(data), BYTES_A_LINE):
        part = data[at : at + BYTES_A_LINE]
        inner = 0 < at < len(data) - BYTES_A_LINE
        if inner and part == data[at - BYTES_A_LINE : at] == bytes(BYTES_A_LINE):
            skipped += 1
            continue
        if skipped:
            lines.append(f"        ... {skipped * BYTES_A_LINE} more bytes 00")
            skipped = 0
        halves = f"{part[:8].hex(' ')}  {part[8:].hex(' ')}".rstrip()
        lines.append(f"{at:6x}  {halves:<49} {printable(part)}")
    if skipped:
        lines.append(f"        ... {skipped * BYTES_A_LINE} more bytes 00")
    return lines


def printable(data: bytes) -> str:
    """Return ASCII with a dot for every byte that is none."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)


def shown(text: str) -> str:
    """Return foreign text with nothing in it that could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "." for char in text)


def _heading(section: Section) -> list[str]:
    indent = "  " * max(section.level - 1, 0)
    source = f"  ({section.source})" if section.source else ""
    title = shown(section.title)
    return _wrapped(indent, title.upper() + source if section.level == 1 else title + source, "  ")


def _blank(rows: list[Row], indent: str) -> list[str]:
    names = ", ".join(f"{row.name} {row.where}" for row in rows)
    return _wrapped(f"{indent}all 0: ", names, indent + "  ")


def _rows(rows: list[Row], indent: str) -> Iterator[str]:
    names = max((len(row.name) for row in rows), default=0)
    places = max((len(row.where) for row in rows), default=0)
    raws = max((len(row.raw) for row in rows if len(row.raw) <= RAW_COLUMNS_MAX), default=0)
    for row in rows:
        short = row.raw if len(row.raw) <= RAW_COLUMNS_MAX else ""
        parts = [f"{row.name:<{names}}"]
        parts += [f"{row.where:<{places}}"] if places else []
        parts += [f"{short:>{raws}}"] if raws else []
        head = indent + "  ".join(parts) + "  "
        text = row.text + (f"  [{row.ids}]" if row.ids else "")
        if row.raw and not short:
            text = f"{row.raw}  {text}".rstrip()
        yield from _wrapped(head, text, " " * len(head))


def _wrapped(head: str, text: str, indent: str) -> list[str]:
    text = shown(text)
    if len(head) + len(text) <= COLUMNS:
        return [head + text]
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=head,
        subsequent_indent=indent,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [head]
