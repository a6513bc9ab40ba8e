"""What the user writes: the model of a scenario file, its schema and its messages."""

from satqkd.scenario.messages import ScenarioError
from satqkd.scenario.mission import INTENSITIES, Experiment, Scenario
from satqkd.scenario.reading import ORIGINS, load_scenario
from satqkd.scenario.recorded import Recorded, RecordedStation
from satqkd.scenario.schema import json_schema

__all__ = [
    "INTENSITIES",
    "ORIGINS",
    "Experiment",
    "Recorded",
    "RecordedStation",
    "Scenario",
    "ScenarioError",
    "json_schema",
    "load_scenario",
]
