"""The ledger: every authentic entry once, every cent in two places, every torn tap resolved.

Import `Ledger` from here. It knows pseudonyms, never a card's UID or printed number (D11).
"""

from backend_sync.ledger.ledger import Ledger, Sale

__all__ = ("Ledger", "Sale")
