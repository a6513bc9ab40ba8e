"""Tables in the notebooks: the inputs of a stage, and its outcomes next to the published values."""

from satqkd.tables.outcomes import display_beside_published, verdict_counts, verdict_table
from satqkd.tables.parameters import INPUTS, inputs, parameter_rows
from satqkd.tables.table import Table

__all__ = [
    "INPUTS",
    "Table",
    "display_beside_published",
    "inputs",
    "parameter_rows",
    "verdict_counts",
    "verdict_table",
]
