"""Efficiency of one link over the nights of a season, from clear to hazy."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from satqkd.channel import air_mass, drawn_extinctions_db
from satqkd.papers.results import DRAWS, Results, percentiles

CLEAR_PERCENT, HAZY_PERCENT = 5, 95  # percentiles of the extinction that count as a clear and as a hazy night
DAY = np.timedelta64(1, "D")


def season(results: Results) -> tuple[np.ndarray, np.ndarray]:
    """Draw the extinction over the first station in every night of the season [dB].

    Returns
    -------
    times : ndarray of datetime64, shape (night,)
        The time of day of the closest approach shown, on each day, UTC.
    extinction_db : ndarray, shape (draw, night)
    """
    scenario, orbit = results.scenario, results.orbit
    nights = scenario.channel.nights
    assert nights is not None and nights.season is not None
    shown = orbit.closest_approach.values[orbit.attrs["showcase"]].astype("datetime64[s]")
    first, last = (np.datetime64(day.replace(tzinfo=None), "D") for day in nights.season)
    times = np.arange(first, last + DAY) + (shown - shown.astype("datetime64[D]"))
    return times, drawn_extinctions_db(
        scenario,
        times,
        results.stream("nights"),
        stated_time=shown,
        zenith_extinction_db=np.full(DRAWS, scenario.stations[0].zenith_extinction_db),
    )


def efficiency_through(link: xr.Dataset, extinction_db: ArrayLike) -> np.ndarray:
    """Return the efficiency of a link with another extinction at the zenith than its budget has [1].

    Parameters
    ----------
    link : xarray.Dataset
        Rows of stage 2 for one station.
    extinction_db : array_like
        Extinction of one air mass [dB]; it broadcasts with the rows.
    """
    more_db = np.asarray(extinction_db) * air_mass(link.elevation.values) - link.loss.sel(component="atmosphere").values
    return link.transmittance.values * 10 ** (-more_db / 10)


def clear_and_hazy(results: Results) -> pd.DataFrame:
    """Return the efficiency of the link to the first station through the pass shown, on clear and on hazy nights.

    Columns: elapsed_s, range_km, elevation_deg; efficiency of the link budget, without detectors; clear, median and
    hazy, with the 5th, 50th and 95th percentile of the extinction over all nights of the season.
    """
    rows, elapsed_s = results.shown()
    link = results.channel.isel(time=rows, station=0)
    _, drawn = season(results)
    table = pd.DataFrame(
        {
            "elapsed_s": elapsed_s,
            "range_km": link.range.values / 1e3,
            "elevation_deg": link.elevation.values,
            "efficiency": link.transmittance.values,
        }
    )
    for name, percent in (("clear", CLEAR_PERCENT), ("median", 50), ("hazy", HAZY_PERCENT)):
        table[name] = efficiency_through(link, np.percentile(drawn, percent))
    return table


def through_the_season(results: Results) -> pd.DataFrame:
    """Return the efficiency of the link to the first station at the closest approach of the pass shown, night by night.

    Columns: night (UTC); extinction_db and efficiency, in one drawn season; extinction_low, _median and _high [dB] and
    efficiency_low, _median and _high, the 16th, 50th and 84th percentile over 400 seasons.
    """
    rows, _ = results.shown()
    link = results.channel.isel(time=rows, station=0)
    nearest = link.isel(time=int(np.argmin(link.range.values)))
    times, drawn = season(results)
    efficiency = efficiency_through(nearest, drawn)
    one_season = {
        "night": np.datetime_as_string(times, unit="D"),
        "extinction_db": drawn[0],
        "efficiency": efficiency[0],
    }
    return pd.DataFrame(one_season | percentiles("extinction", drawn) | percentiles("efficiency", efficiency))
