"""Names of the MQTT topics between edges and the ledger. Source: architecture.md section 6."""

from card_layouts.errors import LayoutError
from card_layouts.link.messages import is_edge_id

PREFIX = "tornello/v1"
UP = "up"  # batches, edge -> ledger
STATE = "state"  # birth and last will, retained, edge -> ledger
ACK = "ack"  # acknowledgement batches, ledger -> edge
DOWN = "down"  # packages and dock keys, ledger -> edge
LISTENED = (f"{PREFIX}/+/+/{UP}", f"{PREFIX}/+/+/{STATE}")


def topic(authority: int, edge: str, kind: str) -> str:
    return f"{PREFIX}/{authority}/{edge}/{kind}"


def parse_topic(name: str) -> tuple[int, str, str]:
    """Return (authority, edge, kind). Raises: LayoutError for a topic that is not ours."""
    parts = name.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX:
        raise LayoutError(f"topic {name!r}: wanted {PREFIX}/AUTHORITY/EDGE/KIND")
    _, _, authority, edge, kind = parts
    if not (authority.isascii() and authority.isdecimal() and int(authority) <= 255):
        raise LayoutError(f"topic {name!r}: authority {authority!r}, wanted 0..255")
    if not is_edge_id(edge):
        raise LayoutError(f"topic {name!r}: edge {edge!r}, wanted 1..24 of a-z, 0-9, -")
    return int(authority), edge, kind
