"""Files of rows that are brought into the books: issued cards, batches, paid sales, sold tickets.

Every value is checked here against what its column holds, so that a wrong file changes nothing.
Knows files and their forms; what the rows mean is the ledger's.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from backend_sync.ledger.batches import CardBatch
from backend_sync.ledger.imports import Sale
from backend_sync.ledger.singles import CounterSale
from backend_sync.ledger.tickets import UID_BYTES, TicketSale
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.errors import LayoutError

ISSUE_BYTES = 64
CENTS_MAX, TIME_MAX, ACTION_MAX = (1 << 31) - 1, (1 << 32) - 1, (1 << 53) - 1
SALE_LETTERS, CHANNEL_LETTERS, CODE_LETTERS = 64, 32, 4096
T = TypeVar("T")


class ListFault(LayoutError):
    """A file holds no rows of its kind, or one of them is wrong; the message says which and why."""


def read_issues(path: Path) -> list[bytes]:
    """Return the ISSUE rows of a register's export. Raises: ListFault, OSError."""
    data = path.read_bytes()
    if len(data) % ISSUE_BYTES:
        raise ListFault(f"{path}: {len(data)} bytes, wanted rows of {ISSUE_BYTES}")
    return [data[at : at + ISSUE_BYTES] for at in range(0, len(data), ISSUE_BYTES)]


def read_batches(path: Path) -> list[CardBatch]:
    """Return deliveries of cards. Raises: ListFault, OSError."""

    def batch(row: Any) -> CardBatch:
        head = _bytes(row, "head")
        return CardBatch(_number(row, "authority", 255), _number(row, "batch", (1 << 24) - 1), head)

    return _listed(path, "a list of batches", batch)


def read_sales(path: Path) -> list[Sale]:
    """Return paid actions of other channels. Raises: ListFault, OSError."""

    def sale(row: Any) -> Sale:
        return Sale(
            _word(row, "sale_id", SALE_LETTERS),
            _number(row, "action_id", ACTION_MAX),
            _number(row, "cents", CENTS_MAX),
            _word(row, "channel", CHANNEL_LETTERS),
            _number(row, "time", TIME_MAX),
        )

    return _listed(path, "a list of sales", sale)


def read_tickets(path: Path) -> list[TicketSale]:
    """Return sold tourist tickets. Raises: ListFault, OSError."""

    def ticket(row: Any) -> TicketSale:
        return TicketSale(
            _word(row, "sale_id", SALE_LETTERS),
            _bytes(row, "uid", UID_BYTES),
            _bytes(row, "header", ULC_HEADER.size),
            _word(row, "channel", CHANNEL_LETTERS),
            _number(row, "time", TIME_MAX),
        )

    return _listed(path, "a list of ticket sales", ticket)


def read_counter_sales(path: Path) -> list[CounterSale]:
    """Return the single tickets of a counter's register. Raises: ListFault, OSError."""

    def sale(row: Any) -> CounterSale:
        return CounterSale(
            _word(row, "sale", SALE_LETTERS),
            _word(row, "code", CODE_LETTERS),
            _word(row, "channel", CHANNEL_LETTERS),
            _number(row, "time", TIME_MAX),
        )

    what = "a counter's register"
    with _faults(path, what):
        lines = path.read_text(encoding="utf-8").splitlines()
        return _rows(path, what, [json.loads(line) for line in lines if line.strip()], sale)


def _listed(path: Path, what: str, read: Callable[[Any], T]) -> list[T]:
    """Return the rows of a file that holds a JSON list."""
    with _faults(path, what):
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, list):
            raise TypeError(f"found {type(found).__name__}")
        return _rows(path, what, found, read)


def _rows(path: Path, what: str, found: list[Any], read: Callable[[Any], T]) -> list[T]:
    rows = []
    for number, row in enumerate(found, 1):
        with _faults(path, what, f": row {number}"):
            rows.append(read(row))
    return rows


@contextmanager
def _faults(path: Path, what: str, place: str = "") -> Iterator[None]:
    """Turn what parsing raises into one sentence."""
    try:
        yield
    except ListFault:
        raise
    except KeyError as error:
        raise ListFault(f"{path}: not {what}{place}: {error.args[0]} is missing") from None
    except UnicodeDecodeError as error:
        raise ListFault(f"{path}: not {what}{place}: byte {error.start} is no UTF-8") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ListFault(f"{path}: not {what}{place}: {error}") from None


def _number(row: Any, name: str, most: int) -> int:
    found = row[name]
    if type(found) is not int or not 0 <= found <= most:
        raise ValueError(f"{name}: found {found!r}, wanted a number 0..{most}")
    return found


def _word(row: Any, name: str, letters: int) -> str:
    """Return a text that a column of words holds; numbers are taken for their digits."""
    found = row[name]
    text = str(found) if type(found) is int else found
    if not isinstance(text, str) or not 1 <= len(text) <= letters or not text.isprintable():
        raise ValueError(f"{name}: found {found!r}, wanted 1..{letters} printable letters")
    return text


def _bytes(row: Any, name: str, size: int = 0) -> bytes:
    found = row[name]
    if not isinstance(found, str):
        raise TypeError(f"{name}: found {found!r}, wanted hexadecimal digits")
    data = bytes.fromhex(found)
    if size and len(data) != size:
        raise ValueError(f"{name}: {len(data)} bytes, wanted {size}")
    return data
