"""What ledger and auditor must agree on to settle a day: lines, tree, shares, signed batch.

Left out of the board's image. Layouts and rules: SPEC_SETTLEMENT.md beside this file.
"""
