"""Predictive distributions of the observables of a scenario: draws through the analytic chain.

Each draw takes one set of the uncertain values, and draws the counts of all sessions with fading and Poisson's
deviation. The observables of the stages are evaluated on these counts. No tags are simulated, so the clock and Cascade
are left out.
"""

import re
from collections.abc import Sequence

import click
import numpy as np
import xarray as xr

from satqkd import bell, channel, coincidence, fiber
from satqkd.analytic.expected import (
    detector_response,
    noise_hz,
    pair_rates,
    photons_of_pulse,
    pulse_rates,
    require_compensated,
    singles,
)
from satqkd.analytic.links import changed_link
from satqkd.analytic.means import with_means
from satqkd.analytic.outlook import outlook_observables
from satqkd.analytic.season import survey_draws
from satqkd.analytic.undated import NEXT, draw_nights, link_shown, orbit_draws, with_nights
from satqkd.calibration.draws import parameter_draws
from satqkd.channel.stage import contrast_observables, contrast_of, frames_of_plates, polarization_jones
from satqkd.coincidence.sifting import ideal_correlation
from satqkd.dataset import label, load, save, variable
from satqkd.files import save_provenance
from satqkd.key.stage import length_observables, sifted_and_length
from satqkd.orbit.stage import phase_durations, search
from satqkd.orbit.timeline import phases_after
from satqkd.scenario import Scenario, load_scenario
from satqkd.scenario.mission import DecoySource, EntangledSource
from satqkd.scenario.uncertain import LOWER, UPPER
from satqkd.streams import stream

SIDE_WINDOWS = 40  # windows off the peak from which stage 4 estimates accidental coincidences
LEAST_SPREAD = 1e-12  # smallest variance of fading, in place of zero
COUNTED = 100  # draws with counting and fading alone
OUTLOOK_EVERY = 8  # the outlook, which takes longest, is computed for one in so many draws
EXTINCTION = re.compile(r"stations\.(\d)\.zenith_extinction_db")
Values = dict[str, tuple[float | list[float], str]]


def predictive(
    scenario: Scenario,
    draws: Sequence[dict[str, float]],
    *,
    orbit: xr.Dataset,
    budget: xr.Dataset,
    seed: int,
) -> xr.Dataset:
    """Return the predictive distribution of a scenario's observables.

    Parameters
    ----------
    scenario : Scenario
    draws : sequence of dict
        Changed values of each draw, by dotted key; see `satqkd.calibration.draws.parameter_draws`.
    orbit, budget : xarray.Dataset
        Results of stages 1 and 2.
    seed : int

    Returns
    -------
    xarray.Dataset
        A variable for each observable, ``stage.name``, in the stage's unit, with dimension draw, and end for a range.
        Its attribute counting_sigma is the half-width of the 68 % interval by counting and fading alone, with all
        values known: one number, or one for each end [unit].

    Raises
    ------
    ScenarioError
        If the frames rotate without compensation, which the analytic chain does not cover.

    Examples
    --------
    >>> from satqkd import orbit
    >>> mission = load_scenario("tiangong2")
    >>> seen = orbit.find_sessions(mission)
    >>> found = predictive(mission, [{}] * 3, orbit=seen, budget=channel.link_budget(mission, seen), seed=1)
    >>> found["coincidence.sifted_bits"].dims, found["channel.attenuation"].dims
    (('draw',), ('draw', 'end'))
    """
    scenario = with_means(scenario, orbit)
    require_compensated(scenario)
    beside = beside_draws(scenario, orbit, seed=seed, rows=len(draws))
    rng = stream(seed, scenario.name, "predictive")
    rows, units = _rows(scenario, draws, orbit=orbit, budget=budget, rng=rng, beside=beside)
    for name, (column, unit) in _of_survey(scenario, draws, orbit, seed).items():
        rows[name], units[name] = column, unit
    # With all values known the nights are the stated ones, and the outlook, an expectation, is one number.
    known = scenario.replaced({"orbit.measurement_nights": "stated", "outlook": {}})
    alone = stream(seed, scenario.name, "predictive", "counting")
    times = min(COUNTED, len(draws))
    counting, _ = _rows(known, [{}] * times, orbit=orbit, budget=budget, rng=alone, beside=[{}] * times)
    data = xr.Dataset()
    for name, column in rows.items():
        array = np.array(column, float)
        if np.isfinite(array).any():
            data[name] = variable(("draw", "end")[: array.ndim], array, units[name], "predictive distribution")
            data[name].attrs["counting_sigma"] = _half_interval(np.array(counting.get(name, [0.0]), float))
    return label(data, "predictive", scenario, seed)


