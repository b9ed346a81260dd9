"""Backups of everything in a ledger's folder: made, verified, put back."""
