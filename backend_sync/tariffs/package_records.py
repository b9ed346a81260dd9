"""Numbers into records: the few shapes every section of a tariff package is made of."""

from card_layouts.errors import RangeError


class Texts:
    """The texts of a package: equal ones stand once; a reference is the byte offset / 2."""

    def __init__(self) -> None:
        self.bytes = bytearray(b"\0\0")
        self._known: dict[str, int] = {"": 0}

    def add(self, text: str) -> int:
        """Return the reference of `text`. Raises: RangeError when 128 KiB of text are full."""
        if text not in self._known:
            self._known[text] = within("texts", len(self.bytes) // 2, 0xFFFF)
            self.bytes += text.encode("utf-8") + b"\0"
            self.bytes += bytes(len(self.bytes) & 1)
        return self._known[text]


def within(place: str, value: int, most: int, least: int = 0) -> int:
    """Return `value`. Raises: RangeError naming `place` unless least <= value <= most."""
    if not least <= value <= most:
        raise RangeError(f"tariff package, {place}: {value}, wanted {least}..{most}")
    return value


def u8(place: str, *values: int) -> bytes:
    """Return one byte for each value. Raises: RangeError."""
    return bytes(within(place, value, 0xFF) for value in values)


def u16(place: str, *values: int) -> bytes:
    """Return two bytes for each value, least significant first. Raises: RangeError."""
    return b"".join(within(place, value, 0xFFFF).to_bytes(2, "little") for value in values)


def u24(place: str, value: int) -> bytes:
    """Return three bytes. Raises: RangeError."""
    return within(place, value, 0xFFFFFF).to_bytes(3, "little")


def u32(place: str, *values: int) -> bytes:
    """Return four bytes for each value. Raises: RangeError."""
    return b"".join(within(place, value, 0xFFFFFFFF).to_bytes(4, "little") for value in values)