def _half_interval(draws: np.ndarray) -> np.ndarray:
    """Return half of the 68 % interval of each number; zero where no draw has a number."""
    if np.isnan(draws).all():
        return np.zeros(draws.shape[1:])
    low, high = np.nanquantile(draws, [LOWER, UPPER], axis=0, method="nearest")
    return np.where(low == high, 0.0, (high - low) / 2)


def _rows(
    scenario: Scenario,
    draws: Sequence[dict[str, float]],
    *,
    orbit: xr.Dataset,
    budget: xr.Dataset,
    rng: np.random.Generator,
    beside: Sequence[dict[str, Values]],
) -> tuple[dict[str, list], dict[str, str]]:
    """Return observables in each draw, and their units, by ``stage.name``, including those of `beside_draws`."""
    rows: dict[str, list] = {}
    units: dict[str, str] = {}
    undated = scenario.orbit.measurement_nights == "unknown"
    geometry, shown_of = orbit_draws(scenario, draws), link_shown(scenario, draws)
    for row, changes in enumerate(draws):
        changed, link = changed_link(scenario, changes, channel=budget, orbit=orbit)
        shown_scenario, shown = (changed, link) if shown_of is None else shown_of(changes)
        if undated:
            nights = draw_nights(changed, link, rng, air=_air_of_nights(draws, row, orbit.sizes["session"]))
            link = with_nights(changed, link, nights)
            session = orbit.attrs["showcase"]
            shown = link if shown_of is None else with_nights(shown_scenario, shown, nights, session=session)
        counted = drawn_coincidences(changed, link, rng)
        key = key_of(changed, counted)
        stages: dict[str, Values] = {
            "orbit": dict(geometry[row]),
            "channel": dict(channel.observables(shown)),
            "coincidence": dict(coincidence.observables(counted)),
            "key": key,
            "fiber": dict(fiber.observables(fiber.compare(changed, link, _key_for_fiber(changed, key, counted)))),
        }
        if scenario.outlook and row % OUTLOOK_EVERY == 0:
            stages["overview"] = dict(outlook_observables(changed, orbit))
        if isinstance(scenario.source, EntangledSource):
            stages["bell"] = dict(bell.observables(bell.bell_test(changed, counted)))
        for stage, values in beside[row].items():
            stages[stage] = stages.get(stage, {}) | values
        for stage, values in stages.items():
            for name, (value, unit) in values.items():
                rows.setdefault(f"{stage}.{name}", []).append(value)
                units[f"{stage}.{name}"] = unit
    # Draws without an observable that others have get NaN.
    return {
        name: column if len(column) == len(draws) else [*column, *[np.nan] * (len(draws) - len(column))]
        for name, column in rows.items()
    }, units


def _air_of_nights(draws: Sequence[dict[str, float]], row: int, sessions: int) -> dict[int, list[float]]:
    """Return the extinction in the night of each session, by station, from other draws; empty where it is known."""
    found = {}
    for key in draws[row]:
        if match := EXTINCTION.fullmatch(key):
            others = ((row + NEXT * (session + 1)) % len(draws) for session in range(sessions))
            found[int(match[1])] = [draws[other][key] for other in others]
    return found


def _of_survey(
    scenario: Scenario, draws: Sequence[dict[str, float]], orbit: xr.Dataset, seed: int
) -> dict[str, tuple[list, str]]:
    """Return draws of the observables of a survey of many nights."""
    if scenario.orbit.survey is None or not isinstance(scenario.source, DecoySource):
        return {}
    nights = survey_draws(scenario, draws, orbit=orbit, rng=stream(seed, scenario.name, "predictive", "nights"))
    return {f"overview.{name}": entry for name, entry in nights.items()}


