"""Recomputes settled days from outside: without ledger, keys or databases."""
