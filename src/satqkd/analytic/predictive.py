"""The predictive distribution of what a publication can be compared with: draws through the analytic chain.

Each draw takes one set of the values that are not known, draws the counts of all sessions with their fading and
Poisson's deviation, and evaluates on them what stages 2, 4, 5, 6 and 7 hand to validation. Nothing is simulated tag by
tag: the clock and Cascade are left out.
"""

from collections.abc import Sequence

import click
import numpy as np
import xarray as xr

from satqkd import bell, channel, coincidence, fiber
from satqkd.analytic.expected import pair_correlations, pair_rates, pulse_rates, require_compensated
from satqkd.analytic.forecast import key_account
from satqkd.analytic.links import changed_link
from satqkd.calibration.draws import parameter_draws
from satqkd.coincidence.sifting import ideal_correlation
from satqkd.dataset import label, load, save, variable
from satqkd.files import save_provenance
from satqkd.key.proofs.bbm92 import Bbm92Key, qber_threshold
from satqkd.key.proofs.decoy import DecoyKey
from satqkd.key.proofs.entropy import binary_entropy
from satqkd.scenario import Scenario, load_scenario
from satqkd.scenario.mission import DecoySource, EntangledSource
from satqkd.streams import stream

SIDE_WINDOWS = 40  # windows beside the peak from which stage 4 estimates the accidentals
LEAST_SPREAD = 1e-12  # variance of fading that counts as none
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
        Values that change in each draw, by dotted key; see `satqkd.calibration.draws.parameter_draws`.
    orbit, budget : xarray.Dataset
        Results of stages 1 and 2.
    seed : int

    Returns
    -------
    xarray.Dataset
        A variable for each observable, ``stage.name``, in the stage's unit, with dimension draw, and end for a range.

    Raises
    ------
    ScenarioError
        Where the polarisation is turned, which the analytic chain leaves out.

    Examples
    --------
    >>> from satqkd import orbit
    >>> mission = load_scenario("tiangong2")
    >>> seen = orbit.find_sessions(mission)
    >>> found = predictive(mission, [{}] * 3, orbit=seen, budget=channel.link_budget(mission, seen), seed=1)
    >>> found["coincidence.sifted_bits"].dims, found["channel.attenuation"].dims
    (('draw',), ('draw', 'end'))
    """
    require_compensated(scenario)
    rng = stream(seed, scenario.name, "predictive")
    rows: dict[str, list] = {}
    units: dict[str, str] = {}
    for changes in draws:
        changed, link = changed_link(scenario, changes, channel=budget, orbit=orbit)
        counted = drawn_coincidences(changed, link, rng)
        key = key_of(changed, counted)
        stages: dict[str, Values] = {
            "channel": dict(channel.observables(link)),
            "coincidence": dict(coincidence.observables(counted)),
            "key": key,
            "fiber": dict(fiber.observables(fiber.compare(changed, link, _key_for_fiber(changed, key, counted)))),
        }
        if isinstance(scenario.source, EntangledSource):
            stages["bell"] = dict(bell.observables(bell.bell_test(changed, counted)))
        for stage, values in stages.items():
            for name, (value, unit) in values.items():
                rows.setdefault(f"{stage}.{name}", []).append(value)
                units[f"{stage}.{name}"] = unit
    data = xr.Dataset()
    for name, column in rows.items():
        array = np.array(column, float)
        if np.isfinite(array).any():
            data[name] = variable(("draw", "end")[: array.ndim], array, units[name], "predictive distribution")
    return label(data, "predictive", scenario, seed)


def drawn_coincidences(scenario: Scenario, link: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Draw what stage 4 would count, without any event.

    Parameters
    ----------
    scenario : Scenario
    link : xarray.Dataset
        Result of stage 2.
    rng : numpy.random.Generator

    Returns
    -------
    xarray.Dataset
        The counts of `satqkd.coincidence.coincidences`, with no event in them.

    Notes
    -----
    The power of a second is the mean over its independent values, one for each coherence time: a gamma distribution of
    the variance of fading over their number.

    Examples
    --------
    >>> from satqkd.orbit import find_sessions
    >>> mission = load_scenario("tiangong2")
    >>> link = channel.link_budget(mission, find_sessions(mission))
    >>> int(drawn_coincidences(mission, link, np.random.default_rng(1)).counts[2].sum()) < 5000
    True
    """
    used = link.isel(time=link.measurement.values >= 0)
    spread = used.fading_variance.values * min(1e-3 * scenario.channel.fading_coherence_ms, 1.0)
    spread = np.maximum(spread, LEAST_SPREAD)
    faded = used.transmittance.values * rng.gamma(1 / spread, spread)
    counted = _pulses if isinstance(scenario.source, DecoySource) else _pairs
    data = counted(scenario, used, faded, rng)
    data.attrs |= {"run": 0, "seed": 0}
    return data


