"""Sweeps: a grid of designs around one scenario."""

from satqkd.sweep.sweepfile import Sweep, load_sweep

__all__ = ["Sweep", "load_sweep"]
