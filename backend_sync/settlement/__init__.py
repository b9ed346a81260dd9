"""Closes service days: what everybody gets and owes, signed so that an outsider can check it."""
