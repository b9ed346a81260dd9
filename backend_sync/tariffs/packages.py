"""What a package's own header tells: whose it is, its version, and when it holds.

Source: card_layouts/fares/package.py; the seconds are those a manifest carries (D18).
"""

from pathlib import Path
from typing import NamedTuple

from card_layouts.errors import LayoutError
from card_layouts.fares import sections as s
from card_layouts.fares.package import Package, memory_reader, u16, u32

DAY_MINUTES = 1440


class PackageInfo(NamedTuple):
    body: bytes
    authority: int
    version: int
    semantics: int
    valid_from: int  # service days
    valid_to: int
    valid_from_second: int  # UTC seconds since 2020 at which the first service day begins
    expires_second: int  # ... and at which the day after the last one does


def package_info(path: Path) -> PackageInfo:
    """Return what the header of a format 2 package tells.

    Raises: OSError when it is unreadable, LayoutError naming the file when it is no package.
    """
    body = path.read_bytes()
    package = Package(memory_reader(body))
    try:
        package.mount()
    except LayoutError as error:
        raise LayoutError(f"{path.name}: {error}") from None
    return PackageInfo(
        body,
        package.authority,
        package.version,
        package.semantics,
        package.valid_from,
        package.valid_to,
        _begins(package, package.valid_from),
        _begins(package, package.valid_to + 1),
    )


def _begins(package: Package, day: int) -> int:
    """Return the UTC second at which a service day begins: its wall clock at the shift."""
    wall = (day * DAY_MINUTES + package.shift) * 60
    row, second = bytearray(8), 0
    for index in range(package.count(s.OFFSETS)):
        package.read(s.OFFSETS, index, row)
        offset = u16(row, 4) - (0x10000 if row[5] & 0x80 else 0)
        if index == 0 or wall - offset * 60 >= u32(row, 0):
            second = wall - offset * 60
    return max(second, 0)
