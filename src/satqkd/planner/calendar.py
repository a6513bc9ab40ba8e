"""Passes by night: what the calendar figure shows."""

import numpy as np
import pandas as pd

from satqkd.planner.planfile import Plan

HOURS_PER_DEGREE = 1 / 15
HALF_A_DAY = np.timedelta64(12, "h")


def night_of(times: np.ndarray, longitude_deg: np.ndarray) -> np.ndarray:
    """The day [datetime64[D]] in whose evening the night of a time [UTC] began, by local mean solar time."""
    east = ((np.asarray(longitude_deg) + 180.0) % 360.0 - 180.0) * HOURS_PER_DEGREE
    local = times + np.rint(3600 * east).astype("timedelta64[s]")
    return (local - HALF_A_DAY).astype("datetime64[D]")


def usable_by_night(plan: Plan, passes: pd.DataFrame) -> pd.DataFrame:
    """The passes with an open window, with the night of each; a pair of stations has that of its first."""
    usable = passes[passes.window_s > 0].copy()
    longitude = {station.name: station.longitude_deg for station in plan.stations}
    first = usable.stations.str.split("+").str[0].map(longitude).to_numpy(float)
    times = usable.window_start_utc.str.removesuffix("Z").to_numpy().astype("datetime64[s]")
    usable["night"] = night_of(times, first)
    return usable


def nights_of(plan: Plan) -> np.ndarray:
    """All nights that a plan touches, shape (night,): the first may have begun on the day before."""
    return np.arange(np.datetime64(plan.start) - 1, np.datetime64(plan.start) + plan.days)


def nightly(plan: Plan, passes: pd.DataFrame) -> pd.DataFrame:
    """Expected secret bits by station (or pair) and night, all satellites together; nan without an open link.

    Rows are in the plan's order of stations.
    """
    place = {station.name: index for index, station in enumerate(plan.stations)}
    sums = usable_by_night(plan, passes).pivot_table(
        index="stations", columns="night", values="expected_secret_bits", aggfunc="sum"
    )
    order = sorted(sums.index, key=lambda label: [place[name] for name in label.split("+")])
    return sums.reindex(index=order, columns=nights_of(plan)) if order else sums


def cumulative(plan: Plan, passes: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By satellite the expected secret bits up to the end of each night, and their standard deviation.

    Clouds and counts of different passes are taken as independent.
    """
    usable, nights = usable_by_night(plan, passes), nights_of(plan)
    result = {}
    for satellite in plan.satellites:
        rows = usable[usable.satellite == satellite.name]
        index = np.searchsorted(nights, rows.night.to_numpy().astype("datetime64[D]"))
        mean = np.bincount(index, rows.expected_secret_bits, nights.size)
        variance = np.bincount(index, rows.expected_secret_bits_sigma**2, nights.size)
        result[satellite.name] = np.cumsum(mean), np.sqrt(np.cumsum(variance))
    return result
