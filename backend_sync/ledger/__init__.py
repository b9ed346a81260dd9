"""The ledger: every authentic entry once, every cent in two places, every torn tap resolved.

Import `Ledger` from here. It knows pseudonyms, never a card's UID or printed number (D11).
"""

from backend_sync.ledger.imports import Sale
from backend_sync.ledger.ledger import Ledger

__all__ = ("Ledger", "Sale")
