"""All known orbits of a survey: mean sifted rate against shortest range, with the weather as a random factor."""

import csv
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import xarray as xr

from satqkd.analytic.expected import pulse_rates
from satqkd.channel import link_budget
from satqkd.coincidence.stage import EXTREME_SECONDS
from satqkd.orbit.stage import find_sessions
from satqkd.papers.results import Results
from satqkd.scenario import Scenario
from satqkd.scenario.mission import DecoySource
from satqkd.streams import stream

# Optical depths of aerosol are spread log-normally from day to day (O'Neill et al., Geophys. Res. Lett. 27, 3333
# (2000)). How widely they were in these nights is assumed.
WEATHER_SIGMA = 1.5
# Telescopes of the stations that are not the scenario's own (Yin et al., Science 356, 1140 (2017), main text).
APERTURES_M = {"delingha": 1.2, "nanshan": 1.2}
DRAWS = 400
HALF_PASS = timedelta(minutes=10)


def weather_factors(rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """Draw factors on the zenith extinction [1]: log-normal, median 1, geometric standard deviation `WEATHER_SIGMA`.

    Examples
    --------
    >>> weather_factors(np.random.default_rng(1), 3).round(3)
    array([1.15 , 1.395, 1.143])
    """
    return np.exp(np.log(WEATHER_SIGMA) * rng.standard_normal(shape))


def orbits(results: Results) -> pd.DataFrame:
    """Compute sifted rate and error rate on every night of the survey by the analytic chain.

    Columns: night (UTC), station, closest_utc, shortest_range_km, max_elevation_deg, session_s; rate, the mean over the
    session [bit/s], peak_rate, that of its nearest ten seconds, and qber, with the scenario's own extinction; of each
    _low, _median and _high, the 16th, 50th and 84th percentile over the weather.

    Notes
    -----
    The receiver of the scenario's first station stands at each night's station, behind that station's own aperture. A
    session is where the scenario's own conditions on elevation and range hold, by day and night. The weather multiplies
    the zenith extinction by `weather_factors`, one for each night and draw.
    """
    scenario = results.scenario
    seed = next(results.each("coincidence")).attrs["seed"]
    assert scenario.orbit.survey is not None
    with scenario.file(scenario.orbit.survey).open(newline="") as handle:
        nights = list(csv.DictReader(handle))
    times = results.orbit.survey_time.values.astype("datetime64[s]").tolist()
    return pd.DataFrame([_orbit(scenario, night, time, seed) for night, time in zip(nights, times, strict=True)])


def _orbit(scenario: Scenario, night: dict, culmination: datetime, seed: int) -> dict:
    there = scenario.replaced(
        {f"stations.0.{key}": float(night[key]) for key in ("latitude_deg", "longitude_deg", "altitude_m")}
        | {
            "stations.0.aperture_m": APERTURES_M.get(night["station"], scenario.stations[0].aperture_m),
            "orbit.search_start": f"{culmination - HALF_PASS:%Y-%m-%dT%H:%M:%SZ}",
            "orbit.search_end": f"{culmination + HALF_PASS:%Y-%m-%dT%H:%M:%SZ}",
            "orbit.max_sun_elevation_deg": 90,
            "orbit.survey": None,
            "relay": None,
        }
    )
    orbit = find_sessions(there)
    link = link_budget(there, orbit).isel(time=orbit.measurement.values >= 0, station=0)
    factor = weather_factors(stream(seed, scenario.name, "papers", "weather", night["date_utc"]), DRAWS)
    clear, varied = (_rates(there, link, factors) for factors in (np.ones(1), factor))
    return {
        "night": night["date_utc"],
        "station": night["station"],
        "closest_utc": np.datetime_as_string(orbit.closest_approach.values[0], unit="s"),
        "shortest_range_km": float(orbit.shortest_range.min()) / 1e3,
        "max_elevation_deg": float(orbit.max_elevation.max()),
        "session_s": float(orbit.session_duration[0]),
    } | {
        f"{name}{suffix}": value
        for name in clear
        for suffix, value in zip(
            ("", "_low", "_median", "_high"), [clear[name][0], *np.percentile(varied[name], (16, 50, 84))], strict=True
        )
    }


def _rates(scenario: Scenario, link: xr.Dataset, factors: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean and peak sifted rate [bit/s] and error rate [1] of a session under each weather, shape (draw,)."""
    extra_db = (factors[:, None] - 1) * link.loss.sel(component="atmosphere").values
    transmittance = link.transmittance.values * 10 ** (-extra_db / 10)
    right, wrong = pulse_rates(scenario, transmittance.ravel())[:, :, 0].sum(axis=0).reshape(2, *transmittance.shape)
    sifted = right + wrong
    nearest = np.argsort(link.range.values)[:EXTREME_SECONDS]
    assert isinstance(scenario.source, DecoySource)
    signal_hz = scenario.source.pulse_rate_hz * scenario.source.shares[0]
    return {
        "rate": signal_hz * sifted.mean(axis=1),
        "peak_rate": signal_hz * sifted[:, nearest].mean(axis=1),
        "qber": wrong.sum(axis=1) / sifted.sum(axis=1),
    }


def at_range(table: pd.DataFrame, column: str, range_km: float) -> float:
    """Return a column of `orbits` at a shortest range [km], by a parabola through its logarithm against the range's."""
    curve = np.polyfit(np.log(table.shortest_range_km), np.log(table[column]), 2)
    return float(np.exp(np.polyval(curve, np.log(range_km))))


def nearest(table: pd.DataFrame, range_km: float) -> pd.Series:
    """Return the orbit among `orbits` whose shortest range is nearest to a range [km]."""
    return table.loc[(table.shortest_range_km - range_km).abs().idxmin()]


def observables(table: pd.DataFrame) -> dict[str, tuple[float | list[float], str]]:
    """Return what `orbits` says that a publication can be compared with: name to (value or [low, high], unit).

    The peak is that of the orbit that comes nearest to 530 km; 1034.7 km is beyond the known orbits of Xinglong, and
    extrapolated.
    """
    own = table[table.station == "xinglong"]
    return {
        "sifted_rate_530km": (float(nearest(table, 530).peak_rate), "bit/s"),
        "sifted_rate_1034p7km": (at_range(own, "rate", 1034.7), "bit/s"),
        "qber_over_23_orbits": ([float(table.qber_low.min()), float(table.qber_high.max())], "1"),
    }
