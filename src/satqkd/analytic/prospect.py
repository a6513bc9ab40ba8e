"""The outlook for a scenario, by the analytic chain: losses, rates, error rate, S and key over all its sessions."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from satqkd.analytic.expected import chsh_s, pair_rates, require_compensated
from satqkd.analytic.forecast import counts_through, no_key, secret_bits
from satqkd.analytic.means import with_means
from satqkd.channel import link_budget
from satqkd.coincidence.sifting import ideal_correlation
from satqkd.result import Result
from satqkd.scenario import Scenario
from satqkd.scenario.mission import EntangledSource

# Seconds of the open link that are computed; more do not change the third digit.
NODES = 200
# Analysers' angles, shape (station, setting), at which a maximally entangled state has the largest S.
IDEAL_ANGLES_DEG = ((0.0, 45.0), (22.5, 67.5))


@dataclass(frozen=True, repr=False)
class Outcome(Result):
    """What a scenario is expected to yield in all its sessions together.

    Attributes
    ----------
    open_s : float
        Open link above the elevation cut [s]; from stage 1.
    budget : dict of str to float
        Mean loss [dB] by component, all stations together; from `satqkd.channel.link_budget`. Empty where no second
        is left, in which case all numbers are 0.
    attenuation_min, attenuation_max : float
        Of all links together, as the publication counts it [dB]; from the same link budget.
    rate : float
        Coincidences of pairs (`satqkd.analytic.expected.pair_rates`), or sifted bits of the signal pulses
        (`satqkd.analytic.forecast.Counts.sifted`), each divided by the open link [1/s].
    qber : float
        Error rate of the sifted bits [1], nan without any; from `satqkd.analytic.forecast.Counts.qber`.
    chsh_s : float or None
        S at the angles of the scenario's Bell test, or at the ideal angles where it has none, with the accidental
        coincidences in it; nan without coincidences. None for pulses.
    sifted : float
        Sifted bits that become key; from `satqkd.analytic.forecast.Counts.sifted`.
    key, key_sigma : float
        Secret bits under the scenario's proof, and their standard deviation; from
        `satqkd.analytic.forecast.secret_bits`.
    no_key : str
        One of `satqkd.key.proofs.reasons.REASONS`, from `satqkd.analytic.forecast.no_key`; empty where there is key.
    """

    open_s: float
    budget: dict[str, float]
    attenuation_min: float
    attenuation_max: float
    rate: float
    qber: float
    chsh_s: float | None
    sifted: float
    key: float
    key_sigma: float
    no_key: str


def answer(scenario: Scenario, orbit: xr.Dataset, *, min_elevation_deg: float = 0.0) -> Outcome:
    """Return what a scenario is expected to yield in all its sessions together.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.
    min_elevation_deg : float
        Leave out the seconds in which the satellite is lower than this over any station [degree].

    Raises
    ------
    ScenarioError
        Where the polarisation is turned, which the analytic chain leaves out.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> mission = load_scenario("liao2017")
    >>> outcome = answer(mission, orbit.find_sessions(mission))
    >>> outcome.open_s, round(outcome.attenuation_max, -1), outcome.no_key
    (272.0, 40.0, '')
    """
    scenario = with_means(scenario, orbit)
    require_compensated(scenario)
    of_pairs = isinstance(scenario.source, EntangledSource)
    session, step_s = _seconds(orbit, min_elevation_deg)
    if not session.sizes["time"]:
        return Outcome(0.0, {}, 0.0, 0.0, 0.0, 0.0, 0.0 if of_pairs else None, 0.0, 0.0, 0.0, "no signal")
    channel = link_budget(scenario, session)
    counts = counts_through(scenario, channel, np.full((1, session.sizes["time"]), step_s))
    (sifted,), _ = counts.sifted()
    (qber,), _ = counts.qber()
    (key,), (key_sigma,) = secret_bits(scenario, counts)
    open_s = step_s * session.sizes["time"]
    if of_pairs:
        rate, chsh_s = _coincidences_and_s(scenario, channel.transmittance.values)
    else:
        rate, chsh_s = sifted / open_s, None
    return Outcome(
        open_s=float(open_s),
        budget={
            str(name): float(channel.loss.sel(component=name).sum("station").mean())
            for name in channel.component.values
        },
        attenuation_min=float(channel.total_attenuation.min()),
        attenuation_max=float(channel.total_attenuation.max()),
        rate=float(rate),
        qber=float(qber),
        chsh_s=chsh_s,
        sifted=float(sifted),
        key=float(key),
        key_sigma=float(key_sigma),
        no_key=no_key(scenario, counts)[0],
    )


@dataclass(frozen=True)
class PassCourse:
    """Expected course of one pass; every attribute has shape (second,).

    Attributes
    ----------
    elapsed_s : ndarray
        Time since the session began [s].
    attenuation_db : ndarray
        Of all links together, as the publication counts it [dB].
    rate_hz : ndarray
        Coincidences, or sifted signal bits [1/s].
    qber : ndarray
        Error rate of the sifted bits [1]; nan where nothing is sifted.
    """

    elapsed_s: np.ndarray
    attenuation_db: np.ndarray
    rate_hz: np.ndarray
    qber: np.ndarray


def through_pass(scenario: Scenario, orbit: xr.Dataset, *, min_elevation_deg: float = 0.0) -> PassCourse:
    """Return attenuation, rate and error rate through the session that figures show.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Result of stage 1.
    min_elevation_deg : float
        Leave out the seconds in which the satellite is lower than this over any station [degree].

    Raises
    ------
    ScenarioError
        Where the polarisation is turned, which the analytic chain leaves out.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> mission = load_scenario("liao2017")
    >>> course = through_pass(mission, orbit.find_sessions(mission))
    >>> bool(course.attenuation_db.argmin() == course.rate_hz.argmax())
    True
    """
    scenario = with_means(scenario, orbit)
    require_compensated(scenario)
    shown = orbit.isel(time=orbit.session_number.values == orbit.attrs["showcase"])
    start = shown.time.values[:1]
    high = np.flatnonzero(shown.elevation.values.min(axis=1) >= min_elevation_deg)
    shown = shown.isel(time=high[:: max(1, high.size // NODES)])
    if not shown.sizes["time"]:
        return PassCourse(*np.empty((4, 0)))
    channel = link_budget(scenario, shown)
    counts = counts_through(scenario, channel, np.ones((shown.sizes["time"], 1)))
    if isinstance(scenario.source, EntangledSource):
        rates = pair_rates(scenario, channel.transmittance.values, angles_deg=scenario.measurements[0].angles_deg)
        rate_hz = np.sum(rates, axis=(0, 2, 3, 4, 5))
    else:
        rate_hz, _ = counts.sifted()
    qber, _ = counts.qber()
    elapsed_s = (shown.time.values - start) / np.timedelta64(1, "s")
    return PassCourse(elapsed_s, channel.total_attenuation.values, rate_hz, qber)


def middle_seconds(orbit: xr.Dataset, nodes: int) -> tuple[xr.Dataset, float]:
    """Return seconds in the middle of equal parts of the open link, and how many seconds each stands for [s].

    Parameters
    ----------
    orbit : xarray.Dataset
        Result of stage 1.
    nodes : int
        Largest number of parts.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> seconds, step_s = middle_seconds(orbit.find_sessions(load_scenario("liao2017")), 10)
    >>> seconds.sizes["time"], float(step_s)
    (10, 27.2)
    """
    used = np.flatnonzero(orbit.measurement.values >= 0)
    parts = min(nodes, used.size)
    return orbit.isel(time=used[((np.arange(parts) + 0.5) * used.size / parts).astype(int)]), used.size / parts


def _seconds(orbit: xr.Dataset, min_elevation_deg: float) -> tuple[xr.Dataset, float]:
    """Return seconds of open link above an elevation, thinned to `NODES`, and how many seconds each stands for."""
    high = orbit.elevation.values.min(axis=1) >= min_elevation_deg
    used = np.flatnonzero(high & (orbit.measurement.values >= 0))
    nodes = used[np.linspace(0, used.size - 1, min(NODES, used.size)).round().astype(int)]
    return orbit.isel(time=nodes), used.size / max(nodes.size, 1)


def _coincidences_and_s(scenario: Scenario, transmittance: np.ndarray) -> tuple[float, float]:
    """Return all coincidences per second, and S at the angles of the Bell test, else at the ideal angles."""
    assert isinstance(scenario.source, EntangledSource)
    angles = next((m.angles_deg for m in scenario.measurements if m.name == "bell"), IDEAL_ANGLES_DEG)
    pairs = np.sum(pair_rates(scenario, transmittance, angles_deg=angles), axis=0)
    ideal = ideal_correlation(scenario.source.bell_state, *np.deg2rad(angles))
    return float(pairs.sum() / len(pairs)), chsh_s(pairs.sum(axis=0), ideal)
