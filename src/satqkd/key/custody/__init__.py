"""Keys that exist: their files, the ledger of what was used, and the relay to a second station."""
