"""Stage 5: how many secret bits?"""

from satqkd.key.bbm92 import bbm92_key_length
from satqkd.key.decoy import DecoyCounts, decoy_key_length
from satqkd.key.stage import distill, observables

__all__ = ["DecoyCounts", "bbm92_key_length", "decoy_key_length", "distill", "observables"]
