"""Time two ways to the same result in turns, so that other load of the machine affects both alike."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path


def side_by_side(
    what: str, size: int, ours: Callable, peer: Callable, *, peer_is: str, repeats: int = 7, cores: int = 1
) -> dict:
    """Time two functions in turns, and return a row of results/benchmarks.csv: median seconds of each, and median ratio
    of peer to ours.

    Parameters
    ----------
    what, size
        The job, and its number of tags, bits or points.
    ours, peer : callable without arguments
        Both are called once before the clock starts, for compilation and caches.
    peer_is : str
        Name and version of the peer.
    repeats : int
        Turns.
    cores : int
        Threads that each of them may use.

    Returns
    -------
    dict
        A ``ratio`` above one means that ours is faster; ``low`` and ``high`` are the extremes of the turns.
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
    """Return the largest resident memory of this process so far [MB]; getrusage would include the process that started
    it.
    """
    return memory_mb("VmHWM")


def memory_mb(name: str) -> int:
    """Return an entry of /proc/self/status [MB], such as VmRSS, the resident memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line.split()[1] for line in lines if line.startswith(name))) * 1024 / 1e6)


def _seconds(call: Callable) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
