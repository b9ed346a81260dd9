"""Creditor references: what who is invoiced writes into his payment, so that it finds its bill.

A reference follows from batch and party alone, so it is the same whenever it is asked for, and says
nothing about either. Source: ISO 11649 (check digits: ISO 7064, mod 97-10); W-23.
"""

import hashlib

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BODY_LETTERS = 14  # 72 bits: of a milliard bills no two are alike


def reference_of(batch: int, party: str) -> str:
    """Return the reference of what `party` owes by `batch`, "RF" and 16 letters and digits."""
    number = int.from_bytes(hashlib.sha256(f"{batch} {party}".encode()).digest(), "big")
    body = ""
    for _ in range(BODY_LETTERS):
        number, letter = divmod(number, len(LETTERS))
        body += LETTERS[letter]
    return f"RF{98 - _remainder(body + 'RF00'):02}{body}"


def is_reference(text: str) -> bool:
    """Return whether the check digits of a creditor reference are right."""
    return text[:2] == "RF" and set(text) <= set(LETTERS) and _remainder(text[4:] + text[:4]) == 1


def account_party(area: int, account: int) -> str:
    """Return how the holder of a card's account is named as a party."""
    return f"account-{area}-{account}"


def _remainder(text: str) -> int:
    return int("".join(str(LETTERS.index(letter)) for letter in text)) % 97