def beside_draws(scenario: Scenario, orbit: xr.Dataset, *, seed: int, rows: int) -> list[dict[str, Values]]:
    """Return draws of the models that do not act on the counts: a polarisation train and a timeline.

    Parameters
    ----------
    scenario : Scenario
        Its `unknowns_beside` are drawn, independently of the rest.
    orbit : xarray.Dataset
        Result of stage 1.
    seed : int
    rows : int
        Number of draws.

    Returns
    -------
    list of dict
        Observables by stage and name.

    Examples
    --------
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("tiangong2")
    >>> [draw] = beside_draws(mission, find_sessions(mission), seed=1, rows=1)
    >>> list(draw["orbit"])
    ['acquisition_time', 'communication_time']
    """
    names = scenario.unknowns_beside
    uniform = stream(seed, scenario.name, "beside").random((rows, len(names)))
    shown = orbit.isel(time=orbit.session_number.values == orbit.attrs["showcase"])
    found: list[dict[str, Values]] = []
    for row in uniform:
        drawn = zip(names, row, strict=True)
        changed = scenario.replaced({key: one.uncertainty.quantile(p) for one, p in drawn for key in one.keys})
        values: dict[str, Values] = {}
        if (optics := changed.polarization.train) is not None:
            turned, late, standing = frames_of_plates(shown, delay_s=optics.plate_delay_s)
            contrasts = (
                contrast_of(optics, polarization_jones(optics, rotation_rad=turned, plate_rotation_rad=plates_rad))
                for plates_rad in (late, standing)
            )
            values["channel"] = contrast_observables(*contrasts)
        if (acquisition := changed.orbit.acquisition) is not None:
            starts_s = phases_after(
                orbit.phase_start.values[orbit.attrs["showcase"]],
                initialisation_s=acquisition.initialisation_s,
                acquisition_s=search(acquisition).mean_s(),
                link_s=acquisition.link_s,
            )
            values["orbit"] = dict(phase_durations(starts_s))
        found.append(values)
    return found


