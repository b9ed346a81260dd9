"""The office: pages of the ledger for authorities, operators and points of sale."""
