"""Count tables: error rates, visibilities, S and key of acquisitions whose counts a laboratory has."""

from satqkd.counts.analysis import analyse, in_words, observables, results_table
from satqkd.counts.table import CountTable, read_table

__all__ = ["CountTable", "analyse", "in_words", "observables", "read_table", "results_table"]
