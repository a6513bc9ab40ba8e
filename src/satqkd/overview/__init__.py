"""A mission at a glance: where it flies, and what its key depends on."""

from satqkd.overview.figures import sweep_figure
from satqkd.overview.stage import world_map
from satqkd.overview.sweeps import sweep

__all__ = ["sweep", "sweep_figure", "world_map"]
