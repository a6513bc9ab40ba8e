"""Mean clicks of a detector with dead time and after-pulses, of which `Detectors` draws each."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr


def afterpulse_gain(arrivals_hz: ArrayLike, *, dead_s: float, probability: float, decay_s: float) -> np.ndarray:
    r"""Return the clicks of a ready detector for each arrival, after-pulses included [1].

    Parameters
    ----------
    arrivals_hz : array_like
        Photons that would click, background and dark counts, before dead time [1/s].
    dead_s : float
        Dead time after a click [s].
    probability : float
        Probability that a click is followed by an after-pulse, below one [1].
    decay_s : float
        Mean time from the end of the dead time to the after-pulse [s].

    Returns
    -------
    ndarray
        Of the shape of the rates.

    Notes
    -----
    Derived. While it is ready, a detector clicks at the rate :math:`h = r + p s h` with arrivals at the rate r and
    after-pulses that follow a click with probability p and survive with probability s. An after-pulse is lost in the
    dead time :math:`\tau` of a click that came in between. The detector is ready a time x after it became ready with a
    probability of Laplace transform :math:`1/(z + h(1 - e^{-z\tau}))`, so that for exponential delays of mean
    :math:`\tau_a` the share :math:`s = 1/(1 + hk)`, :math:`k = \tau_a(1 - e^{-\tau/\tau_a})`, survives. The gain h/r
    is the positive root of the resulting quadratic equation. Arrivals have to be Poissonian.

    Examples
    --------
    >>> afterpulse_gain(np.array([0.0, 1e6]), dead_s=50e-9, probability=0.05, decay_s=30e-9).round(4)
    array([1.0526, 1.0513])
    """
    rate = np.asarray(arrivals_hz, float)
    block_s = -decay_s * np.expm1(-dead_s / decay_s) if decay_s else 0.0
    free = 1 - probability - rate * block_s
    return 2 / (free + np.sqrt(free**2 + 4 * rate * block_s))


def ready_share(clicks_hz: ArrayLike, *, dead_s: float) -> np.ndarray:
    r"""Return the share of the time in which a detector is not dead, :math:`1/(1 + h\tau)` [1].

    Parameters
    ----------
    clicks_hz : array_like
        Clicks per second of a detector while it is ready, h [1/s].
    dead_s : float
        Non-paralysable dead time after each click [s].

    Notes
    -----
    Knoll, Radiation Detection and Measurement, 4th ed., section 4.VII: each of the :math:`hL` clicks per second takes
    a dead time from the share, :math:`L = 1 - hL\tau`.

    Examples
    --------
    >>> ready_share(np.array([0.0, 1e6]), dead_s=50e-9).round(4)
    array([1.    , 0.9524])
    """
    return 1 / (1 + np.asarray(clicks_hz, float) * dead_s)


def pulses_in_dead_time(*, dead_s: float, jitter_s: float, period_s: float) -> tuple[float, float]:
    r"""Return how many pulses the dead time before a click of a pulsed source covers: the click's own, and all.

    Parameters
    ----------
    dead_s : float
        Dead time [s].
    jitter_s : float
        Standard deviation of a click about its pulse [s].
    period_s : float
        From pulse to pulse [s].

    Notes
    -----
    Derived: a click of the n-th pulse before comes earlier by :math:`nT + \sqrt2\sigma g`, g standard normal. One half
    of the own pulse is covered, because either of two photons may come first.

    Examples
    --------
    >>> pulses_in_dead_time(dead_s=50e-9, jitter_s=0.5e-9, period_s=20e-9)
    (0.5, 2.5)
    """
    spread_s = max(np.sqrt(2) * jitter_s, 1e-3 * period_s)
    reach = int(np.ceil(8 * spread_s / period_s))
    earlier_s = period_s * np.arange(-reach, reach + int(dead_s / period_s) + 2)
    covered = ndtr((dead_s - earlier_s) / spread_s) - ndtr(-earlier_s / spread_s)
    return float(covered[reach]), float(covered.sum())
