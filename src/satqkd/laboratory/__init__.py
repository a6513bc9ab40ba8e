"""The attack laboratory: each attack against a station with and without its countermeasure, by the same chain."""

from satqkd.laboratory.cell import Outcome, run_cell, verdict
from satqkd.laboratory.experiments import EXPERIMENTS, Experiment

__all__ = ["EXPERIMENTS", "Experiment", "Outcome", "run_cell", "verdict"]
