"""The explorer: a scenario with sliders, for notebooks."""

from satqkd.explorer.sliders import Explorer

__all__ = ["Explorer"]
