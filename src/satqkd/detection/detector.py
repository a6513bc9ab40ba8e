"""Single-photon detectors and the local clock: from arrivals to the tags that a laboratory records."""

import numba
import numpy as np

PS = 1e12


def local_time_ps(true_s: np.ndarray, *, offset_s: float, drift: float) -> np.ndarray:
    """What the local clock shows [s to ps, int64]: (1 + drift) true + offset."""
    return np.rint(((1 + drift) * true_s + offset_s) * PS).astype(np.int64)


def sort_nearly_sorted(times: np.ndarray, labels: np.ndarray) -> None:
    """Sort times in place, labels with them, stably: linear where only neighbours have changed places.

    By insertion; where that has moved more than sixteen tags for each that there is, a merge sort takes over, so that
    no order of the input makes it quadratic.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Tags [ps].
    labels : ndarray of uint8, shape (n,)
    """
    if not _insertion_sort(times, labels, 16 * times.size):
        order = np.argsort(times, kind="stable")
        times[:], labels[:] = times[order], labels[order]


@numba.njit(cache=True, nogil=True)
def _insertion_sort(times, labels, moves):
    """Whether the given number of moves was enough; if not, what is left to sort is still in stable order."""
    for first in range(1, times.size, 64):
        # Whole stretches in order are passed over at the speed of the memory: this loop has no branch.
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
    """Nearly ascending tags that come chunk by chunk, of which the latest may still change places with later ones."""

    def __init__(self):
        self._times, self._labels = np.empty(0, np.int64), np.empty(0, np.uint8)

    def add(self, times: np.ndarray, labels: np.ndarray) -> None:
        """Tags of the next chunk, and their labels."""
        self._times, self._labels = np.concatenate([self._times, times]), np.concatenate([self._labels, labels])
        sort_nearly_sorted(self._times, self._labels)

    def before(self, until_ps: int) -> tuple[np.ndarray, np.ndarray]:
        """Take out the tags before a time, in their order."""
        n = np.searchsorted(self._times, until_ps)
        gone = self._times[:n], self._labels[:n]
        self._times, self._labels = self._times[n:], self._labels[n:]
        return gone


class Detectors:
    """The detectors of a station while it records: dead time and after-pulses, carried on from chunk to chunk.

    Parameters
    ----------
    detector_of : ndarray of uint8, shape (channel,)
        Physical detector of each channel; the first channel of a detector has its number.
    dead_ps : int
        Non-paralysable dead time after a click [ps].
    afterpulse_probability : float
        That a click is followed by an after-pulse once the detector is ready again, below one [1].
    afterpulse_decay_ps : float
        Mean time from the end of the dead time to that after-pulse [ps].
    rng : numpy.random.Generator
        Draws the after-pulses, click after click.

    Raises
    ------
    ValueError
        Where the probability is outside [0, 1).

    Notes
    -----
    Carriers that were trapped in a click are released with exponentially distributed delays (Cova, Lacaita and
    Ripamonti, IEEE Electron Device Lett. 12, 685 (1991)); what is released in the dead time has no effect, and what
    is left has the same distribution from there on. An after-pulse meets the dead time of clicks that came in
    between, and may itself be followed by another.
    """

    def __init__(self, *, detector_of, dead_ps, afterpulse_probability, afterpulse_decay_ps, rng):
        if not 0 <= afterpulse_probability < 1:
            raise ValueError(
                f"afterpulse_probability={afterpulse_probability} is outside [0, 1): from one on, clicks never end"
            )
        self._model = (detector_of, dead_ps, float(afterpulse_probability), float(afterpulse_decay_ps))
        self._rng = rng
        self._last_click = np.full(detector_of.size, np.iinfo(np.int64).min // 2)
        self._due_ps, self._due = np.empty(16, np.int64), np.empty(16, np.uint8)
        self._due_count = 0

    def clicks(self, times: np.ndarray, channel: np.ndarray, *, last: bool = False):
        """The clicks that ascending arrivals give, after-pulses among them.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            Ascending arrivals, not before those of the call before [ps].
        channel : ndarray of uint8, shape (n,)
        last : bool
            No arrival comes any more: give the after-pulses that are still due.

        Returns
        -------
        times : ndarray of int64, shape (click,)
        channel : ndarray of uint8, shape (click,)
            That of the arrival; of an after-pulse, the first channel of its detector.
        is_afterpulse : ndarray of bool, shape (click,)
        """
        pieces = []
        while True:
            room = times.size + 16
            made = np.empty(room, np.int64), np.empty(room, np.uint8), np.empty(room, np.bool_)
            used, count, self._due_count, finished = _clicks(
                times, channel, last, *self._model, self._last_click, self._due_ps, self._due, self._due_count, *made,
                self._rng,
            )  # fmt: skip
            pieces.append([column[:count] for column in made])
            if finished:
                return pieces[0] if len(pieces) == 1 else [np.concatenate(c) for c in zip(*pieces, strict=True)]
            times, channel = times[used:], channel[used:]
            if self._due_count == self._due.size:
                self._due_ps = np.concatenate([self._due_ps, np.empty_like(self._due_ps)])
                self._due = np.concatenate([self._due, np.empty_like(self._due)])


@numba.njit(cache=True, nogil=True)
def _clicks(
    times, channel, last, detector_of, dead, probability, decay, last_click, due_ps, due, due_count,
    made_ps, made_channel, made_after, rng,
):  # fmt: skip
    """See `Detectors`: after-pulses wait in descending order; returns early where one of the arrays is full."""
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
        if time < last_click[detector] + dead:  # the difference would leave 64 bits after 53 days
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
