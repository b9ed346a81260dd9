"""Pages of a list: an opaque cursor over the number of a row, which never changes.

Rows are only added at the end, so a page that was read stays what it was. A cursor says which list
it belongs to: one of another list is refused.
"""

import base64
import binascii

from backend_sync.api.problems import ApiError

ROOM = 8


def cursor(name: str, number: int) -> str:
    """Return what continues list `name` behind row `number`."""
    raw = name.encode()[:4].ljust(4, b"_") + number.to_bytes(ROOM, "big")
    return base64.urlsafe_b64encode(raw).decode()


def number_of(name: str, text: str) -> int:
    """Return the row that a cursor stands behind, 0 for "". Raises: ApiError."""
    if not text:
        return 0
    try:
        raw = base64.urlsafe_b64decode(text)
    except (ValueError, binascii.Error):
        raw = b""
    number = int.from_bytes(raw[4:], "big")
    if len(raw) != 4 + ROOM or cursor(name, number) != text or number >= 1 << 62:
        raise ApiError(404, "query.after: no cursor of this list; wanted the `next` of a page")
    return number
