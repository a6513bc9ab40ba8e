"""From sifted bits to equal secret bits: reconciliation, verification, amplification, authentication."""
