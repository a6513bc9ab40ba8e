"""Expected secret bits by night and their cumulative sum, as the calendar figure shows them."""

import numpy as np
import pandas as pd

from satqkd.planner.nights import night_of
from satqkd.planner.planfile import Plan


def usable_by_night(plan: Plan, passes: pd.DataFrame) -> pd.DataFrame:
    """Return the passes with an open window, with the night of each; for a pair of stations the night at the first.

    Examples
    --------
    >>> from satqkd.planner import load_plan, make_plan
    >>> plan = load_plan("example", days=1)
    >>> usable = usable_by_night(plan, make_plan(plan).passes)
    >>> usable.stations.tolist(), usable.night.astype(str).unique().tolist()
    (['xinglong', 'nanshan', 'delingha', 'nanshan+delingha'], ['2018-09-10'])
    """
    usable = passes[passes.window_s > 0].copy()
    longitude = {station.name: station.longitude_deg for station in plan.stations}
    first = usable.stations.str.split("+").str[0].map(longitude).to_numpy(float)
    times = usable.window_start_utc.str.removesuffix("Z").to_numpy().astype("datetime64[s]")
    usable["night"] = night_of(times, first)
    return usable


def nights_of(plan: Plan) -> np.ndarray:
    """Return all nights that a plan touches, shape (night,); the first may have begun on the day before.

    Examples
    --------
    >>> from satqkd.planner import load_plan
    >>> nights_of(load_plan("example", days=1)).astype(str).tolist()
    ['2018-09-09', '2018-09-10']
    """
    return np.arange(np.datetime64(plan.start) - 1, np.datetime64(plan.start) + plan.days)


def nightly(plan: Plan, passes: pd.DataFrame) -> pd.DataFrame:
    """Return the expected secret bits by station (or pair) and night, all satellites together; NaN without an open
    link.

    Rows are in the plan's order of stations.

    Examples
    --------
    >>> from satqkd.planner import load_plan, make_plan
    >>> plan = load_plan("example", days=1)
    >>> nightly(plan, make_plan(plan).passes).round().index.tolist()
    ['xinglong', 'nanshan', 'nanshan+delingha', 'delingha']
    """
    place = {station.name: index for index, station in enumerate(plan.stations)}
    sums = usable_by_night(plan, passes).pivot_table(
        index="stations", columns="night", values="expected_secret_bits", aggfunc="sum"
    )
    order = sorted(sums.index, key=lambda label: [place[name] for name in label.split("+")])
    return sums.reindex(index=order, columns=nights_of(plan)) if order else sums


def cumulative(plan: Plan, passes: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the expected secret bits up to the end of each night with their standard deviation, by satellite.

    Clouds and counts of different passes are treated as independent.

    Examples
    --------
    >>> from satqkd.planner import load_plan, make_plan
    >>> plan = load_plan("example", days=1)
    >>> {name: bits.round(-4).tolist() for name, (bits, _) in cumulative(plan, make_plan(plan).passes).items()}
    {'micius': [0.0, 590000.0], 'micius_pairs': [0.0, 0.0]}
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
