"""Compare drawing and sorting of tags with numpy, and measure recordings of increasing brightness."""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.pair import peak_mb, side_by_side
from satqkd.channel import link_budget
from satqkd.detection import read_tags, simulate
from satqkd.detection.detector import sort_nearly_sorted
from satqkd.detection.rates import PoissonProcess, fading
from satqkd.orbit import find_sessions
from satqkd.scenario import load_scenario
from satqkd.streams import stream

NUMPY = f"numpy {np.__version__}"
EVENTS = (10**5, 10**6, 10**7)
TAGS = (10**5, 5 * 10**6)
TAG_RATES_HZ, JITTER_PS = (1e6, 1e7), 544
REPEATS = 7
# Pairs per second of yin2017 over one pass, up to a billion tags; and the pulses of liao2017's pass.
BRIGHTNESS = [("yin2017", "source.pair_rate_hz", 5.9e6 * times) for times in (1, 10, 100, 480)] + [
    ("liao2017", "source.pulse_rate_hz", 6.25e8)
]


def rows() -> list[dict]:
    """Compare each peer on the same numbers. A recording has no peer; its memory is that of its own process."""
    return (
        [_drawing(size) for size in EVENTS]
        + [row for size in TAGS for rate_hz in TAG_RATES_HZ for row in _sorting(size, rate_hz)]
        + [_recording(*brightness) for brightness in BRIGHTNESS]
    )


def _drawing(size: int) -> dict:
    edges_s, rate_hz = _pass_profile()
    rate_hz *= size / np.sum(rate_hz * np.diff(edges_s))
    ours, peers = stream(1, "ours"), stream(1, "peer")
    return side_by_side(
        f"points of a rate in {rate_hz.size} cells",
        size,
        lambda: PoissonProcess(ours).times(edges_s, rate_hz),
        lambda: peers.standard_exponential(size),
        peer_is=f"{NUMPY}, exponential draws alone",
        repeats=REPEATS,
    )


def _pass_profile() -> tuple[np.ndarray, np.ndarray]:
    """Return edges of coherence cells and transmittance of liao2017's pass."""
    scenario = load_scenario("data/scenarios/liao2017.yaml")
    orbit = find_sessions(scenario)
    channel = link_budget(scenario, orbit)
    cells_per_s = round(1e3 / scenario.channel.fading_coherence_ms)
    edges_s = np.arange((orbit.sizes["time"] - 1) * cells_per_s + 1) / cells_per_s
    middle, node_s = (edges_s[1:] + edges_s[:-1]) / 2, np.arange(orbit.sizes["time"])
    mean, variance = (
        np.interp(middle, node_s, channel[name].values[:, 0]) for name in ("transmittance", "fading_variance")
    )
    return edges_s, mean * fading(variance, stream(1, "fading"))


def _sorting(size: int, rate_hz: float) -> list[dict]:
    rng = stream(1, "tags")
    times = np.cumsum(rng.exponential(1e12 / rate_hz, size)) + rng.normal(0, JITTER_PS, size)
    times, labels = np.rint(times).astype(np.int64), rng.integers(0, 4, size, np.uint8)

    def fresh():
        """Return copies to be sorted in place, made before the clock starts."""
        return iter([(times.copy(), labels.copy()) for _ in range(REPEATS + 1)])

    def both(times, labels):
        order = np.argsort(times, kind="stable")
        times[:], labels[:] = times[order], labels[order]

    result = []
    for peer, what in (
        (lambda times, labels: times.sort(), "np.sort, times alone"),
        (both, "np.argsort, times and labels"),
    ):
        own, others = fresh(), fresh()
        result.append(
            side_by_side(
                f"sort tags of {rate_hz:.0e} per second jittered by {JITTER_PS} ps",
                size,
                lambda own=own: sort_nearly_sorted(*next(own)),
                lambda others=others, peer=peer: peer(*next(others)),
                peer_is=f"{NUMPY}, {what}",
                repeats=REPEATS,
            )
        )
    return result


def _recording(name: str, key: str, rate_hz: float) -> dict:
    """Return a row that is measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.generation", name, key, str(rate_hz)]
    row = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {"what": f"record a pass of {name}, {key}={rate_hz:.3g}", "unit": "s", "cores": 1} | row


def _record(name: str, key: str, rate_hz: float) -> dict:
    scenario = load_scenario(f"data/scenarios/{name}.yaml").replaced({key: rate_hz})
    if scenario.source.kind == "entangled":  # one pass is enough
        scenario = scenario.replaced({f"measurements.{i}.duration_s": 130 for i in range(2)})
    orbit = find_sessions(scenario)
    channel = link_budget(scenario, orbit)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "detection.zarr"
        start = time.perf_counter()
        simulate(scenario, orbit, channel, path=path, seed=1, run=1)
        seconds = time.perf_counter() - start
        tags = sum(read_tags(path, station.name).sizes["tag"] for station in scenario.stations)
    return {"size": tags, "ours": f"{seconds:.4g}", "peak_mb": peak_mb()}


if __name__ == "__main__":
    print(json.dumps(_record(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
