"""The rules of the postings that closing a day books, or adopting a batch (`README.md`)."""

BILLED, SPLIT, SHARED, TAX, CLEARED = "BILLED", "SPLIT", "SHARED", "VAT", "CLEARING"
RULES = (BILLED, SPLIT, SHARED, TAX, CLEARED)
EVERY_RULE = ", ".join(f"'{rule}'" for rule in RULES)  # for SQL
