"""Timeline of a pass: the time that two terminals take to find each other, and the phases up to communication."""

from dataclasses import dataclass

import numpy as np

PHASES = ("initialisation", "acquisition", "link", "communication", "end")


@dataclass(frozen=True)
class Search:
    """A search for the beacon on a spiral around the predicted direction, and the loops that take over.

    Attributes
    ----------
    pointing_sigma_rad : float
        Error of the predicted direction, standard deviation per axis [rad].
    look_rad : float
        Full angle that one look covers: the smaller of the beacon's width and the sensor's field [rad].
    overlap : float
        Share by which neighbouring looks overlap [1].
    dwell_s : float
        Duration of a look [s].
    coarse_bandwidth_hz, fine_bandwidth_hz : float
        Bandwidths of the loops [1/s].
    fine_field_rad : float
        Full angle of the fine sensor's field [rad].
    residual_rad : float
        Error at which the fine loop counts as settled [rad].
    """

    pointing_sigma_rad: float
    look_rad: float
    overlap: float
    dwell_s: float
    coarse_bandwidth_hz: float
    fine_field_rad: float
    fine_bandwidth_hz: float
    residual_rad: float

    @property
    def pitch_rad(self) -> float:
        """Return the distance between two looks [rad]."""
        return self.look_rad * (1 - self.overlap)

    def mean_scan_s(self) -> float:
        r"""Return the mean time until a look covers the other terminal [s].

        Notes
        -----
        A spiral of the pitch p takes :math:`\pi r^2/p^2` looks to the radius r. For an error that is normal in both
        axes, r^2 is exponentially distributed with the mean 2 sigma^2. The time after the first look is therefore
        exponentially distributed too, with the mean :math:`2\pi\sigma^2\tau/p^2` (derived).

        Examples
        --------
        >>> search = Search(1e-3, 1e-3, 0.0, 0.5, 2.0, 5e-4, 100.0, 1e-6)
        >>> round(search.mean_scan_s(), 3)
        3.642
        """
        return self.dwell_s * (1 + 2 * np.pi * (self.pointing_sigma_rad / self.pitch_rad) ** 2)

    def scan_s(self, probability: float) -> float:
        """Return the time in which the other terminal is found with a given probability [s].

        Examples
        --------
        >>> search = Search(1e-3, 1e-3, 0.0, 0.5, 2.0, 5e-4, 100.0, 1e-6)
        >>> round(search.scan_s(0.99), 2)
        14.97
        """
        return self.dwell_s - float(np.log1p(-probability)) * (self.mean_scan_s() - self.dwell_s)

    def settling_s(self) -> float:
        """Return the time that both loops take from the first look to the residual error [s].

        Notes
        -----
        An integrator of bandwidth f lets an error decay as exp(-2 pi f t): from half a look to half of the fine field,
        and from there to the residual error. Delays of the sensors are left out.

        Examples
        --------
        >>> search = Search(1e-3, 1e-3, 0.0, 0.5, 2.0, 5e-4, 100.0, 1e-6)
        >>> round(search.settling_s(), 3)
        0.064
        """
        coarse = settling_time_s(
            self.look_rad / 2, within_rad=self.fine_field_rad / 2, bandwidth_hz=self.coarse_bandwidth_hz
        )
        fine = settling_time_s(
            self.fine_field_rad / 2, within_rad=self.residual_rad, bandwidth_hz=self.fine_bandwidth_hz
        )
        return coarse + fine

    def mean_s(self) -> float:
        """Return the mean time of the acquisition [s]: scan and settling.

        Examples
        --------
        >>> search = Search(1e-3, 1e-3, 0.0, 0.5, 2.0, 5e-4, 100.0, 1e-6)
        >>> round(search.mean_s(), 3)
        3.706
        """
        return self.mean_scan_s() + self.settling_s()


def settling_time_s(error_rad: float, *, within_rad: float, bandwidth_hz: float) -> float:
    """Return the time in which an integrating loop reduces an error to a limit [s]; 0 if it is already smaller.

    Examples
    --------
    >>> round(settling_time_s(np.e, within_rad=1.0, bandwidth_hz=0.5 / np.pi), 9)
    1.0
    """
    return max(0.0, float(np.log(error_rad / within_rad)) / (2 * np.pi * bandwidth_hz))


def crossing_s(seconds: np.ndarray, elevation_deg: np.ndarray, limit_deg: float, *, rising: bool) -> float:
    """Return the time at which a satellite crosses an elevation before or after its highest point [s].

    Parameters
    ----------
    seconds, elevation_deg : ndarray, shape (time,)
        Ascending times, and the elevations of one pass [degree].
    limit_deg : float
        Elevation to cross [degree].
    rising : bool
        Whether the crossing is before the highest point.

    Returns
    -------
    float
        If the pass stays below the elevation, the time of the highest point. If it begins or ends above, its first or
        last time.

    Examples
    --------
    >>> crossing_s(np.arange(5.0), np.array([0.0, 10.0, 20.0, 10.0, 0.0]), 5.0, rising=False)
    3.5
    """
    top = int(np.argmax(elevation_deg))
    side = np.arange(top + 1) if rising else np.arange(elevation_deg.size - 1, top - 1, -1)  # towards the highest point
    side = side[np.argmin(elevation_deg[side]) :]
    return float(np.interp(limit_deg, elevation_deg[side], seconds[side]))


def phase_starts_s(
    *, begin_s: float, end_s: float, initialisation_s: float, acquisition_s: float, link_s: float
) -> np.ndarray:
    """Return the start times of `PHASES` [s]; none is after the end.

    Examples
    --------
    >>> phase_starts_s(begin_s=0, end_s=200, initialisation_s=30, acquisition_s=15, link_s=27)
    array([  0.,  30.,  45.,  72., 200.])
    """
    starts = begin_s + np.cumsum([0.0, initialisation_s, acquisition_s, link_s])
    return np.append(np.minimum(starts, end_s), float(end_s))


def phases_after(starts_s: np.ndarray, *, initialisation_s: float, acquisition_s: float, link_s: float) -> np.ndarray:
    """Return the phases of stations for other durations, with the same start and end times [s].

    Parameters
    ----------
    starts_s : ndarray, shape (station, phase)
        Results of `phase_starts_s`.
    initialisation_s, acquisition_s, link_s : float
        Durations of the first three phases [s].

    Examples
    --------
    >>> phases_after(np.array([[0.0, 9.0, 9.0, 9.0, 200.0]]), initialisation_s=30, acquisition_s=15, link_s=27)
    array([[  0.,  30.,  45.,  72., 200.]])
    """
    lengths = {"initialisation_s": initialisation_s, "acquisition_s": acquisition_s, "link_s": link_s}
    return np.stack([phase_starts_s(begin_s=row[0], end_s=row[-1], **lengths) for row in starts_s])


def signed_zenith_deg(seconds: np.ndarray, elevation_deg: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """Return the zenith angle at given times, negative before the highest point [degree].

    Examples
    --------
    >>> signed_zenith_deg(np.arange(5.0), np.array([0.0, 10.0, 20.0, 10.0, 0.0]), np.array([1.0, 3.5]))
    array([-80.,  85.])
    """
    top_s = seconds[int(np.argmax(elevation_deg))]
    return np.where(at_s <= top_s, -1.0, 1.0) * (90 - np.interp(at_s, seconds, elevation_deg))
