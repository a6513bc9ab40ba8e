"""Stage 6: is it entangled?"""

from satqkd.bell.chsh import Chsh, chsh
from satqkd.bell.stage import bell_test, observables

__all__ = ["Chsh", "bell_test", "chsh", "observables"]
