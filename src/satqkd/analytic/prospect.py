"""What a scenario is expected to yield in all its sessions, in one look: losses, rates, error rate, S and key."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from satqkd.analytic.expected import pair_correlations, pair_rates, ratio, require_compensated
from satqkd.analytic.forecast import counts_through, no_key, secret_bits
from satqkd.channel import link_budget
from satqkd.scenario import Scenario

# Seconds of the open link that are computed; more do not change the third digit.
NODES = 200


def answer(scenario: Scenario, orbit: xr.Dataset, *, min_elevation_deg: float = 0.0) -> dict[str, float | str | dict]:
    """What a scenario is expected to yield in all its sessions together.

    Parameters
    ----------
    scenario : Scenario
    orbit : xarray.Dataset
        Of stage 1.
    min_elevation_deg : float
        Seconds with the satellite lower over any station are left out.

    Returns
    -------
    dict
        ``open_s`` [s]; ``budget`` (mean loss [dB] by component, all stations together); ``attenuation_min`` and
        ``attenuation_max`` [dB]; ``rate`` (coincidences, or sifted signal bits, per second); ``qber``; ``chsh_s``
        of entangled pairs; ``sifted``, ``key`` and ``key_sigma`` [bit]; ``no_key``, why there is no key, of
        `satqkd.key.proofs.reasons.REASONS`, or empty. Where no second is left all are zero, and the budget is empty.

    Raises
    ------
    ScenarioError
        Where the polarisation is turned, which the analytic chain leaves out.
    """
    require_compensated(scenario)
    session, step_s = _seconds(orbit, min_elevation_deg)
    if not session.sizes["time"]:
        nothing = (
            "open_s",
            "attenuation_min",
            "attenuation_max",
            "rate",
            "qber",
            "chsh_s",
            "sifted",
            "key",
            "key_sigma",
        )
        return dict.fromkeys(nothing, 0.0) | {"budget": {}, "no_key": "no signal"}
    channel = link_budget(scenario, session)
    counts = counts_through(scenario, channel, np.full((1, session.sizes["time"]), step_s))
    (sifted,), _ = counts.sifted()
    (qber,), _ = counts.qber()
    (key,), (key_sigma,) = secret_bits(scenario, counts)
    open_s = step_s * session.sizes["time"]
    result = {
        "open_s": open_s,
        "budget": {
            str(name): float(channel.loss.sel(component=name).sum("station").mean())
            for name in channel.component.values
        },
        "attenuation_min": float(channel.total_attenuation.min()),
        "attenuation_max": float(channel.total_attenuation.max()),
        "rate": sifted / open_s,
        "qber": qber,
        "sifted": sifted,
        "key": key,
        "key_sigma": key_sigma,
        "no_key": no_key(scenario, counts)[0],
    }
    if scenario.source.kind == "entangled":
        result |= _pairs(scenario, channel.transmittance.values)
    return {name: value if name in ("budget", "no_key") else float(value) for name, value in result.items()}


@dataclass(frozen=True)
class PassCourse:
    """Expectations through one pass, each of shape (second,).

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
        Of stage 1.
    min_elevation_deg : float
        Seconds with the satellite lower over any station are left out.

    Raises
    ------
    ScenarioError
        Where the polarisation is turned, which the analytic chain leaves out.

    Examples
    --------
    >>> from satqkd import load_scenario, orbit
    >>> mission = load_scenario("data/scenarios/liao2017.yaml")
    >>> course = through_pass(mission, orbit.find_sessions(mission))
    >>> bool(course.attenuation_db.argmin() == course.rate_hz.argmax())
    True
    """
    require_compensated(scenario)
    shown = orbit.isel(time=orbit.pass_number.values == orbit.attrs["showcase"])
    start = shown.time.values[:1]
    high = np.flatnonzero(shown.elevation.values.min(axis=1) >= min_elevation_deg)
    shown = shown.isel(time=high[:: max(1, high.size // NODES)])
    if not shown.sizes["time"]:
        return PassCourse(*np.empty((4, 0)))
    channel = link_budget(scenario, shown)
    counts = counts_through(scenario, channel, np.ones((shown.sizes["time"], 1)))
    if scenario.source.kind == "entangled":
        rate_hz = np.sum(pair_rates(scenario, channel.transmittance.values), axis=0)
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
        Of stage 1.
    nodes : int
        At most that many parts.
    """
    used = np.flatnonzero(orbit.measurement.values >= 0)
    parts = min(nodes, used.size)
    return orbit.isel(time=used[((np.arange(parts) + 0.5) * used.size / parts).astype(int)]), used.size / parts


def _seconds(orbit: xr.Dataset, min_elevation_deg: float) -> tuple[xr.Dataset, float]:
    """The seconds of open link above an elevation, thinned, and how many seconds each stands for."""
    high = orbit.elevation.values.min(axis=1) >= min_elevation_deg
    used = np.flatnonzero(high & (orbit.measurement.values >= 0))
    nodes = used[np.linspace(0, used.size - 1, min(NODES, used.size)).round().astype(int)]
    return orbit.isel(time=nodes), used.size / max(nodes.size, 1)


def _pairs(scenario: Scenario, transmittance: np.ndarray) -> dict[str, float]:
    """All coincidences per second, and S at the angles of a Bell test; the ideal ones where the scenario has none."""
    true, accidental = pair_rates(scenario, transmittance)
    angles = next((m.angles_deg for m in scenario.measurements if m.name == "bell"), ((0.0, 45.0), (22.5, 67.5)))
    found, ideal = pair_correlations(scenario, angles)
    purity = ratio(true.sum(), (true + accidental).sum())
    return {"rate": (true + accidental).mean(), "chsh_s": purity * np.abs(np.sum(np.sign(ideal) * found))}
