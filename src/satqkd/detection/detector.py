"""Single-photon detectors and the local clock: from arrivals to recorded time tags."""

import numba
import numpy as np

from satqkd.flight import PS


def local_time_ps(true_s: np.ndarray, *, offset_s: float, drift: float) -> np.ndarray:
    """Return the reading of the local clock [ps, int64] at true times [s]: (1 + drift) true + offset.

    Examples
    --------
    >>> local_time_ps(np.array([0.0, 1.0]), offset_s=1e-6, drift=1e-9).tolist()
    [1000000, 1000001001000]
    """
    return np.rint(((1 + drift) * true_s + offset_s) * PS).astype(np.int64)


def sort_nearly_sorted(times: np.ndarray, labels: np.ndarray) -> None:
    """Sort times and their labels in place and stably, in linear time if tags are out of order only among neighbours.

    Insertion sort; after sixteen moves per tag a merge sort takes over, so that the time is never quadratic.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Tags [ps].
    labels : ndarray of uint8, shape (n,)

    Examples
    --------
    >>> times, labels = np.array([3, 1, 2]), np.array([0, 1, 2], np.uint8)
    >>> sort_nearly_sorted(times, labels)
    >>> times.tolist(), labels.tolist()
    ([1, 2, 3], [1, 2, 0])
    """
    if not _insertion_sort(times, labels, 16 * times.size):
        order = np.argsort(times, kind="stable")
        times[:], labels[:] = times[order], labels[order]


@numba.njit(cache=True, nogil=True)
def _insertion_sort(times: np.ndarray, labels: np.ndarray, moves: int) -> bool:
    """Return whether the given number of moves was enough; if not, equal times are still in their order."""
    for first in range(1, times.size, 64):
        # Stretches that are in order already cost only this loop, which has no branch and runs at the speed of memory.
        here, before = times[first : first + 64], times[first - 1 : first + 63]
        late = 0
        for i in range(here.size):
            late += here[i] < before[i]
        if late == 0:
            continue
        for i in range(first, first + here.size):
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
            moves -= i - 1 - j
            if moves < 0:
                return False
    return True


class Waiting:
    """Tags that arrive in chunks and nearly in order: the latest ones may still have to be sorted behind later ones.

    Examples
    --------
    >>> waiting = Waiting()
    >>> waiting.add(np.array([1, 9]), np.zeros(2, np.uint8))
    >>> waiting.add(np.array([8, 20]), np.ones(2, np.uint8))
    >>> [column.tolist() for column in waiting.before(10)]
    [[1, 8, 9], [0, 1, 0]]
    """

    def __init__(self) -> None:
        self._times, self._labels = np.empty(0, np.int64), np.empty(0, np.uint8)

    def add(self, times: np.ndarray, labels: np.ndarray) -> None:
        """Add the tags [ps] of the next chunk, and their labels."""
        self._times, self._labels = np.concatenate([self._times, times]), np.concatenate([self._labels, labels])
        sort_nearly_sorted(self._times, self._labels)

    def before(self, until_ps: int) -> tuple[np.ndarray, np.ndarray]:
        """Remove and return the tags before a time [ps], in order, with their labels."""
        n = np.searchsorted(self._times, until_ps)
        gone = self._times[:n], self._labels[:n]
        self._times, self._labels = self._times[n:], self._labels[n:]
        return gone


