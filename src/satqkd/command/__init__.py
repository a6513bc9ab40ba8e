"""The command `satqkd`."""
