"""Satellite quantum key distribution, reproducible from the orbit to the secret key and the Bell test."""

from satqkd.scenario import Scenario, ScenarioError, load_scenario

__all__ = ["Scenario", "ScenarioError", "load_scenario"]
