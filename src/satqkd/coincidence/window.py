"""Shares of clicks that a window takes: neighbouring pulses, after-pulses, and events of two clicks."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

HARMONICS = 200  # of the pulse rate, in the arrival times of after-pulses


def pulse_shares(*, window_s: float, jitter_s: float, period_s: float) -> tuple[float, float]:
    """Return the shares of a pulse's light that fall into its own window, and into those of all other pulses [1].

    Parameters
    ----------
    window_s : float
        Full width of the window around the middle of each period [s]; a period at most.
    jitter_s : float
        Standard deviation of a click about its pulse [s].
    period_s : float
        From pulse to pulse [s].

    Examples
    --------
    >>> own, others = pulse_shares(window_s=2e-9, jitter_s=1e-9, period_s=4e-9)
    >>> round(own, 4), round(others, 4)
    (0.6827, 0.0027)
    """
    half, reach = min(window_s, period_s) / 2, int(np.ceil(8 * jitter_s / period_s)) + 1
    middle = np.arange(-reach, reach + 1) * period_s
    share = _normal(middle + half, jitter_s) - _normal(middle - half, jitter_s)
    return float(share[reach]), float(share.sum() - share[reach])


def afterpulse_share(*, window_s: float, jitter_s: float, period_s: float, dead_s: float, decay_s: float) -> float:
    r"""Return the share of the after-pulses of a pulsed source that fall into the window of some pulse [1].

    Parameters
    ----------
    window_s, jitter_s, period_s : float
        As in `pulse_shares`.
    dead_s, decay_s : float
        Dead time, and the mean delay of an after-pulse behind it [s].

    Notes
    -----
    Derived. The time behind a pulse is the sum of jitter, dead time and exponential delay. Its density, folded into a
    period T, has the Fourier coefficients :math:`e^{-(k\omega\sigma)^2/2}\,e^{-ik\omega\tau}/(1 + ik\omega\tau_a)`
    with :math:`\omega = 2\pi/T`. The window of the pulse weighs them with :math:`(w/T)\,\text{sinc}(kw/T)`.

    Examples
    --------
    >>> window = {"window_s": 2e-9, "jitter_s": 0.5e-9, "period_s": 1e-8, "dead_s": 50e-9}
    >>> round(afterpulse_share(**window, decay_s=1e-6), 4), round(afterpulse_share(**window, decay_s=1e-8), 4)
    (0.2, 0.2108)
    """
    width, k = min(window_s / period_s, 1.0), np.arange(1, HARMONICS + 1)
    turn = 2 * np.pi * k / period_s
    series = np.exp(-((turn * jitter_s) ** 2) / 2 - 1j * turn * dead_s) / (1 + 1j * turn * decay_s)
    return float(width * (1 + 2 * (np.sinc(k * width) * series.real).sum()))


def late_acceptance(*, window_s: float, jitter_s: float) -> float:
    r"""Return the share of pairs that a window takes after another click came up to a window before one of them [1].

    Parameters
    ----------
    window_s : float
        Full width of the window [s].
    jitter_s : float
        Standard deviation of the delay between the two clicks of a pair [s].

    Notes
    -----
    Such an event has the time of its first click: the delay is shifted by a time that is uniform from 0 to w.

    Examples
    --------
    >>> late_acceptance(window_s=2e-9, jitter_s=0.0), round(late_acceptance(window_s=2.5e-9, jitter_s=0.77e-9), 3)
    (0.5, 0.493)
    """
    edge = window_s * np.array([-1.5, -0.5, 0.5])
    rise = edge * _normal(edge, jitter_s)  # integral of the distribution function
    if jitter_s > 0:
        rise += jitter_s * np.exp(-((edge / jitter_s) ** 2) / 2) / np.sqrt(2 * np.pi)
    return float((rise[2] - 2 * rise[1] + rise[0]) / window_s)


def double_clicks(other_hz: ArrayLike, *, window_s: float, acceptance: float, late_acceptance: float) -> np.ndarray:
    """Return by which channel a photon's event counts, where clicks of other detectors join it within the window.

    Parameters
    ----------
    other_hz : array_like, shape (..., channel, channel)
        Clicks per second of each other channel while the photon's is chosen; 0 on the diagonal [1/s].
    window_s : float
        Time within which clicks at a station are one event [s].
    acceptance, late_acceptance : float
        Share of pairs in the coincidence window, and the same where the other click came first (`late_acceptance`) [1].

    Returns
    -------
    ndarray, shape (..., channel, channel)
        Events in the coincidence window, relative to those without other clicks, by the photon's channel and by the
        channel that counts.

    Notes
    -----
    First order in the clicks within a window. Another click joins before or after the photon, with equal
    probabilities; each of the two channels counts with probability one half (`satqkd.coincidence.sifting`).

    Examples
    --------
    >>> double_clicks([[0.0, 1e7], [1e7, 0.0]], window_s=1e-9, acceptance=1.0, late_acceptance=0.5).round(4)
    array([[0.9975, 0.0075],
           [0.0075, 0.9975]])
    """
    expected = np.asarray(other_hz) * window_s
    total = expected.sum(axis=-1, keepdims=True)
    # One joins at most, so that the shares stay between 0 and 1 where a window has many clicks.
    joined = expected / 2 * np.divide(-np.expm1(-total), total, out=np.ones_like(total), where=total > 0)
    late = late_acceptance / acceptance
    kept = 1 - (1 - late) * joined.sum(axis=-1)
    return (1 + late) * joined + kept[..., None] * np.eye(joined.shape[-1])


def _normal(value: np.ndarray, sigma: float) -> np.ndarray:
    """Return the normal distribution function of a value; a step without a deviation."""
    return ndtr(value / sigma) if sigma > 0 else (value > 0).astype(float)
