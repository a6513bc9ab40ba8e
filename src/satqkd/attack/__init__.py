"""What Eve does to the light and the detectors of a station; only stage 3 asks for it."""

from satqkd.attack.eve import Eve
from satqkd.attack.knowledge import information_bits, success_probability

__all__ = ["Eve", "information_bits", "success_probability"]
