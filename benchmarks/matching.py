"""Compare coincidences with tomtag, pycorrelate, polars and searchsorted, and match a billion tags as a stream."""

import importlib.metadata
import json
import subprocess
import sys
import time

import numpy as np

from benchmarks.pair import peak_mb, side_by_side
from satqkd.coincidence import count, histogram, match
from satqkd.coincidence.matching import match_chunks

# Number of tags of one stream, and its ratio to that of the other stream.
SIZES = ((10**5, 1), (5 * 10**6, 1), (5 * 10**6, 10), (5 * 10**6, 100), (5 * 10**6, 5000), (10**8, 1))
# From this size on the slower peers take a minute a turn, and only tomtag is compared.
SLOW_FROM = 10**8
WINDOW_PS, RATE_HZ, JITTER_PS, SHARE = 2500, 1e6, 500, 0.2
STREAMED, CHUNK = 10**9, 10**6


def rows() -> list[dict]:
    """Compare every peer on the same tags. Its result is checked before it is timed."""
    result = [row for size, times in SIZES for row in _peers(size, times)]
    command = [sys.executable, "-m", "benchmarks.matching"]
    streamed = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return [*result, {"what": "match two streams, made on the way", "unit": "s", "cores": 1} | streamed]


def streams(size: int, times: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw ascending Poissonian tags; a share of the smaller stream has a partner."""
    rng, duration_ps = np.random.default_rng(size + times), round(size / RATE_HZ * 1e12)
    few = size // times
    shared = rng.integers(0, duration_ps, round(SHARE * few))
    first, second = (
        np.sort(
            np.concatenate(
                [
                    shared + np.rint(rng.normal(0, JITTER_PS, shared.size)).astype(np.int64),
                    rng.integers(0, duration_ps, n - shared.size),
                ]
            )
        )
        for n in (size, few)
    )
    return first, second


def _peers(size: int, times: int):
    a, b = streams(size, times)
    half = WINDOW_PS // 2
    beside = f" with 1/{times} as many" if times > 1 else ""
    repeats = 3 if size >= SLOW_FROM else 7
    ours = {
        "count": lambda: count(a, b, WINDOW_PS),
        "match": lambda: match(a, b, WINDOW_PS),
        "histogram": lambda: histogram(a, b, WINDOW_PS + 1, 1),
    }
    expected = {what: call() for what, call in ours.items()}
    made = (_tomtag,) if size >= SLOW_FROM else (_tomtag, _searchsorted, _pycorrelate, _polars)
    peers = [(what, peer.__name__[1:], call) for peer in made for what, call in peer(a, b, half).items()]
    for what, name, call in peers:
        _agree(what, expected[what], call(), a, f"{name} and ours at {size} tags")
        version = importlib.metadata.version("numpy" if name == "searchsorted" else name)
        yield side_by_side(
            f"{what} coincidences{beside}", size, ours[what], call, peer_is=f"{name} {version}", repeats=repeats
        )
    yield side_by_side(
        f"count coincidences{beside}, and only read the tags",
        size,
        ours["count"],
        lambda: (a.sum(), b.sum()),
        peer_is=f"numpy {np.__version__}, sum",
        repeats=repeats,
    )


def _agree(what, ours, theirs, a, who):
    if what == "match":
        same = np.array_equal(a[ours[0]], theirs[0])
    elif what == "count":
        # In polars two tags may share a partner.
        same = abs(ours - theirs) <= (0.01 * ours + 1 if "polars" in who else 0)
    else:
        same = int(ours[0]) == int(theirs)
    if not same:
        raise RuntimeError(f"{who} find different coincidences: a ratio of speeds has no meaning")


def _searchsorted(a, b, half):
    return {"histogram": lambda: (np.searchsorted(a, b + half, "right") - np.searchsorted(a, b - half)).sum()}


def _tomtag(a, b, half):
    import tomtag

    return {
        "count": lambda: tomtag.count_twofolds(a, b, a.size, b.size, half),
        "match": lambda: tomtag.get_twofold_tags(a, b, a.size, b.size, half),
    }


def _pycorrelate(a, b, half):
    from pycorrelate import pcorrelate

    edges = np.array([-half, half + 1])
    # It returns counts divided by the width of the bin.
    return {"histogram": lambda: np.rint(pcorrelate(a, b, edges)[0] * (edges[1] - edges[0]))}


def _polars(a, b, half):
    import polars

    first, second = polars.DataFrame({"time": b}), polars.DataFrame({"time": a, "partner": a})
    return {"count": lambda: first.join_asof(second, on="time", strategy="nearest", tolerance=half)["partner"].count()}


def _chunks(seed: int):
    """Yield a stream in chunks: its own tags and the common ones, in blocks of one duration."""
    own, common = np.random.default_rng(seed), np.random.default_rng(0)
    block_ps = round(CHUNK / RATE_HZ * 1e12)
    for block in range(STREAMED // 2 // CHUNK):
        shared = common.integers(0, block_ps, round(SHARE * CHUNK))
        tags = np.concatenate([shared, own.integers(0, block_ps, CHUNK - shared.size)])
        tags.sort()
        yield tags + block * block_ps


def _streamed() -> dict:
    start = time.perf_counter()
    found = sum(first.size for first, _ in match_chunks(_chunks(1), _chunks(2), WINDOW_PS))
    if found < SHARE * STREAMED / 2:
        raise RuntimeError(f"{found} of {SHARE * STREAMED / 2:.0f} pairs found: the stream lost some")
    return {"size": STREAMED, "ours": f"{time.perf_counter() - start:.4g}", "peak_mb": peak_mb()}


if __name__ == "__main__":
    print(json.dumps(_streamed()))
