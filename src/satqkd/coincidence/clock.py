"""From local clocks to the satellite's: GPS second first, beacon pulses then, time of flight taken out."""

from dataclasses import dataclass

import numpy as np

from satqkd.flight import arrival_times, emission_times

PS = 1e12


@dataclass(frozen=True)
class Clock:
    """A local clock against the satellite's, local = (1 + drift) true + offset.

    Attributes
    ----------
    offset_s, drift : float
        At the session's start [s], and fractional frequency error [1].
    offset_sigma_s, drift_sigma : float
        One standard deviation of each.
    residual_rms_s : float
        Root mean square of the beacon tags against the fit [s].
    """

    offset_s: float
    drift: float
    offset_sigma_s: float
    drift_sigma: float
    residual_rms_s: float

    def true_s(self, local_ps: np.ndarray) -> np.ndarray:
        """Times since the session's start [s] of tags of the local clock, counted from the session's start [ps]."""
        return (local_ps / PS - self.offset_s) / (1 + self.drift)


def recover_clock(beacon_ps, gps_ps, *, beacon_rate_hz, node_s, range_m, range_rate_m_s) -> Clock:
    """Offset and drift of a station's clock.

    Parameters
    ----------
    beacon_ps, gps_ps : ndarray of int64
        Local tags of the beacon and of the GPS seconds, counted from the session's start [ps].
    beacon_rate_hz : float
        Recorded beacon pulses; pulse n leaves the satellite n / rate after the session's start [1/s].
    node_s, range_m, range_rate_m_s : ndarray, shape (m,)
        The orbit's prediction.

    Raises
    ------
    ValueError
        Where the tags do not fix the clock: too few of them, or a scatter that cannot tell one pulse from the next.
    """
    orbit = {"node_s": node_s, "range_m": range_m, "range_rate_m_s": range_rate_m_s}
    if min(len(gps_ps), len(beacon_ps)) < 3:
        raise ValueError(f"{len(gps_ps)} GPS and {len(beacon_ps)} beacon tags do not fix a clock: it takes 3 of each")
    coarse = _line(np.rint(gps_ps / PS), gps_ps / PS)
    emission = emission_times(coarse.true_s(beacon_ps), **orbit)
    pulse = np.rint(emission * beacon_rate_hz)
    if np.std(emission * beacon_rate_hz - pulse) > 0.1:
        raise ValueError(
            "the beacon tags do not fall on a comb after the GPS seconds and the orbit were taken out: "
            "check beacon.pulse_rate_hz, the element set and the GPS tags"
        )
    return _line(arrival_times(pulse / beacon_rate_hz, **orbit), beacon_ps / PS)


def _line(true_s: np.ndarray, local_s: np.ndarray) -> Clock:
    """Least squares of local - true against true, with its errors from the scatter."""
    mean = true_s.mean()
    x, y = true_s - mean, local_s - true_s
    drift = (x @ y) / (x @ x)
    residual = y - y.mean() - drift * x
    variance = residual @ residual / max(x.size - 2, 1)
    drift_sigma = np.sqrt(variance / (x @ x))
    return Clock(
        offset_s=float(y.mean() - drift * mean),
        drift=float(drift),
        offset_sigma_s=float(np.hypot(np.sqrt(variance / x.size), mean * drift_sigma)),
        drift_sigma=float(drift_sigma),
        residual_rms_s=float(np.sqrt(np.mean(residual**2))),
    )
