"""The ledger for machines: `/api/v1`, the interfaces W-137 to W-145."""
