"""Post-processing of sifted bits to equal secret bits: reconciliation, verification, amplification, authentication."""
