"""The analytic chain: what a session is expected to yield, without drawing a single event."""

from satqkd.planning.check import check
from satqkd.planning.example import record_example
from satqkd.planning.expected import expected, expected_from_orbit
from satqkd.planning.plan import Forecast, make_plan
from satqkd.planning.planfile import Plan, load_plan

__all__ = [
    "Forecast",
    "Plan",
    "check",
    "expected",
    "expected_from_orbit",
    "load_plan",
    "make_plan",
    "record_example",
]
