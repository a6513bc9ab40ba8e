"""Custody of keys: their files, the ledger of used bits, and the relay to a second station."""
