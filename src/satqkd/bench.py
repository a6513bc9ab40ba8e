"""Data sets of stages 1 and 2 where nothing flies, such as a laboratory's bench or a link at given distances."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.dataset import variable

EACH = ("time", "station")


def still_orbit(
    stations: Sequence[str],
    measurement: ArrayLike,
    *,
    session_number: ArrayLike = 0,
    range_m: ArrayLike = 0.0,
    elevation_deg: ArrayLike = 90.0,
) -> xr.Dataset:
    """Return an orbit data set without motion: no time of flight changes, and no polarisation turns.

    Parameters
    ----------
    stations : sequence of str
        Their names.
    measurement : array_like of int, shape (time,)
        Index of the measurement that begins in each second, -1 for none.
    session_number : array_like of int, shape (time,)
        Session of each second; one for all by default.
    range_m, elevation_deg : array_like, shape (time, station)
        Distance [m] and elevation [degree]; a single one serves for all.

    Returns
    -------
    xarray.Dataset
        The variables of ``orbit.nc`` that stages 2 to 4 use.

    Examples
    --------
    >>> orbit = still_orbit(["alice", "bob"], [0, 0, -1])
    >>> orbit.range.shape, orbit.link_open.values.tolist()
    ((3, 2), [True, True, False])
    """
    measured = np.asarray(measurement, np.int8)
    numbers = np.broadcast_to(np.asarray(session_number, np.int16), measured.shape)
    shape = (measured.size, len(stations))
    range_m, elevation_deg = (np.broadcast_to(np.asarray(v, float), shape) for v in (range_m, elevation_deg))
    firsts = np.unique(numbers, return_index=True)[1]
    return xr.Dataset(
        {
            "range": variable(EACH, range_m, "m", "distance"),
            "elevation": variable(EACH, elevation_deg, "degree", "elevation"),
            "range_rate": variable(EACH, np.zeros(shape), "m s-1", "rate of the distance"),
            "polarization_rotation": variable(EACH, np.zeros(shape), "degree", "rotation of the polarisation"),
            "measurement": variable("time", measured, "1", "index of the measurement that begins here, -1 for none"),
            "link_open": variable("time", measured >= 0, "1", "whether the second that begins here is used"),
            "longest_range": variable(
                ("session", "station"), np.maximum.reduceat(range_m, firsts), "m", "longest range"
            ),
            "baseline": variable((), np.nan, "m", "straight chord between the stations"),
        },
        coords={
            "time": np.datetime64("2000-01-01", "ns") + np.arange(measured.size) * np.timedelta64(1, "s"),
            "station": list(stations),
            "session": ("session", numbers[firsts]),
            "session_number": variable("time", numbers, "1", "session"),
        },
        attrs={"showcase": int(numbers[0])},
    )


def still_channel(orbit: xr.Dataset, loss_db: ArrayLike) -> xr.Dataset:
    """Return a channel data set of known losses without fading.

    Parameters
    ----------
    orbit : xarray.Dataset
        Result of `still_orbit`.
    loss_db : array_like, shape (time, station)
        Loss of each link without its detectors [dB].

    Examples
    --------
    >>> orbit = still_orbit(["alice", "bob"], [0, -1])
    >>> still_channel(orbit, [[3.0, 10.0]]).transmittance.values.round(3).tolist()
    [[0.501, 0.1], [0.501, 0.1]]
    """
    loss = np.broadcast_to(np.asarray(loss_db, float), orbit.range.shape)
    return xr.Dataset(
        {
            "loss": variable((*EACH, "component"), loss[..., None], "dB", "loss by component"),
            "attenuation": variable(EACH, loss, "dB", "loss of the link, detectors not included"),
            "transmittance": variable(EACH, 10 ** (-loss / 10), "1", "mean transmittance, detectors not included"),
            "fading_variance": variable(
                EACH, np.zeros(loss.shape), "1", "variance of the received power over its squared mean"
            ),
            "total_attenuation": variable("time", loss.sum(axis=1), "dB", "loss of all links together"),
            "range": orbit.range,
            "elevation": orbit.elevation,
            "measurement": orbit.measurement,
            "distance": variable((), float(orbit.longest_range.sum("station").max()), "m", "distance bridged"),
        },
        coords={
            "time": orbit.time,
            "station": orbit.station,
            "component": ["arm"],
            "session_number": orbit.session_number,
        },
        attrs={"showcase": orbit.attrs["showcase"]},
    )


def still_link(
    stations: Sequence[str], durations_s: Sequence[int], *, transmittance: ArrayLike
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return orbit and channel data sets of measurements one after the other through a constant link.

    Parameters
    ----------
    stations : sequence of str
        Their names.
    durations_s : sequence of int
        Of each measurement [s].
    transmittance : array_like, shape () or (station,)
        Of each path, without detectors [1].

    Examples
    --------
    >>> orbit, channel = still_link(["alice", "bob"], [2, 1], transmittance=[0.8, 0.2])
    >>> orbit.measurement.values.tolist(), channel.transmittance.values[0].round(3).tolist()
    ([0, 0, 1, -1], [0.8, 0.2])
    """
    measurement = np.repeat(np.arange(len(durations_s)), durations_s)
    orbit = still_orbit(stations, np.append(measurement, -1))
    return orbit, still_channel(orbit, -10 * np.log10(transmittance))
