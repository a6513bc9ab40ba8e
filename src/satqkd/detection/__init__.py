"""Stage 3: what clicks? Time tags, simulated or recorded."""

from satqkd.detection.recordings import import_recordings, read_tags, tag_chunks, write_tags
from satqkd.detection.stage import observables, simulate, sky_background

__all__ = ["import_recordings", "observables", "read_tags", "simulate", "sky_background", "tag_chunks", "write_tags"]
