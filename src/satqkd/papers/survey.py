"""All known orbits of a survey: mean sifted rate against shortest range, with the air of each night drawn."""

import numpy as np
import pandas as pd

from satqkd.analytic.season import FAR_M, NEAR_M, continued, night_extinctions, season_rates, survey_nights
from satqkd.papers.results import DRAWS, Results, percentiles


def orbits(results: Results) -> pd.DataFrame:
    """Compute sifted rate and error rate on every night of the survey by the analytic chain.

    Columns: night (UTC), station, closest_utc, shortest_range_km, max_elevation_deg, session_s; rate, the mean over the
    session [bit/s], peak_rate, that of its nearest ten seconds, and qber, with the scenario's own extinction; of each,
    and of extinction_db, _low, _median and _high, the 16th, 50th and 84th percentile over the air of the nights.
    """
    scenario = results.scenario
    own_db = scenario.stations[0].zenith_extinction_db
    nights = survey_nights(scenario, results.orbit)
    drawn = night_extinctions(
        scenario,
        nights,
        results.stream("nights"),
        stated_time=results.orbit.closest_approach.values[results.orbit.attrs["showcase"]],
        zenith_extinction_db=np.full(DRAWS, own_db),
    )
    same = season_rates(scenario, nights, np.full((1, len(nights), 2), own_db), own_extinction_db=own_db)
    varied = season_rates(scenario, nights, drawn, own_extinction_db=own_db)
    columns = {
        "night": [night.date for night in nights],
        "station": [night.station for night in nights],
        "closest_utc": [np.datetime_as_string(night.closest, unit="s") for night in nights],
        "shortest_range_km": [night.shortest_range_m / 1e3 for night in nights],
        "max_elevation_deg": [night.max_elevation_deg for night in nights],
        "session_s": [night.duration_s for night in nights],
    } | percentiles("extinction_db", drawn.mean(axis=2))
    for name in ("rate", "peak_rate", "qber"):
        columns |= {name: getattr(same, name)[0]} | percentiles(name, getattr(varied, name))
    return pd.DataFrame(columns)


def observables(table: pd.DataFrame) -> dict[str, tuple[float | list[float], str]]:
    """Return what `orbits` says that a publication can be compared with: name to (value or [low, high], unit).

    The peak is that of the orbit that comes nearest to 530 km; 1034.7 km is beyond the known orbits of Xinglong, and
    extrapolated. Their distribution over the nights: `satqkd.analytic.season.survey_draws`.
    """
    own = table[table.station == "xinglong"]
    range_m = 1e3 * own.shortest_range_km.to_numpy()
    far = continued(range_m, own.rate_median.to_numpy()[None], FAR_M)
    nearest = (1e3 * table.shortest_range_km - NEAR_M).abs().idxmin()
    return {
        "sifted_rate_530km": (float(table.peak_rate_median[nearest]), "bit/s"),
        "sifted_rate_1034p7km": (float(far[0]), "bit/s"),
        "qber_over_23_orbits": ([float(table.qber_low.min()), float(table.qber_high.max())], "1"),
    }