class Detectors:
    """The detectors of a station: dead time and after-pulses, continued from chunk to chunk.

    Parameters
    ----------
    detector_of : ndarray of uint8, shape (channel,)
        Physical detector of each channel; the first channel of a detector has its number.
    dead_ps : int
        Non-paralysable dead time after a click [ps].
    afterpulse_probability : float
        Probability that a click is followed by an after-pulse once the detector is ready again, below one [1].
    afterpulse_decay_ps : float
        Mean time from the end of the dead time to that after-pulse [ps].
    rng : numpy.random.Generator
        Draws the after-pulses, click after click.

    Raises
    ------
    ValueError
        If the probability is outside [0, 1).

    Notes
    -----
    Carriers that were trapped during a click are released with exponentially distributed delays (Cova, Lacaita and
    Ripamonti, IEEE Electron Device Lett. 12, 685 (1991)). A release in the dead time has no effect; after it, the
    remaining delay has the same distribution. An after-pulse can fall into the dead time of a click in between, and can
    itself be followed by another after-pulse.

    Examples
    --------
    >>> detectors = Detectors(
    ...     detector_of=np.array([0, 1], np.uint8),
    ...     dead_ps=100,
    ...     afterpulse_probability=0.0,
    ...     afterpulse_decay_ps=0.0,
    ...     rng=np.random.default_rng(1),
    ... )
    >>> times, channel, _ = detectors.clicks(np.array([0, 50, 60, 120]), np.array([0, 0, 1, 0], np.uint8), last=True)
    >>> times.tolist(), channel.tolist()
    ([0, 60, 120], [0, 1, 0])
    """

    def __init__(
        self,
        *,
        detector_of: np.ndarray,
        dead_ps: int,
        afterpulse_probability: float,
        afterpulse_decay_ps: float,
        rng: np.random.Generator,
    ) -> None:
        if not 0 <= afterpulse_probability < 1:
            raise ValueError(
                f"afterpulse_probability={afterpulse_probability} is outside [0, 1): at one, clicks would never end"
            )
        self._model = (detector_of, dead_ps, float(afterpulse_probability), float(afterpulse_decay_ps))
        self._rng = rng
        self._last_click = np.full(detector_of.size, np.iinfo(np.int64).min // 2)
        self._due_ps, self._due = np.empty(16, np.int64), np.empty(16, np.uint8)
        self._due_count = 0

    def clicks(
        self, times: np.ndarray, channel: np.ndarray, *, last: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the clicks that ascending arrivals cause, including after-pulses.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            Ascending arrivals, none before those of the previous call [ps].
        channel : ndarray of uint8, shape (n,)
        last : bool
            Whether these are the last arrivals: then return the after-pulses that are still due.

        Returns
        -------
        times : ndarray of int64, shape (click,)
        channel : ndarray of uint8, shape (click,)
            Channel of the arrival; for an after-pulse, the first channel of its detector.
        is_afterpulse : ndarray of bool, shape (click,)
        """
        pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        while True:
            room = times.size + 16
            made = np.empty(room, np.int64), np.empty(room, np.uint8), np.empty(room, np.bool_)
            used, count, self._due_count, finished = _clicks(
                times, channel, last, *self._model, self._last_click, self._due_ps, self._due, self._due_count, *made,
                self._rng,
            )  # fmt: skip
            pieces.append((made[0][:count], made[1][:count], made[2][:count]))
            if finished and len(pieces) == 1:
                return pieces[0]
            if finished:
                clicks, channels, is_afterpulse = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
                return clicks, channels, is_afterpulse
            times, channel = times[used:], channel[used:]
            if self._due_count == self._due.size:
                self._due_ps = np.concatenate([self._due_ps, np.empty_like(self._due_ps)])
                self._due = np.concatenate([self._due, np.empty_like(self._due)])


@numba.njit(cache=True, nogil=True)
def _clicks(
    times: np.ndarray, channel: np.ndarray, last: bool,
    detector_of: np.ndarray, dead: int, probability: float, decay: float,
    last_click: np.ndarray, due_ps: np.ndarray, due: np.ndarray, due_count: int,
    made_ps: np.ndarray, made_channel: np.ndarray, made_after: np.ndarray,
    rng: np.random.Generator,
) -> tuple[int, int, int, bool]:  # fmt: skip
    """See `Detectors`: due after-pulses are kept in descending order; return early when one of the arrays is full."""
    i = count = 0
    while count < made_ps.size and due_count < due.size:
        if i < times.size and (due_count == 0 or times[i] <= due_ps[due_count - 1]):
            time, where, after = times[i], channel[i], False
            i += 1
        elif due_count and (last or i < times.size):
            due_count -= 1
            time, where, after = due_ps[due_count], due[due_count], True
        else:
            return i, count, due_count, True
        detector = detector_of[where]
        if time < last_click[detector] + dead:  # as a difference it would overflow 64 bits after 53 days
            continue
        last_click[detector] = time
        made_ps[count], made_channel[count], made_after[count] = time, where, after
        count += 1
        if probability > 0 and rng.random() < probability:
            release = time + dead + np.int64(np.rint(decay * rng.standard_exponential()))
            j = due_count
            while j > 0 and due_ps[j - 1] <= release:
                due_ps[j], due[j] = due_ps[j - 1], due[j - 1]
                j -= 1
            due_ps[j], due[j] = release, detector
            due_count += 1
    return i, count, due_count, False
