"""Locality: which events of a Bell test with a satellite lie outside each other's light cones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.constants import c


@dataclass(frozen=True)
class Timing:
    """Events of one trial, in seconds after the emission of the pair; arrays of shape (time, station).

    Attributes
    ----------
    first_choice, last_choice : ndarray
        Earliest and latest time at which the random event may have happened that made the setting in force.
    measurement : ndarray
        End of the measurement.
    """

    first_choice: np.ndarray
    last_choice: np.ndarray
    measurement: np.ndarray


def trial_timing(
    range_m: np.ndarray, *, hold_s: float, random_number_delay_s: float, measurement_delay_s: float
) -> Timing:
    """Return when settings are chosen and outcomes recorded, for a pair emitted at time zero.

    Parameters
    ----------
    range_m : ndarray, shape (time, station)
        Distance of the satellite from each station [m].
    hold_s : float
        Time for which a setting stays, one over the rate of the switch [s]; 0 when each photon has a choice of its own.
    random_number_delay_s : float
        From the random event to the setting that it makes [s].
    measurement_delay_s : float
        End of the measurement behind the light cone of the emission [s].

    Raises
    ------
    ValueError
        For a negative time.

    Notes
    -----
    A photon comes at any time of a setting, and the setting may act until the measurement ends: the choice is older
    than that by the delay of the random number at least, and by the whole time of a setting besides at most.
    """
    for name, value in [
        ("hold_s", hold_s),
        ("random_number_delay_s", random_number_delay_s),
        ("measurement_delay_s", measurement_delay_s),
    ]:
        if not value >= 0:
            raise ValueError(f"{name}={value} is below 0: give a time in seconds, 0 where there is none")
    measurement = np.asarray(range_m) / c + measurement_delay_s
    last = measurement - random_number_delay_s
    return Timing(last - hold_s, last, measurement)


def separation_s(distance_m: ArrayLike, earliest_s: ArrayLike, latest_s: ArrayLike) -> np.ndarray:
    r"""Return the time by which two events lie outside each other's light cones, at the worst; negative where they may
    not.

    Parameters
    ----------
    distance_m : array_like
        Between the two places [m].
    earliest_s, latest_s : array_like
        Limits of the time from the first event to the second [s].

    Returns
    -------
    ndarray
        :math:`d/c - \max|\Delta t|` [s]; times c it is the distance to the light cone [m].

    Notes
    -----
    Positive exactly when the invariant interval :math:`d^2 - c^2\Delta t^2` is, that is when no signal can go from
    either event to the other.

    Examples
    --------
    >>> round(1e6 * float(separation_s(1.2e6, 1e-3, 3e-3)))
    1003
    """
    return np.asarray(distance_m) / c - np.maximum(np.abs(earliest_s), np.abs(latest_s))


def separations_s(range_m: np.ndarray, *, baseline_m: float, timing: Timing) -> dict[str, np.ndarray]:
    """Return how far the events of a trial are from influencing each other, in the worst case of each second.

    Parameters
    ----------
    range_m : ndarray, shape (time, 2)
        Distance of the satellite from both stations [m].
    baseline_m : float
        Straight distance of the stations [m].
    timing : Timing
        Of the same seconds.

    Returns
    -------
    dict of str to ndarray, shape (time,)
        `separation_s` by condition. Locality asks that the two measurements, the two choices, and each choice and the
        measurement at the other station lie apart; freedom of choice, that the choices and the emission do.

    Notes
    -----
    The conditions of Scheidl et al., Proc. Natl. Acad. Sci. 107, 19708 (2010). The stations are at rest in the frame of
    the times: the turn of the Earth in the milliseconds of a flight moves an event by metres, or 10 ns.
    """
    (first_a, first_b), (last_a, last_b) = timing.first_choice.T, timing.last_choice.T
    (end_a, end_b), (range_a, range_b) = timing.measurement.T, np.asarray(range_m).T
    return {
        "measurements": separation_s(baseline_m, end_b - end_a, end_b - end_a),
        "choice a, measurement b": separation_s(baseline_m, end_b - last_a, end_b - first_a),
        "choice b, measurement a": separation_s(baseline_m, end_a - last_b, end_a - first_b),
        "choices": separation_s(baseline_m, first_b - last_a, last_b - first_a),
        "emission, choice a": separation_s(range_a, first_a, last_a),
        "emission, choice b": separation_s(range_b, first_b, last_b),
    }


def along_baseline_m(range_m: np.ndarray, *, baseline_m: float) -> np.ndarray:
    """Return the satellite's place along the line from the first station to the second [m], shape (time,).

    Parameters
    ----------
    range_m : ndarray, shape (time, 2)
        Distance of the satellite from both stations [m].
    baseline_m : float
        Straight distance of the stations [m].

    Examples
    --------
    >>> along_baseline_m(np.array([[8e5, 8e5]]), baseline_m=1.2e6)
    array([600000.])
    """
    first, second = np.asarray(range_m).T
    return (baseline_m**2 + first**2 - second**2) / (2 * baseline_m)
