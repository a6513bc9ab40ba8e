"""Rates of a source of pulses in the sessions of many nights, with drawn extinctions, by the analytic chain."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import xarray as xr

from satqkd.analytic.expected import pulse_rates
from satqkd.channel import air_mass, drawn_extinctions_db, link_budget
from satqkd.coincidence.stage import EXTREME_SECONDS
from satqkd.orbit.stage import find_sessions
from satqkd.scenario import Scenario
from satqkd.scenario.mission import DecoySource

# Apertures of the survey's stations other than the scenario's (Yin et al., Science 356, 1140 (2017), main text).
APERTURES_M = {"delingha": 1.2, "nanshan": 1.2}
# Shortest ranges of two published rates: of the nearest orbit, and beyond the known orbits of Xinglong.
NEAR_M, FAR_M = 530e3, 1034.7e3
HALF_PASS = timedelta(minutes=10)
SAMPLES = 24  # evenly spread seconds that represent a session


@dataclass(frozen=True)
class Night:
    """A session of one night of a survey.

    Attributes
    ----------
    date, station : str
        Date (UTC) and station in the survey.
    closest : datetime64
        Closest approach, UTC.
    shortest_range_m, max_elevation_deg, duration_s : float
    transmittance : ndarray, shape (sample,)
        Transmittance of the link with the scenario's own extinction, without detectors [1].
    air_mass : ndarray, shape (sample,)
    edges : ndarray of datetime64, shape (2,)
        Start and end, UTC.
    share : ndarray, shape (sample,)
        Time since the start over the duration of the session [1].
    spread : ndarray of bool, shape (sample,)
        Samples that represent the whole session; the others are its nearest `EXTREME_SECONDS`.
    """

    date: str
    station: str
    closest: np.datetime64
    shortest_range_m: float
    max_elevation_deg: float
    duration_s: float
    transmittance: np.ndarray
    air_mass: np.ndarray
    edges: np.ndarray
    share: np.ndarray
    spread: np.ndarray


def survey_nights(scenario: Scenario, orbit: xr.Dataset) -> list[Night]:
    """Return the session of each night of a scenario's survey.

    Parameters
    ----------
    scenario : Scenario
        One with a survey.
    orbit : xarray.Dataset
        Result of stage 1, with the times of the survey's passes.

    Returns
    -------
    list of Night
        Each night's station has the receiver of the scenario's first station, with its own aperture. A session is the
        time in which the scenario's conditions on elevation and range hold, by day or night.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("liao2017")
    >>> night = survey_nights(mission, find_sessions(mission).isel(night=slice(4, 5)))[0]
    >>> night.date, night.station, round(night.shortest_range_m / 1e3)
    ('2016-12-19', 'xinglong', 645)
    """
    assert scenario.orbit.survey is not None
    with scenario.file(scenario.orbit.survey).open(newline="") as handle:
        listed = {f"{row['date_utc']} {row['station']}": row for row in csv.DictReader(handle)}
    names, times = orbit.night.values.tolist(), orbit.survey_time.values.astype("datetime64[s]").tolist()
    return [_night(scenario, listed[name], time) for name, time in zip(names, times, strict=True)]


def _night(scenario: Scenario, row: dict[str, str], culmination: datetime) -> Night:
    there = scenario.replaced(
        {f"stations.0.{key}": float(row[key]) for key in ("latitude_deg", "longitude_deg", "altitude_m")}
        | {
            "stations.0.aperture_m": APERTURES_M.get(row["station"], scenario.stations[0].aperture_m),
            "orbit.search_start": f"{culmination - HALF_PASS:%Y-%m-%dT%H:%M:%SZ}",
            "orbit.search_end": f"{culmination + HALF_PASS:%Y-%m-%dT%H:%M:%SZ}",
            "orbit.max_sun_elevation_deg": 90,
            "orbit.survey": None,
            "relay": None,
        }
    )
    orbit = find_sessions(there)
    rows = np.flatnonzero(orbit.measurement.values >= 0)
    count = min(SAMPLES, rows.size)
    spread = rows[((np.arange(count) + 0.5) * rows.size / count).astype(int)]  # the middles of equal parts
    nearest = rows[np.argsort(orbit.range.values[rows, 0])[:EXTREME_SECONDS]]
    sampled = np.concatenate([spread, nearest])
    link = link_budget(there, orbit.isel(time=sampled))
    edges = orbit.time.values[rows[[0, -1]]]
    return Night(
        date=row["date_utc"],
        station=row["station"],
        closest=orbit.closest_approach.values[0],
        shortest_range_m=float(orbit.shortest_range.min()),
        max_elevation_deg=float(orbit.max_elevation.max()),
        duration_s=float(orbit.session_duration[0]),
        transmittance=link.transmittance.values[:, 0],
        air_mass=air_mass(link.elevation.values[:, 0]),
        edges=edges,
        share=(link.time.values - edges[0]) / max(edges[1] - edges[0], np.timedelta64(1, "s")),
        spread=np.arange(sampled.size) < spread.size,
    )


@dataclass(frozen=True)
class SeasonRates:
    """Sifted rates and error rates of sessions; every attribute has shape (draw, night).

    Attributes
    ----------
    rate, peak_rate : ndarray
        Sifted rate of the signal, as the mean of the session and of its nearest ten seconds [bit/s].
    qber : ndarray
        Error rate of the session [1].
    """

    rate: np.ndarray
    peak_rate: np.ndarray
    qber: np.ndarray


def night_extinctions(
    scenario: Scenario,
    nights: Sequence[Night],
    rng: np.random.Generator,
    *,
    stated_time: np.datetime64,
    zenith_extinction_db: np.ndarray,
) -> np.ndarray:
    """Draw the extinction at start and end of each night's session [dB], shape (draw, night, 2).

    Parameters
    ----------
    scenario : Scenario
        Its model of the nights is used for all stations of the survey.
    nights : sequence of Night
    rng : numpy.random.Generator
    stated_time : datetime64
        Time of the session to which the stated extinction belongs, UTC.
    zenith_extinction_db : ndarray, shape (draw,)
        The stated extinction [dB].
    """
    times = np.concatenate([night.edges for night in nights])
    drawn = drawn_extinctions_db(
        scenario, times, rng, stated_time=stated_time, zenith_extinction_db=zenith_extinction_db
    )
    return drawn.reshape(len(drawn), len(nights), 2)


def season_rates(
    scenario: Scenario,
    nights: Sequence[Night],
    extinctions_db: np.ndarray,
    *,
    own_extinction_db: float,
    gain: float = 1,
) -> SeasonRates:
    """Return the rates of each night's session for given extinctions.

    Parameters
    ----------
    scenario : Scenario
        Source and detectors; of the same mission as the nights.
    nights : sequence of Night
    extinctions_db : ndarray, shape (draw, night, 2)
        Extinction at start and end of each session [dB]; linear in between.
    own_extinction_db : float
        Extinction that the nights' transmittances contain [dB].
    gain : float
        Factor on these transmittances [1].

    Examples
    --------
    One and a half times the extinction leaves fewer bits, with more errors.

    >>> from satqkd import load_scenario
    >>> mission = load_scenario("liao2017")
    >>> nights = survey_nights(mission, find_sessions(mission).isel(night=slice(4, 5)))
    >>> rates = season_rates(mission, nights, np.array([[[3.258] * 2], [[4.9] * 2]]), own_extinction_db=3.258)
    >>> (rates.rate / 1e3).round(1).ravel().tolist(), (100 * rates.qber).round(2).ravel().tolist()
    ([6.1, 3.3], [1.1, 1.13])
    """
    assert isinstance(scenario.source, DecoySource)
    parts = []
    for number, night in enumerate(nights):
        start, end = (extinctions_db[:, number, edge, None] for edge in (0, 1))
        more_db = (start + (end - start) * night.share - own_extinction_db) * night.air_mass
        parts.append(gain * night.transmittance * 10 ** (-more_db / 10))
    transmittance = np.concatenate(parts, axis=1)
    bits = pulse_rates(scenario, transmittance.ravel())[:, :, 0].sum(axis=0).reshape(2, *transmittance.shape)
    signal_hz = scenario.source.pulse_rate_hz * scenario.source.shares[0]
    found, first = [], 0
    for night in nights:
        right, wrong = bits[:, :, first : first + night.share.size]
        sifted, whole = right + wrong, night.spread
        first += night.share.size
        found.append(
            (
                signal_hz * sifted[:, whole].mean(axis=1),
                signal_hz * sifted[:, ~whole].mean(axis=1),
                wrong[:, whole].sum(axis=1) / sifted[:, whole].sum(axis=1),
            )
        )
    return SeasonRates(*(np.stack(columns, axis=1) for columns in zip(*found, strict=True)))


def with_counting(rates: SeasonRates, nights: Sequence[Night], rng: np.random.Generator) -> SeasonRates:
    """Return rates and error rates with the counts of each session drawn from Poisson's distribution."""
    seconds = np.array([night.duration_s for night in nights])
    sifted = rates.rate * seconds
    wrong, right = rng.poisson(sifted * rates.qber), rng.poisson(sifted * (1 - rates.qber))
    return replace(
        rates,
        rate=(wrong + right) / seconds,
        peak_rate=rng.poisson(rates.peak_rate * EXTREME_SECONDS) / EXTREME_SECONDS,
        qber=wrong / np.maximum(wrong + right, 1),
    )


