"""Settings that give the longest key, before a pass and after it."""
