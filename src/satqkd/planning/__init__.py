"""The analytic chain: what a session is expected to yield, without drawing a single event."""

from satqkd.planning.check import check
from satqkd.planning.example import record_example
from satqkd.planning.expected import expected, expected_from_orbit

__all__ = ["check", "expected", "expected_from_orbit", "record_example"]
