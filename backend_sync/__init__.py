"""The thin core inland: intake, keyring, ledger, resolve, publisher."""
