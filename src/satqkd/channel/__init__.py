"""Stage 2: what does the link lose?"""

from satqkd.channel.stage import COMPONENTS, link_budget, observables, to_db

__all__ = ["COMPONENTS", "link_budget", "observables", "to_db"]
