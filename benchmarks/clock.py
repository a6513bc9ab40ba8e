"""Compare clock recovery from photons alone with fpfind, and its errors with the Cramér-Rao bound."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from benchmarks.pair import peak_mb, side_by_side
from satqkd.coincidence import recover_clock
from satqkd.detection import read_tags, write_tags
from satqkd.streams import stream

# Tag rates of a quiet and a bright station [1/s], rates of common pairs [1/s], and the duration [s].
RATES_HZ, PAIRS_HZ, DURATION_S = (5e4, 1e6), (2e4, 5e3), 25.0
OFFSET_S, DRIFT, JITTER_S = 0.05, 1e-6, 0.5e-9
REACH_S = 0.2  # the default of fpfind
# The transform of fpfind has bins of 16 ns. The two parts that it compares are as far apart as the recording allows.
BINS, BIN_NS = 2**23, 16
REPEATS, SEEDS = 3, 40
WHAT = "clock of 5e4/s against 1e6/s"
# Rates of pairs and of tags [1/s] in half a minute of fading light, for which errors are compared with the bound.
WEAK = [(20, 2e2), (200, 2e3), (1e3, 1e4)]


def rows() -> list[dict]:
    """Compare on the same tags, and the errors with their bound. A missing peer gives a row that says so."""
    try:
        import fpfind
    except ImportError:
        return [{"what": WHAT, "peer_is": "fpfind is not installed"}, *_errors()]
    return [row for pairs_hz in PAIRS_HZ for row in _beside(pairs_hz, f"fpfind {fpfind.VERSION}")] + _errors()


def _beside(pairs_hz: float, peer_is: str) -> list[dict]:
    rng = stream(int(pairs_hz), "clock")
    tags = twins(rng, duration_s=DURATION_S, pairs_hz=pairs_hz, singles_hz=RATES_HZ)
    what, size = f"{WHAT}, {pairs_hz:g}/s of them pairs", sum(t.size for t in tags)
    options = {"peer_is": f"{peer_is}, {BINS} bins of {BIN_NS} ns", "repeats": REPEATS}
    clocks = {}

    def ours(read=lambda: tags):
        clock = recover_clock(*read(), reach_s=REACH_S)
        clocks["ours"] = clock.offset_s, clock.drift

    def peer(read=lambda: [t * 1e-3 for t in tags]):
        clocks["peer"] = _fpfind(*read())

    result = [side_by_side(what, size, ours, peer, **options)]
    error_s = {who: _error_s(*clock) for who, clock in clocks.items()}
    result.append(
        {
            "what": f"{what}: error",
            "size": size,
            "ours": f"{error_s['ours']:.2g}",
            "peer": f"{error_s['peer']:.2g}",
            "unit": "s",
            "ratio": f"{error_s['peer'] / error_s['ours']:.3g}",
            "ratio_is": "peer / ours",
            "peer_is": options["peer_is"],
            "cores": 1,
        }
    )
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.a1" for name in "ab"]
        for file, time in zip(files, tags, strict=True):
            detector = np.ones(time.size, np.uint8)
            write_tags(xr.Dataset({"time": ("tag", time), "detector": ("tag", detector)}), file)
        result.append(
            side_by_side(
                f"{what}, files read",
                size,
                lambda: ours(lambda: [read_tags(file).time.values for file in files]),
                lambda: peer(lambda: _read(files)),
                **options,
            )
        )
    return result


def _fpfind(a_ns, b_ns) -> tuple[float, float]:
    """Return offset [s] and drift, with the default options of its command."""
    from fpfind.fpfind import fpfind

    width_ns = BINS * BIN_NS
    apart_ns = (DURATION_S * 1e9 // width_ns - 6) * width_ns
    offset_ns, drift = fpfind(a_ns, b_ns, 1, BINS, BIN_NS, 1, 6, REACH_S * 1e9, 122e-6, 1e-10, apart_ns, np.e, [0.0])
    return offset_ns * 1e-9, drift


def _read(files) -> list:
    from fpfind.lib.parse_timestamps import read_a1

    return [read_a1(file, legacy=False)[0].astype(float) for file in files]


def _errors() -> list[dict]:
    """Return the root mean square error over the seeds, compared with the least that the pairs allow."""
    result = []
    for pairs_hz, singles_hz in WEAK:
        square, duration_s = 0.0, 30.0
        for seed in range(SEEDS):
            tags = twins(
                stream(seed, "weak clock"),
                duration_s=duration_s,
                pairs_hz=pairs_hz,
                singles_hz=(singles_hz,) * 2,
                fading=0.8,
            )
            square += (recover_clock(*tags, reach_s=REACH_S).offset_s - OFFSET_S) ** 2 / SEEDS
        rms_s = np.sqrt(square)
        bound_s = cramer_rao_s(pairs_hz=pairs_hz, background_hz2=singles_hz**2, duration_s=duration_s)
        result.append(
            {
                "what": f"offset of a clock, {pairs_hz:g}/s of {singles_hz:g}/s, over seeds",
                "size": SEEDS,
                "ours": f"{rms_s:.3g}",
                "peer": f"{bound_s:.3g}",
                "unit": "s",
                "ratio": f"{rms_s / bound_s:.3g}",
                "ratio_is": "rms / bound",
                "peer_is": "Cramér-Rao bound",
                "cores": 1,
                "peak_mb": peak_mb(),
            }
        )
    return result


def twins(rng, *, duration_s, pairs_hz, singles_hz, fading=0.0) -> list[np.ndarray]:
    """Draw two streams of tags [ps] with pairs in common; the second one is recorded by another clock."""
    power = np.exp(rng.normal(-(fading**2) / 2, fading, int(duration_s * 100)))
    number = rng.poisson(pairs_hz / 100 * power)
    pairs_s = (np.repeat(np.arange(power.size), number) + rng.random(number.sum())) / 100
    result = []
    for rate_hz, drift, offset_s in zip(singles_hz, (0.0, DRIFT), (0.0, OFFSET_S), strict=True):
        own_s = rng.uniform(0, duration_s, rng.poisson((rate_hz - pairs_hz) * duration_s))
        times_s = np.concatenate([pairs_s + rng.normal(0, JITTER_S / np.sqrt(2), pairs_s.size), own_s])
        result.append(np.sort(np.rint(((1 + drift) * times_s + offset_s) * 1e12).astype(np.int64)))
    result[0] = result[0][np.searchsorted(result[0], 0) :]
    return result


def cramer_rao_s(*, pairs_hz: float, background_hz2: float, duration_s: float) -> float:
    """Return the least standard deviation [s] of the offset at one end, with the drift also unknown: docs/physics."""
    u = np.linspace(-9, 9, 3601)
    density = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    left = np.trapezoid(u**2 * density**2 / (density + background_hz2 * JITTER_S / pairs_hz), u)
    return 2 * JITTER_S / np.sqrt(left * pairs_hz * duration_s)


def _error_s(offset_s: float, drift: float) -> float:
    """Return the root mean square error over the recording [s]."""
    time = np.linspace(0, DURATION_S, 101)
    return float(np.sqrt(np.mean((offset_s - OFFSET_S + (drift - DRIFT) * time) ** 2)))