def _pairs(scenario: Scenario, used: xr.Dataset, transmittance: np.ndarray, rng: np.random.Generator) -> xr.Dataset:
    assert isinstance(scenario.source, EntangledSource)
    true, accidental = pair_rates(scenario, transmittance)
    sign = np.array([[1.0, -1.0], [-1.0, 1.0]])  # of the correlation in the probability of outcomes
    counts, ideal, durations = [], [], []
    for number, measurement in enumerate(scenario.measurements):
        now = used.measurement.values == number
        correlation, _ = pair_correlations(scenario, measurement.angles_deg)
        # Either station chooses either setting: a quarter of the coincidences each, and a quarter of these an outcome.
        mean = (true[now].sum() * (1 + correlation[..., None, None] * sign) + accidental[now].sum()) / 16
        counts.append(rng.poisson(mean))
        ideal.append(ideal_correlation(scenario.source.bell_state, *np.deg2rad(measurement.angles_deg)))
        durations.append(np.count_nonzero(now))
    axes = ("measurement", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome")
    return xr.Dataset(
        {
            "counts": (axes, np.array(counts)),
            "ideal_correlation": (axes[:3], np.array(ideal)),
            "duration": ("measurement", durations),
            "accidentals": ("session", [rng.poisson(SIDE_WINDOWS * accidental.sum()) / SIDE_WINDOWS]),
        },
        coords={"measurement_name": ("measurement", [m.name for m in scenario.measurements])},
    )


def _pulses(scenario: Scenario, used: xr.Dataset, transmittance: np.ndarray, rng: np.random.Generator) -> xr.Dataset:
    assert isinstance(scenario.source, DecoySource)
    source = scenario.source
    sifted, wrong = pulse_rates(scenario, transmittance[:, 0])
    pulses_hz = source.pulse_rate_hz * source.shares
    right, wrong, rest = (rng.poisson(part * pulses_hz[:, None]) for part in (sifted - wrong, wrong, sifted))
    counts = np.zeros((len(pulses_hz), 2, 2, 2, 2), np.int64)  # by intensity, settings and outcomes
    for outcome, part in enumerate((right, wrong)):
        total = part.sum(axis=1)
        counts[:, 0, 0, 0, outcome] = rng.binomial(total, 0.5)
        counts[:, 1, 1, 0, outcome] = total - counts[:, 0, 0, 0, outcome]
    counts[:, 0, 1, 0, 0] = rest.sum(axis=1)
    seconds = used.sizes["time"]
    return xr.Dataset(
        {
            "counts": (("intensity_level", "alice_setting", "bob_setting", "alice_outcome", "bob_outcome"), counts),
            "pulses": ("intensity_level", pulses_hz * seconds),
            "duration": ("measurement", [seconds]),
            "rate": ("second", (right + wrong + rest).sum(axis=0)),
            "sifted_rate": ("second", (right + wrong)[0]),
            "range": ("second", used.range.values[:, 0]),
            "delay": ("coincidence", np.empty(0)),
        }
    )


def key_of(scenario: Scenario, counted: xr.Dataset) -> Values:
    """Return what stage 5 hands to validation except for what Cascade and the real key give.

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
    of_pulses = isinstance(scenario.source, DecoySource)
    names = [measurement.name for measurement in scenario.measurements]
    which = 0 if of_pulses else names.index("key" if "key" in names else "state")
    duration_s = float(counted.duration[which])
    table = (
        counted.counts.values[..., [0, 1], [0, 1], :, :] if of_pulses else counted.counts.values[which, [0, 1], [0, 1]]
    )
    equal, unequal = table[..., 0, 0] + table[..., 1, 1], table[..., 0, 1] + table[..., 1, 0]
    if of_pulses:
        right, wrong = equal.T, unequal.T  # shape (basis, intensity)
    else:
        correlated = np.diag(counted.ideal_correlation.values[which]) > 0
        right, wrong = np.where(correlated, equal, unequal), np.where(correlated, unequal, equal)
    counts = np.stack([right, wrong], axis=1).astype(float)
    own, plain = (
        key_account(scenario, bound)(counts[None], np.array([duration_s]))
        for bound in (scenario.key.bound, "asymptotic")
    )
    length, leak = float(own.length[0]), float(own.leak_ec[0])
    bits = counts[..., 0] if of_pulses else counts  # shape (basis, 2), those that become key
    sifted = bits.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        qber = bits[:, 1] / sifted
        total_qber = bits[:, 1].sum() / sifted.sum()
    result: Values = {
        "key_length": (length, "1"),
        "key_rate": (length / duration_s, "bit/s"),
        "asymptotic_key_rate": (float(plain.length[0]) / duration_s, "bit/s"),
        "leak_ec": (leak, "1"),
        "qber": (float(total_qber), "1"),
    }
    if of_pulses:
        pulses = counted.pulses.values
        return result | {
            "key_per_pulse": (length / float(pulses.sum()), "1"),
            "leak_ec_per_pulse": (leak / float(pulses[0]), "1"),
            "privacy_amplification_factor": (_privacy(own), "1"),
        }
    return result | {
        "sifted_bits": (float(sifted.sum()), "1"),
        "sifted_errors": (float(bits[:, 1].sum()), "1"),
        "sifted_rate": (float(sifted.sum()) / duration_s, "bit/s"),
        "qber_z": (float(qber[0]), "1"),
        "qber_x": (float(qber[1]), "1"),
        "qber_threshold": (_threshold(scenario, sifted), "1"),
    }


def _privacy(key: Bbm92Key | DecoyKey) -> float:
    assert isinstance(key, DecoyKey) and key.z is not None and key.x is not None
    return 1 - float(np.mean(binary_entropy(np.concatenate([key.z.phase_error, key.x.phase_error]))))


def _threshold(scenario: Scenario, sifted: np.ndarray) -> float:
    try:
        return float(
            qber_threshold(
                n_z=sifted[0],
                n_x=sifted[1],
                eps_sec=scenario.key.eps_sec,
                eps_cor=scenario.key.eps_cor,
                f_ec=scenario.key.f_ec,
                bound=scenario.key.bound,
                efficiency_mismatch=scenario.key.efficiency_mismatch,
            )
        )
    except ValueError:  # so few bits that there is no key even without errors
        return np.nan


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
