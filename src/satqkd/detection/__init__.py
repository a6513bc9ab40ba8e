"""Stage 3: what clicks?"""

from satqkd.detection.recordings import read_tags
from satqkd.detection.stage import simulate

__all__ = ["read_tags", "simulate"]
