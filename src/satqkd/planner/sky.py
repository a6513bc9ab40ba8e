"""Light of the sky over the windows of a link: what it adds to the counts, and when Moon or Sun are the most of it.

The Sun may be below the horizon: its light is then that of twilight, which ends 18 degrees below.
"""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.analytic.forecast import Counts, expected_counts
from satqkd.analytic.means import with_mean_sky
from satqkd.analytic.uncertainty import KeyInterval, pass_intervals
from satqkd.detection.stage import sky_background
from satqkd.orbit import frames
from satqkd.orbit.lights import lights
from satqkd.orbit.propagation import Place, Trajectory
from satqkd.scenario import Scenario


def seen_sky(path: Trajectory, stations: Sequence[Place], seconds: np.ndarray) -> xr.Dataset:
    """Return lines of sight, Moon and Sun as stage 1 has them, with dimensions (time, station).

    Parameters
    ----------
    path : Trajectory
    stations : sequence of Place
    seconds : ndarray, shape (time,)
        After the trajectory's start [s].

    Examples
    --------
    >>> from satqkd.orbit import Station, read_elements
    >>> from satqkd.orbit.propagation import trajectory
    >>> from satqkd.scenario import data_folder
    >>> start = np.datetime64("2016-12-19T16:00", "ns")
    >>> path = trajectory(read_elements(data_folder() / "orbits/micius.csv"), start, start + np.timedelta64(1, "h"))
    >>> seen = seen_sky(path, [Station("xinglong", 40.3959, 117.5775, 890.0)], np.array([3219.0]))
    >>> seen.elevation.values.round(1).tolist(), seen.moon_elevation.values.round().tolist()
    ([[29.5]], [[23.0]])
    """
    position, _ = path.at(seconds)
    times = path.start + np.rint(1e9 * seconds).astype("timedelta64[ns]")
    sun = frames.sun_direction(times)
    columns: dict[str, list[np.ndarray]] = {}
    for place in stations:
        axes = frames.local_axes(place.latitude_deg, place.longitude_deg)
        ground = frames.geodetic_to_itrs(place.latitude_deg, place.longitude_deg, place.altitude_m)
        elevation_deg, azimuth_deg = frames.elevation_azimuth_deg(position - ground, axes)
        here = {
            "elevation_deg": elevation_deg,
            "azimuth_deg": azimuth_deg,
            "sun_elevation_deg": frames.elevation_azimuth_deg(sun, axes)[0],
            **vars(lights(place, times, elevation_deg=elevation_deg, azimuth_deg=azimuth_deg)),
        }
        for name, values in here.items():
            columns.setdefault(name.removesuffix("_deg"), []).append(values)
    return xr.Dataset({name: (("time", "station"), np.stack(parts, axis=1)) for name, parts in columns.items()})


def with_sky(scenario: Scenario, seen: xr.Dataset, **nodes: np.ndarray) -> tuple[Counts, KeyInterval]:
    """Return counts and the interval of the key of passes, each with the mean light of its own sky as background.

    Parameters
    ----------
    scenario : Scenario
    seen : xarray.Dataset
        Of `seen_sky` at the nodes of one pass after the other.
    **nodes : ndarray, shape (pass, node, ...)
        Arguments of `satqkd.analytic.forecast.expected_counts`.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> sky = {"filter_nm": 20, "dark_magnitude": 20.2}
    >>> mission = load_scenario("liao2017").replaced({"stations.0.sky": sky, "stations.0.field_of_view_urad": 100})
    >>> nodes = {"range_m": np.full((1, 1, 1), 8e5), "elevation_deg": np.full((1, 1, 1), 40.0)}
    >>> bright, interval = with_sky(mission, _moonlit(), **nodes, weights_s=np.full((1, 1), 60.0))
    >>> dark = expected_counts(load_scenario("liao2017"), **nodes, weights_s=np.full((1, 1), 60.0))
    >>> bool(bright.qber()[0] > dark.qber()[0]), interval.key.shape
    (True, (1,))
    """
    passes, each = nodes["weights_s"].shape
    counts, intervals = [], []
    for number in range(passes):
        mine = {name: values[number : number + 1] for name, values in nodes.items()}
        sky = seen.isel(time=slice(number * each, (number + 1) * each))
        constant = with_mean_sky(scenario, sky, weights_s=mine["weights_s"][0])
        counts.append(expected_counts(constant, **mine))
        intervals.append(pass_intervals(constant, **mine))
    return (
        Counts(*(np.concatenate([getattr(one, field.name) for one in counts]) for field in fields(Counts))),
        KeyInterval(
            key=np.concatenate([one.key for one in intervals]),
            low=np.concatenate([one.low for one in intervals]),
            high=np.concatenate([one.high for one in intervals]),
            variances={
                name: np.concatenate([one.variances[name] for one in intervals]) for name in intervals[0].variances
            },
        ),
    )


