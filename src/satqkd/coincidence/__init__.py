"""Stage 4: which clicks belong together?"""

from satqkd.coincidence.acquisition import detection_limit_hz
from satqkd.coincidence.clock import Clock, recover_clock
from satqkd.coincidence.matching import count, histogram, match
from satqkd.coincidence.sifting import sift
from satqkd.coincidence.stage import coincidences, observables

__all__ = [
    "Clock",
    "coincidences",
    "count",
    "detection_limit_hz",
    "histogram",
    "match",
    "observables",
    "recover_clock",
    "sift",
]
