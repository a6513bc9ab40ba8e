"""Pages for a reader: where a scenario's parameters come from, and which published values came out."""

from satqkd.report.first_page import first_page, write_first_page
from satqkd.report.parameters import parameters_page
from satqkd.report.readme import renew, rotten, summary, summary_figure
from satqkd.report.verdicts import validation_page

__all__ = [
    "first_page",
    "parameters_page",
    "renew",
    "rotten",
    "summary",
    "summary_figure",
    "validation_page",
    "write_first_page",
]
