"""The command that starts the unix board: MicroPython, the image, the lines, and no other file.

MicroPython is given a few lines on its command line that mount the image and import the
firmware from it: nothing of the source tree is opened.
"""

from __future__ import annotations

from pathlib import Path

from firmware.app import SELDOM

HEAP_KIB = 160  # live heap; the image, which boards run from flash, comes on top

BOOT = (
    "import gc, hashlib, os, sys, vfs\n"
    "path = sys.argv[1]\n"
    "image = bytearray(os.stat(path)[6])\n"
    "file = open(path, 'rb')\n"
    "file.readinto(image)\n"
    "file.close()\n"
    "vfs.mount(vfs.VfsRom(image), '/rom')\n"
    "sys.path[:] = ['/rom']\n"
    "image = hashlib.sha256(image).digest()[:16]\n"
    "del path, file, sys.argv[1]\n"
    # Collected often while it is loaded, so that what stays lies close together.
    "gc.threshold(2048)\n"
    "from tornello import forget_seldom, main\n"
    # Their names stay for ever once they were loaded: let them lie here, not between two taps.
    f"for name in {SELDOM}:\n"
    "    __import__(name)\n"
    "    forget_seldom()\n"
    "gc.collect()\n"
    "gc.threshold(-1)\n"
    "main(image)\n"
)


def board_command(
    micropython: str,
    image: Path,
    config: Path,
    reader: str,
    link: str,
    control: str,
    flash: Path,
    trace: bool = False,
    heap_kib: int = HEAP_KIB,
) -> list[str]:
    """Return the argument list that runs one validator.

    Units: heap_kib in KiB beside the image, whose size is added.
    """
    heap_kib += -(-image.stat().st_size // 1024)
    command = [micropython, "-X", f"heapsize={heap_kib}k", "-c", BOOT, str(image)]
    command += [str(config), reader, link, control, str(flash)]
    return [*command, "trace"] if trace else command
