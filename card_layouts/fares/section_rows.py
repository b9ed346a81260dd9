"""Sections of a package that no validator reads, taken as a whole: for settlement and for sales."""

from card_layouts.errors import LayoutError
from card_layouts.fares.package import DIRECTORY_BYTES, HEADER_BYTES, u16, u32
from card_layouts.fares.sections import SIZES


def read_rows(package, first, last):
    """Return {section: [records]} of a mounted Package's sections `first` to `last`.

    Raises: LayoutError for records of another size than this program knows.
    """
    head = bytearray(HEADER_BYTES)
    package.read_into(0, head)
    directory = bytearray(DIRECTORY_BYTES * head[7])
    package.read_into(HEADER_BYTES, directory)
    found = {}
    for at in range(0, len(directory), DIRECTORY_BYTES):
        section, size = directory[at], directory[at + 1]
        if first <= section <= last:
            if size != SIZES[section]:
                said = "package.section %d: records of %d bytes, wanted %d"
                raise LayoutError(said % (section, size, SIZES[section]))
            begin = u32(directory, at + 4)
            found[section] = [
                _record(package, begin + index * size, size)
                for index in range(u16(directory, at + 2))
            ]
    return found


def _record(package, at, size):
    record = bytearray(size)
    package.read_into(at, record)
    return record
