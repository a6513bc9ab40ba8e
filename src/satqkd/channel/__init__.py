"""Stage 2: what does the link lose?"""

from satqkd.channel.calibration import calibrate, read_plan
from satqkd.channel.stage import COMPONENTS, link_budget, observables, to_db

__all__ = ["COMPONENTS", "calibrate", "link_budget", "observables", "read_plan", "to_db"]
