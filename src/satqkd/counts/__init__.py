"""Count tables: error rates, visibilities, S and key of acquisitions whose counts a laboratory has."""

from satqkd.counts.analysis import analyse, in_words, observables, results_table
from satqkd.counts.fit import BenchFit, fit_bench, fit_table, predict
from satqkd.counts.table import CountTable, read_table

__all__ = [
    "BenchFit",
    "CountTable",
    "analyse",
    "fit_bench",
    "fit_table",
    "in_words",
    "observables",
    "predict",
    "read_table",
    "results_table",
]