def continued(range_m: np.ndarray, rates: np.ndarray, to_m: float) -> np.ndarray:
    """Extrapolate rates to a range, by a parabola of log rate against log range, shape (draw,).

    Parameters
    ----------
    range_m : ndarray, shape (night,)
    rates : ndarray, shape (draw, night)
    to_m : float

    Examples
    --------
    >>> range_m = np.array([5e5, 6e5, 7e5, 9e5])
    >>> continued(range_m, 1e15 * range_m[None] ** -2.0, 1e6).round()
    array([1000.])
    """
    curves = np.polynomial.polynomial.polyfit(np.log(range_m), np.log(rates).T, 2)
    return np.exp(np.polynomial.polynomial.polyval(np.log(to_m), curves))


def nearest_to(nights: Sequence[Night], range_m: float) -> int:
    """Return the number of the night whose shortest range is nearest to a range [m]."""
    return int(np.argmin([abs(night.shortest_range_m - range_m) for night in nights]))


def survey_draws(
    scenario: Scenario, draws: Sequence[dict[str, float]], *, orbit: xr.Dataset, rng: np.random.Generator
) -> dict[str, tuple[list, str]]:
    """Return the predictive distribution of the observables that a survey of many nights gives.

    Parameters
    ----------
    scenario : Scenario
        One with a survey, and a source of pulses.
    draws : sequence of dict
        Changed values of each draw, by dotted key. In the link only the efficiencies of transmitter and receiver, and
        the extinction, may change.
    orbit : xarray.Dataset
        Result of stage 1.
    rng : numpy.random.Generator

    Returns
    -------
    dict
        Name of an observable of the overview to (one value for each draw, unit). `sifted_rate_530km` is the rate in the
        nearest ten seconds of the orbit whose shortest range is nearest to 530 km. `sifted_rate_1034p7km` is the mean
        rate of a session at Xinglong, with the air of one of its nights, extrapolated to 1034.7 km.
        `qber_over_23_orbits` has the lowest and the highest error rate of the known nights. The rate at 530 km and the
        error rates include the Poisson deviations of their counts.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> mission = load_scenario("liao2017")
    >>> rng = np.random.default_rng(1)
    >>> three_nights = find_sessions(mission).isel(night=slice(2, 5))
    >>> found = survey_draws(mission, [{}] * 2, orbit=three_nights, rng=rng)
    >>> sorted(found), found["sifted_rate_530km"][1]
    (['qber_over_23_orbits', 'sifted_rate_1034p7km', 'sifted_rate_530km'], 'bit/s')
    """
    nights, own = survey_nights(scenario, orbit), scenario.stations[0]
    changed = [scenario.replaced(changes) for changes in draws]
    drawn = night_extinctions(
        scenario,
        nights,
        rng,
        stated_time=orbit.closest_approach.values[orbit.attrs["showcase"]],
        zenith_extinction_db=np.array([one.stations[0].zenith_extinction_db for one in changed]),
    )
    here = np.flatnonzero([night.station == own.name for night in nights])
    home, home_m = [nights[i] for i in here], np.array([nights[i].shortest_range_m for i in here])
    near = nearest_to(nights, NEAR_M)
    peak, far, error = [], [], []
    for one, extinctions in zip(changed, drawn, strict=True):
        gain = one.transmitter.optics_efficiency / scenario.transmitter.optics_efficiency
        gain *= one.stations[0].receiver_efficiency / own.receiver_efficiency
        link = {"own_extinction_db": own.zenith_extinction_db, "gain": gain}
        rates = with_counting(season_rates(one, nights, extinctions[None], **link), nights, rng)
        air = np.broadcast_to(extinctions[rng.choice(here)], (1, len(home), 2))
        peak.append(float(rates.peak_rate[0, near]))
        far.append(float(continued(home_m, season_rates(one, home, air, **link).rate, FAR_M)[0]))
        error.append([float(rates.qber.min()), float(rates.qber.max())])
    return {
        "sifted_rate_530km": (peak, "bit/s"),
        "sifted_rate_1034p7km": (far, "bit/s"),
        "qber_over_23_orbits": (error, "1"),
    }
