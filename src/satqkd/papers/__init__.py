"""The figures of the four papers, regenerated with the published values upon them."""

from satqkd.papers.catalogue import CATALOGUE, PaperFigure
from satqkd.papers.results import Results, read_results
from satqkd.papers.stage import deviations, draw_figures, figure_tables, observables

__all__ = [
    "CATALOGUE",
    "PaperFigure",
    "Results",
    "deviations",
    "draw_figures",
    "figure_tables",
    "observables",
    "read_results",
]
