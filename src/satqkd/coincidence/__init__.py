"""Stage 4: which clicks belong together?"""

from satqkd.coincidence.clock import Clock, recover_clock
from satqkd.coincidence.matching import count, histogram, match
from satqkd.coincidence.sifting import sift
from satqkd.coincidence.stage import coincidences, observables

__all__ = ["Clock", "coincidences", "count", "histogram", "match", "observables", "recover_clock", "sift"]
