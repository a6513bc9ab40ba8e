"""HTML pages: the origin of a scenario's parameters, and the comparison with published values."""

from satqkd.report.first_page import first_page, write_first_page
from satqkd.report.parameters import parameters_page
from satqkd.report.readme import outdated, renew, summary, summary_figure
from satqkd.report.verdicts import validation_page

__all__ = [
    "first_page",
    "parameters_page",
    "renew",
    "outdated",
    "summary",
    "summary_figure",
    "validation_page",
    "write_first_page",
]
