"""Single-photon detectors and the local clock: from arrivals to the tags that a laboratory records."""

import numba
import numpy as np

PS = 1e12


def local_time_ps(true_s: np.ndarray, *, offset_s: float, drift: float) -> np.ndarray:
    """What the local clock shows [s to ps, int64]: (1 + drift) true + offset."""
    return np.rint(((1 + drift) * true_s + offset_s) * PS).astype(np.int64)


@numba.njit(cache=True)
def sort_nearly_sorted(times, labels):
    """Sort times in place by insertion, labels with them: linear where only neighbours have changed places."""
    for i in range(1, times.size):
        if times[i] >= times[i - 1]:
            continue
        time, label = times[i], labels[i]
        j = i - 1
        while j >= 0 and times[j] > time:
            times[j + 1] = times[j]
            labels[j + 1] = labels[j]
            j -= 1
        times[j + 1] = time
        labels[j + 1] = label


@numba.njit(cache=True)
def alive(times, detector, dead_ps, last_click):
    """Which clicks a detector with a non-paralysable dead time gives.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Ascending arrival tags [ps].
    detector : ndarray of uint8, shape (n,)
        Physical detector of each.
    dead_ps : int
        Dead time after a click [ps].
    last_click : ndarray of int64, shape (detector,)
        Time of each detector's last click, carried on from chunk to chunk and changed in place.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    kept = np.empty(times.size, np.bool_)
    for i in range(times.size):
        d = detector[i]
        kept[i] = times[i] - last_click[d] >= dead_ps
        if kept[i]:
            last_click[d] = times[i]
    return kept
