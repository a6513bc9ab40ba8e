"""Stage 7: would a fibre do?"""

from satqkd.fiber.stage import compare, observables

__all__ = ["compare", "observables"]
