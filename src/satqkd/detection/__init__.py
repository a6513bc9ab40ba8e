"""Stage 3: what clicks?"""

from satqkd.detection.recordings import read_tags
from satqkd.detection.stage import observables, simulate

__all__ = ["observables", "read_tags", "simulate"]
