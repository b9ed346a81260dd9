"""Finds what names a card of plastic in the tables of a ledger: there must be nothing (D11)."""

from backend_sync.ledger import schema
from tests.backend_sync.builders import AUTHORITY

FIRST_SERIAL = 31_000_000


def numbers_of(index):
    """Return serial and printed number (authority, serial, Luhn) of `World.plastic(index)`."""
    digits = f"{AUTHORITY:03}{FIRST_SERIAL + index:08}"
    doubled = [int(d) * (1 + (place % 2 == 0)) for place, d in enumerate(reversed(digits))]
    check = -sum(n - 9 * (n > 9) for n in doubled) % 10
    return {FIRST_SERIAL + index, int(f"{digits}{check}")}


def traces(database, cards, indexes):
    """Return (table, value) wherever a UID of `cards` or a number of `indexes` stands."""
    uids = [card.uid for card in cards]
    words = [uid.hex() for uid in uids]
    numbers = set().union(*map(numbers_of, indexes)) if indexes else set()
    words += [str(number) for number in numbers if number > 10**11]
    found = []
    for table in schema.metadata.tables.values():
        for row in database.rows(f"SELECT * FROM {table.name}"):
            for value in row:
                if isinstance(value, (bytes, memoryview)):
                    wrong = any(uid in bytes(value) for uid in uids)
                elif isinstance(value, str):
                    wrong = any(word in value.lower() for word in words)
                else:
                    wrong = value in numbers
                if wrong:
                    found.append((table.name, value))
    return found
