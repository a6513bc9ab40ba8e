"""Stage 5: the length of the key, and the key itself."""

from satqkd.key.custody.keyfile import SecretBits, random_secret_bits, read_key, write_key
from satqkd.key.custody.ledger import KeyLedger
from satqkd.key.custody.relay import found_by_second, kept_by_first, relay_key
from satqkd.key.postprocessing.amplification import toeplitz, toeplitz_seed
from satqkd.key.postprocessing.authentication import authentication_cost_bits
from satqkd.key.postprocessing.reconciliation import cascade
from satqkd.key.proofs.balance import checked_assumptions
from satqkd.key.proofs.bbm92 import bbm92_key_length
from satqkd.key.proofs.counted import CountedKey, PairCounts, from_counts, sifted_pairs
from satqkd.key.proofs.decoy import DecoyCounts, decoy_key_length
from satqkd.key.stage import distill, in_words, observables

__all__ = [
    "CountedKey",
    "DecoyCounts",
    "KeyLedger",
    "PairCounts",
    "SecretBits",
    "authentication_cost_bits",
    "bbm92_key_length",
    "cascade",
    "checked_assumptions",
    "decoy_key_length",
    "distill",
    "found_by_second",
    "from_counts",
    "in_words",
    "kept_by_first",
    "observables",
    "random_secret_bits",
    "read_key",
    "relay_key",
    "sifted_pairs",
    "toeplitz",
    "toeplitz_seed",
    "write_key",
]
