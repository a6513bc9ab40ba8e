"""The planner: the passes of the coming days over many stations, and what each will yield."""

from satqkd.planner.plan import Forecast, make_plan
from satqkd.planner.planfile import Plan, load_plan
from satqkd.planner.second_station import second_station_scenario

__all__ = ["Forecast", "Plan", "load_plan", "make_plan", "second_station_scenario"]
