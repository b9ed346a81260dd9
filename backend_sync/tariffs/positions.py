"""Where each key of a TOML text stands: tomllib gives values, this gives their lines.

It walks the text once and notes the line of every table, key and array item, and of every key
written twice. It trusts tomllib for the rest: what is no TOML is tomllib's to refuse, and here
only ends the walk. Source: TOML 1.0.
"""

import bisect
import re
from typing import NamedTuple

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[ \t]*([A-Za-z0-9_-]+)[ \t]*")
_BARE_VALUE = re.compile(r"[^,\]}#\r\n]+")
# What most values and assignments look like, in one step: an empty string may begin a `"""`.
_PLAIN = r'[ \t]*(?:"[^"\\\n]+"|[A-Za-z0-9+-][^,\]}#\r\n]*)'
_PLAIN_VALUE = re.compile(_PLAIN)
_PLAIN_ASSIGNMENT = re.compile(r"[ \t]*([A-Za-z0-9_-]+)[ \t]*=" + _PLAIN)
# The three-quoted forms first: `"""` begins like `""`.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.S
)


class Twice(NamedTuple):
    """A key or table written a second time."""

    path: Path
    first_line: int
    second_line: int


class Positions(NamedTuple):
    lines: dict[Path, int]  # 1-based line of each key, table and array item
    twice: list[Twice]


class _End(Exception):
    """The text is no TOML from here on."""


def positions(text: str) -> Positions:
    """Return where the keys of `text` stand; of a broken text, those before the break."""
    walk = _Walk(text)
    try:
        walk.document()
    except _End:
        pass
    return Positions(walk.lines, walk.twice)


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[Path, int] = {}
        self.twice: list[Twice] = []
        self.headers: set[Path] = set()  # tables opened by a [header] of their own
        self.counts: dict[Path, int] = {}  # how many [[tables]] so far

    def document(self) -> None:
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._assignment(table)

    def _header(self) -> Path:
        line, is_many = self._line(), self.text.startswith("[[", self.at)
        self.at += 2 if is_many else 1
        keys = self._keys()
        self._expect("]]" if is_many else "]")
        path = self._resolve(keys[:-1]) + (keys[-1],)
        if is_many:
            self.lines.setdefault(path, line)
            index = self.counts.get(path, 0)
            self.counts[path] = index + 1
            path += (index,)
            self.lines[path] = line
            return path
        if path in self.headers or (path in self.lines and not self._is_opened_by_children(path)):
            self.twice.append(Twice(path, self.lines[path], line))
        self.headers.add(path)
        self.lines[path] = line
        return path

    def _is_opened_by_children(self, path: Path) -> bool:
        """[a.b] may stand before [a]: then [a] is written for the first time."""
        return path not in self.headers and any(
            p[: len(path)] == path and len(p) > len(path) and p in self.headers for p in self.lines
        )

    def _resolve(self, keys: Path) -> Path:
        """Return the path of a header's parents: inside [[a]] it is the newest one of `a`."""
        path: Path = ()
        for key in keys:
            path += (key,)
            self.lines.setdefault(path, self._line())
            if path in self.counts:
                path += (self.counts[path] - 1,)
        return path

    def _assignment(self, table: Path) -> None:
        line = self._line()
        plain = _PLAIN_ASSIGNMENT.match(self.text, self.at)
        keys = self._keys() if plain is None else (plain.group(1),)
        for end in range(1, len(keys)):
            self.lines.setdefault(table + keys[:end], line)
        path = table + keys
        if path in self.lines:
            self.twice.append(Twice(path, self.lines[path], line))
        self.lines.setdefault(path, line)
        if plain is not None:
            self.at = plain.end()
            return
        self._expect("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._skip(_PLAIN_VALUE):
            return
        self._skip(_SPACE)
        if self.text.startswith("[", self.at):
            self._items(path)
        elif self.text.startswith("{", self.at):
            self._inline(path)
        elif not self._skip(_STRING) and not self._skip(_BARE_VALUE):
            raise _End

    def _items(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self.text.startswith("]", self.at):
                self.at += 1
                return
            self.lines[(*path, index)] = self._line()
            self._value((*path, index))
            self._skip(_BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1
            index += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        while True:
            self._skip(_BLANK)
            if self.text.startswith("}", self.at):
                self.at += 1
                return
            self._assignment(path)
            self._skip(_BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1

    def _keys(self) -> tuple[str, ...]:
        """Return the parts of a dotted key."""
        keys = []
        while True:
            match = _BARE_KEY.match(self.text, self.at)
            if match is not None:
                keys.append(match.group(1))
                self.at = match.end()
            else:
                self._skip(_SPACE)
                match = _STRING.match(self.text, self.at)
                if match is None:
                    raise _End
                keys.append(match.group()[1:-1])
                self.at = match.end()
                self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(keys)
            self.at += 1

    def _expect(self, mark: str) -> None:
        """Pass a mark that stands right behind keys and their blanks."""
        if not self.text.startswith(mark, self.at):
            raise _End
        self.at += len(mark)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.at)
        if match is None:
            return False
        before, self.at = self.at, match.end()
        return self.at != before

    def _line(self) -> int:
        return bisect.bisect_left(self.ends, self.at) + 1
