"""Fill numba's cache, so that no notebook waits for the compiler: ``python -m satqkd.workflow.warm``."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from satqkd.channel import link_budget
from satqkd.coincidence import coincidences
from satqkd.detection import simulate
from satqkd.key import distill
from satqkd.key.postprocessing.distillation import distilled_key
from satqkd.orbit import find_sessions
from satqkd.scenario import Scenario
from satqkd.workflow.check import check

SHORT = {
    "tiangong2": {"orbit.max_duration_s": 3},
    "yin2020": {"measurements.0.duration_s": 2, "measurements.1.duration_s": 2},
    "yin2017": {"measurements.0.duration_s": 2, "measurements.1.duration_s": 2},
}


def warm(scenarios: str | Path = "data/scenarios") -> None:
    """Run all stages on a few seconds of every kind of scenario."""
    for name, shortened in SHORT.items():
        scenario = check(Path(scenarios) / f"{name}.yaml").replaced(shortened)
        assert isinstance(scenario, Scenario)  # `SHORT` names missions
        orbit = find_sessions(scenario)
        with TemporaryDirectory() as folder:
            tags = Path(folder) / "detection.zarr"
            simulate(scenario, orbit, link_budget(scenario, orbit), path=tags, seed=1, run=1)
            data = coincidences(scenario, orbit, tags, path=Path(folder) / "coincidence.nc")
            distill(scenario, data)
    bits = np.zeros(4000, np.uint8)
    distilled_key(bits, bits, qber=0.02, undisclosed=3000.0, eps_cor=1e-10, rng=np.random.default_rng(1))


if __name__ == "__main__":
    warm()
