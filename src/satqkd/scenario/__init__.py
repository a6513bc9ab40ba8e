"""Scenario files: the models that check them, their JSON schema and their error messages."""

from satqkd.scenario.bench import Bench
from satqkd.scenario.counts import Counts
from satqkd.scenario.messages import ScenarioError
from satqkd.scenario.mission import INTENSITIES, PROOFS, AnyScenario, Experiment, Scenario
from satqkd.scenario.provided import data_folder
from satqkd.scenario.reading import ORIGINS, load_scenario
from satqkd.scenario.recorded import Recorded, RecordedStation
from satqkd.scenario.schema import json_schema

__all__ = [
    "INTENSITIES",
    "ORIGINS",
    "PROOFS",
    "AnyScenario",
    "Bench",
    "Counts",
    "Experiment",
    "Recorded",
    "RecordedStation",
    "Scenario",
    "ScenarioError",
    "data_folder",
    "json_schema",
    "load_scenario",
]
