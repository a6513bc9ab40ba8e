"""Two ways to the same result, timed in turns in one run, so that what else the machine does falls on both."""

import resource
import statistics
import time
from collections.abc import Callable


def side_by_side(
    what: str, size: int, ours: Callable, peer: Callable, *, peer_is: str, repeats: int = 7, cores: int = 1
) -> dict:
    """A row of results/benchmarks.csv: the median seconds of each, and the median of the peer over ours, turn by turn.

    Parameters
    ----------
    what, size
        The job, and how many tags, bits or points it has.
    ours, peer : callable without arguments
        Both are called once before the clock starts, for compilation and caches.
    peer_is : str
        Name and version of the peer.
    repeats : int
        Turns.
    cores : int
        Threads that either may use.

    Returns
    -------
    dict
        ``ratio`` above one says that ours is the faster; ``low`` and ``high`` are its least and greatest turn.
    """
    ours(), peer()
    turns = [(_seconds(ours), _seconds(peer)) for _ in range(repeats)]
    ratios = sorted(theirs / mine for mine, theirs in turns)
    return {
        "what": what,
        "size": size,
        "ours": f"{statistics.median(mine for mine, _ in turns):.4g}",
        "peer": f"{statistics.median(theirs for _, theirs in turns):.4g}",
        "unit": "s",
        "ratio": f"{statistics.median(ratios):.3g}",
        "ratio_is": "peer / ours",
        "low": f"{ratios[0]:.3g}",
        "high": f"{ratios[-1]:.3g}",
        "peer_is": peer_is,
        "cores": cores,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> int:
    """Largest resident memory of this process so far [MB]."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def _seconds(call: Callable) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
