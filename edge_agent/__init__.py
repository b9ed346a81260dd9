"""The edge agent: CPython beside the hardware, between docks and the ledger."""