def drawn_coincidences(scenario: Scenario, link: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Draw the counts of stage 4 without simulating events.

    Parameters
    ----------
    scenario : Scenario
    link : xarray.Dataset
        Result of stage 2.
    rng : numpy.random.Generator

    Returns
    -------
    xarray.Dataset
        The counts that `satqkd.coincidence.coincidences` returns, without events.

    Notes
    -----
    The power in a second is a mean over independent values, one for each coherence time. It is drawn from a gamma
    distribution whose variance is that of the fading over the number of these values.

    Examples
    --------
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("tiangong2")
    >>> link = channel.link_budget(mission, find_sessions(mission))
    >>> int(drawn_coincidences(mission, link, np.random.default_rng(1)).counts[2].sum()) < 5000
    True
    """
    needed = ["transmittance", "fading_variance", "range", "measurement"]
    used = link[needed].isel(time=link.measurement.values >= 0)
    spread = used.fading_variance.values * min(1e-3 * scenario.channel.fading_coherence_ms, 1.0)
    spread = np.maximum(spread, LEAST_SPREAD)
    faded = used.transmittance.values * rng.gamma(1 / spread, spread)
    counted = _pulses if isinstance(scenario.source, DecoySource) else _pairs
    data = counted(scenario, used, faded, rng)
    data.attrs |= {"run": 0, "seed": 0}
    return data


def _pairs(scenario: Scenario, used: xr.Dataset, transmittance: np.ndarray, rng: np.random.Generator) -> xr.Dataset:
    assert isinstance(scenario.source, EntangledSource)
    counts, ideal, durations = [], [], []
    for number, measurement in enumerate(scenario.measurements):
        now = used.measurement.values == number
        rates = pair_rates(scenario, transmittance[now], angles_deg=measurement.angles_deg)
        counts.append(rng.poisson(np.sum(rates, axis=(0, 1))))
        ideal.append(ideal_correlation(scenario.source.bell_state, *np.deg2rad(measurement.angles_deg)))
        durations.append(np.count_nonzero(now))
    # Stage 4 averages accidental coincidences over many windows off the peak.
    singles_hz = singles(scenario, transmittance).sum(axis=2).prod(axis=1)
    accidentals = scenario.coincidence.window_ns * 1e-9 * singles_hz.sum()
    axes = ("measurement", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome")
    return xr.Dataset(
        {
            "counts": (axes, np.array(counts)),
            "ideal_correlation": (axes[:3], np.array(ideal)),
            "duration": ("measurement", durations),
            "accidentals": ("session", [rng.poisson(SIDE_WINDOWS * accidentals) / SIDE_WINDOWS]),
        },
        coords={"measurement_name": ("measurement", [m.name for m in scenario.measurements])},
    )


def _pulses(scenario: Scenario, used: xr.Dataset, transmittance: np.ndarray, rng: np.random.Generator) -> xr.Dataset:
    assert isinstance(scenario.source, DecoySource)
    source = scenario.source
    pulses_hz = source.pulse_rate_hz * source.shares
    mean = pulse_rates(scenario, transmittance[:, 0]) * pulses_hz[:, None]
    bits = rng.poisson(mean)  # (basis, right or wrong, intensity, second)
    rest = rng.poisson(mean)  # sifted out, at the same mean rate
    outside_hz = np.maximum(clicks_hz(scenario, transmittance[:, 0]) - 2 * mean.sum(axis=(0, 1, 2)), 0.0)
    counts = np.zeros((len(pulses_hz), 2, 2, 2, 2), np.int64)
    for basis in range(2):
        for setting, drawn in ((basis, bits), (1 - basis, rest)):
            counts[:, basis, setting] = _by_outcomes(scenario, drawn[basis].sum(axis=2).T, setting, rng)
    inside = (bits + rest).sum(axis=(0, 1, 2))
    seconds = used.sizes["time"]
    return xr.Dataset(
        {
            "counts": (("intensity_level", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome"), counts),
            "pulses": ("intensity_level", pulses_hz * seconds),
            "duration": ("measurement", [seconds]),
            "clicks": ("second", inside + rng.poisson(outside_hz)),
            "rate": ("second", inside),
            "sifted_rate": ("second", bits[:, :, 0].sum(axis=(0, 1))),
            "range": ("second", used.range.values[:, 0]),
            "delay": ("coincidence", np.empty(0)),
        }
    )


def _by_outcomes(scenario: Scenario, drawn: np.ndarray, setting: int, rng: np.random.Generator) -> np.ndarray:
    """Return equal and unequal bits, (intensity, 2), by the outcomes of transmitter and receiver, (intensity, 2, 2)."""
    first, second = (scenario.stations[0].detectors[2 * setting + outcome].efficiency for outcome in (0, 1))
    received = rng.binomial(drawn, first / (first + second))  # at the detector of outcome 0
    others = drawn - received
    return np.stack(
        [np.stack([received[:, 0], others[:, 1]], axis=1), np.stack([received[:, 1], others[:, 0]], axis=1)], axis=1
    )


def clicks_hz(scenario: Scenario, transmittance: np.ndarray) -> np.ndarray:
    """Return the rate of all clicks of a receiver of pulses, inside and outside the window [1/s], shape (time,).

    Parameters
    ----------
    scenario : Scenario
    transmittance : ndarray, shape (time,)
        Of the link, without detectors [1].

    Examples
    --------
    >>> clicks_hz(load_scenario("tiangong2"), np.array([0.0])).round() < 1000
    array([ True])
    """
    assert isinstance(scenario.source, DecoySource)
    photons_hz = scenario.source.pulse_rate_hz * photons_of_pulse(scenario, transmittance)
    arrivals_hz = photons_hz + noise_hz(scenario, scenario.stations[0])
    gain, ready = detector_response(scenario, arrivals_hz)
    return (arrivals_hz * gain * ready).sum(axis=1)


def key_of(scenario: Scenario, counted: xr.Dataset) -> Values:
    """Return the observables of stage 5, except those of Cascade and of the real key.

    Parameters
    ----------
    scenario : Scenario
    counted : xarray.Dataset
        Result of stage 4, or of `drawn_coincidences`.

    Examples
    --------
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("tiangong2")
    >>> link = channel.link_budget(mission, find_sessions(mission))
    >>> values = key_of(mission, drawn_coincidences(mission, link, np.random.default_rng(1)))
    >>> values["key_length"][0] > 0, values["key_length"][1]
    (True, '1')
    """
    data, length = sifted_and_length(scenario, counted)
    own, plain = (
        length(bound, scenario.key.eps_sec, scenario.key.eps_cor) for bound in (scenario.key.bound, "asymptotic")
    )
    assert own.z is not None and own.x is not None
    return dict(
        length_observables(
            data,
            length=float(own.length),
            asymptotic_length=float(plain.length),
            leak_ec=float(own.leak_ec),
            phase_errors=[float(own.z.phase_error), float(own.x.phase_error)],
        )
    )


def _key_for_fiber(scenario: Scenario, key: Values, counted: xr.Dataset) -> xr.Dataset:
    """Return the part of a result of stage 5 that stage 7 reads."""
    return xr.Dataset(
        {"length": ("bound", [key["key_length"][0]]), "duration": ((), float(counted.duration.sum()))},
        coords={"bound": [scenario.key.bound]},
        attrs={"compared_bound": scenario.key.bound},
    )


@click.command()
@click.argument("scenario")
@click.option("--orbit", "orbit_data", required=True, help="result of stage 1")
@click.option("--channel", "channel_data", required=True, help="result of stage 2")
@click.option("--output", required=True, help="file to write")
@click.option("--seed", required=True, type=int)
def main(scenario: str, orbit_data: str, channel_data: str, output: str, seed: int) -> None:
    """Write the predictive distribution of a scenario."""
    mission = load_scenario(scenario)
    assert isinstance(mission, Scenario)
    data = predictive(
        mission,
        parameter_draws(mission, seed=seed),
        orbit=load(orbit_data),
        budget=load(channel_data),
        seed=seed,
    )
    save(data, output)
    save_provenance(output, [scenario, orbit_data, channel_data])


if __name__ == "__main__":
    main()
