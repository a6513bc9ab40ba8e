"""A mission at a glance: where it flies, and what its key depends on."""

from satqkd.overview.figures import sensitivity_figure
from satqkd.overview.sensitivity import sensitivity
from satqkd.overview.stage import world_map

__all__ = ["sensitivity", "sensitivity_figure", "world_map"]
