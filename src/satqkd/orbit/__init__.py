"""Stage 1: where is the satellite?"""

from satqkd.orbit.elements import Elements, read_elements
from satqkd.orbit.passes import Pass, joint_passes, passes
from satqkd.orbit.propagation import Station, look_angles, propagate
from satqkd.orbit.stage import find_sessions, observables

__all__ = [
    "Elements",
    "Pass",
    "Station",
    "find_sessions",
    "joint_passes",
    "look_angles",
    "observables",
    "passes",
    "propagate",
    "read_elements",
]
