"""The analytic chain: what a session is expected to yield, without drawing a single event."""

from satqkd.analytic.expected import expected, expected_from_orbit

__all__ = ["expected", "expected_from_orbit"]
