"""The joint calibration of the experiments: its problem, its posterior, and the committed draws."""

from satqkd.calibration.draws import calibrated_names, calibration_problem, parameter_draws
from satqkd.calibration.figures import corner_figure, targets_figure
from satqkd.calibration.posterior import Flight, diagnostics, sample
from satqkd.calibration.problem import Parameter, Problem, Target, calibration_file, read_problem

__all__ = [
    "Flight",
    "Parameter",
    "Problem",
    "Target",
    "calibrated_names",
    "calibration_file",
    "calibration_problem",
    "corner_figure",
    "diagnostics",
    "parameter_draws",
    "read_problem",
    "sample",
    "targets_figure",
]
