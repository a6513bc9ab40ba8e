"""Lengths that finite-key proofs grant, for photon pairs and for decoy states."""