def sky_columns(scenario: Scenario, seen: xr.Dataset, weights_s: np.ndarray) -> pd.DataFrame:
    """Return what the plan says of the sky of each pass.

    Parameters
    ----------
    scenario : Scenario
    seen : xarray.Dataset
        Of `seen_sky` at the nodes of one pass after the other.
    weights_s : ndarray, shape (pass, node)
        Time that each node stands for [s].

    Returns
    -------
    pandas.DataFrame
        `sky_hz`, the mean clicks of the sky in each detector of the station where it is brightest [1/s];
        `moon_separation_deg`, the smallest angle between a line of sight and the Moon while that is up, else empty; and
        `bright_sky`, "moon", "sun" or "twilight" where its light is more than half of the sky's, else empty.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> sky = {"filter_nm": 20, "dark_magnitude": 20.2}
    >>> mission = load_scenario("liao2017").replaced({"stations.0.sky": sky, "stations.0.field_of_view_urad": 100})
    >>> sky_columns(mission, _moonlit(), np.full((1, 1), 60.0)).iloc[0].to_dict()
    {'sky_hz': 383.5, 'moon_separation_deg': 30.0, 'bright_sky': 'moon'}
    """
    sky = sky_background(scenario, seen)
    assert sky is not None
    shape = (*weights_s.shape, len(scenario.stations))
    by_light = np.einsum("pnsl,pn->psl", sky.values.reshape(*shape, -1), weights_s)
    by_light = by_light / weights_s.sum(axis=1)[:, None, None]
    brightest = by_light[np.arange(len(by_light)), by_light.sum(axis=2).argmax(axis=1)]
    total = brightest.sum(axis=1)
    bright = np.full(len(total), "", dtype=object)
    for light in ("moon", "sun", "twilight"):
        bright[brightest[:, sky.light.values.tolist().index(light)] > total / 2] = light
    up = np.where(seen.moon_elevation.values > 0, seen.moon_separation.values, np.inf).reshape(shape).min(axis=(1, 2))
    return pd.DataFrame(
        {
            "sky_hz": np.round(total, 1),
            "moon_separation_deg": np.round(np.where(np.isfinite(up), up, np.nan), 1),
            "bright_sky": bright,
        }
    )


# Highest elevation of the Sun [degree] at which each of them ends, from the darkest.
TWILIGHTS = {"": -18.0, "astronomical": -12.0, "nautical": -6.0, "civil": 0.0, "day": 90.0}


def twilight_of(sun_elevation_deg: np.ndarray) -> np.ndarray:
    """Return which twilight it is at elevations of the Sun [degree]: a key of `TWILIGHTS`, empty in the dark.

    Examples
    --------
    >>> twilight_of(np.array([-30.0, -18.0, -15.0, -12.0, -7.0, 20.0])).tolist()
    ['', '', 'astronomical', 'astronomical', 'nautical', 'day']
    """
    return np.array(list(TWILIGHTS))[np.searchsorted(list(TWILIGHTS.values()), sun_elevation_deg)]


def _moonlit() -> xr.Dataset:
    """Return a moment with the full Moon 30 degrees from the line of sight, for the examples."""
    angles = {
        "elevation": 40.0,
        "azimuth": 0.0,
        "sun_elevation": -50.0,
        "moon_elevation": 50.0,
        "moon_separation": 30.0,
        "moon_phase_angle": 0.0,
        "sun_separation": 150.0,
    }
    return xr.Dataset({name: (("time", "station"), [[angle]]) for name, angle in angles.items()})
