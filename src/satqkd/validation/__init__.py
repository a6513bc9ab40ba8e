"""Stage 8: do the results agree with the published values?"""

from satqkd.validation.compare import compare, read_known_deviations, unexplained
from satqkd.validation.reference import load_reference, observed
from satqkd.validation.stage import gather, save_table, simulated_values, tally, validate, without_key

__all__ = [
    "compare",
    "gather",
    "load_reference",
    "observed",
    "read_known_deviations",
    "save_table",
    "simulated_values",
    "tally",
    "unexplained",
    "validate",
    "without_key",
]
